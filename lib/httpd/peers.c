#include "internal.h"

#include <stdlib.h>

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

struct peer *peers_add(struct peers *p, struct ip ip, uint32_t *mine_out, uint32_t *total_out)
{
    const struct prefix key = ip_key(ip);
    struct peer **bucket = &p->buckets[peer_bucket(p, key)];
    struct peer *peer = NULL;

    (void)pthread_mutex_lock(&p->lock);
    *total_out = ++p->total;
    *mine_out = 0;
    for (peer = *bucket; peer != NULL; peer = peer->next)
        if (prefix_cmp(peer->key, key) == 0)
            break;
    if (peer == NULL) {
        peer = calloc(1, sizeof(*peer));
        if (peer != NULL) {
            peer->key = key;
            peer->next = *bucket;
            *bucket = peer;
        }
    }
    if (peer != NULL)
        *mine_out = ++peer->count;
    (void)pthread_mutex_unlock(&p->lock);
    return peer;
}

void peers_remove(struct peers *p, struct peer *peer)
{
    (void)pthread_mutex_lock(&p->lock);
    p->total--;
    if (peer != NULL && --peer->count == 0) {
        struct peer **at = &p->buckets[peer_bucket(p, peer->key)];
        while (*at != peer)
            at = &(*at)->next;
        *at = peer->next;
        free(peer);
    }
    (void)pthread_mutex_unlock(&p->lock);
}
