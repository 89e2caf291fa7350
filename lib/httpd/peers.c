#include "internal.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BUCKETS_MIN = 64, BUCKETS_MAX = 1 << 16 };

enum trap_err peers_init(struct peers *p, uint32_t connections_max)
{
    size_t n = BUCKETS_MIN;

    while (n < connections_max && n < BUCKETS_MAX)
        n *= 2;
    *p = (struct peers){ .mask = n - 1, .buckets = calloc(n, sizeof(*p->buckets)) };
    if (p->buckets == NULL)
        return TRAP_ENOMEM;
    (void)pthread_mutex_init(&p->lock, NULL);
    return TRAP_OK;
}

void peers_free(struct peers *p)
{
    if (p->buckets == NULL)
        return;
    free(p->buckets);
    p->buckets = NULL;
    (void)pthread_mutex_destroy(&p->lock);
}

/* Chains are bounded by the number of connections, so an unkeyed hash is enough. */
static size_t peer_bucket(const struct peers *p, struct prefix key)
{
    uint64_t h = 0;

    for (size_t i = 0; i < sizeof(key.ip.b); i++)
        h = (h ^ key.ip.b[i]) * 0x100000001b3u;
    return (size_t)(h ^ (h >> 29)) & p->mask;
}

static struct peer *peer_of(struct peers *p, struct prefix key)
{
    struct peer **bucket = &p->buckets[peer_bucket(p, key)];
    struct peer *peer = *bucket;

    while (peer != NULL && prefix_cmp(peer->key, key) != 0)
        peer = peer->next;
    if (peer == NULL) {
        peer = calloc(1, sizeof(*peer));
        if (peer != NULL) {
            peer->key = key;
            peer->next = *bucket;
            *bucket = peer;
        }
    }
    return peer;
}

void peers_add(struct peers *p, struct httpd_conn *c, uint32_t *mine_out, uint32_t *total_out)
{
    (void)pthread_mutex_lock(&p->lock);
    *total_out = ++p->total;
    c->peer = peer_of(p, ip_key(c->ip));
    *mine_out = c->peer != NULL ? ++c->peer->count : 0;
    c->next = p->conns;
    c->link = &p->conns;
    if (c->next != NULL)
        c->next->link = &c->next;
    p->conns = c;
    (void)pthread_mutex_unlock(&p->lock);
}

void peers_remove(struct peers *p, struct httpd_conn *c)
{
    (void)pthread_mutex_lock(&p->lock);
    p->total--;
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    if (c->peer != NULL && --c->peer->count == 0) {
        struct peer **at = &p->buckets[peer_bucket(p, c->peer->key)];
        while (*at != c->peer)
            at = &(*at)->next;
        *at = c->peer->next;
        free(c->peer);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

/* The library tells of a connection's end before it closes the descriptor: what is in the list is open. */
void peers_shut_slow(struct peers *p, mono_t now, span_t limit)
{
    (void)pthread_mutex_lock(&p->lock);
    for (struct httpd_conn *c = p->conns; c != NULL; c = c->next) {
        const int64_t since = atomic_load_explicit(&c->reading_since, memory_order_relaxed);
        if (since == 0 || now.ms - since < limit.ms)
            continue;
        (void)shutdown(c->fd, SHUT_RDWR);
        atomic_store_explicit(&c->reading_since, 0, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&p->lock);
}
