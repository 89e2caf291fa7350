#include "client_limits.h"

#include <stdlib.h>

enum { CAP_FIRST = 1024, MS_PER_HOUR = 3600 * 1000 };

enum trap_err client_limits_init(struct client_limits *l)
{
    *l = (struct client_limits){ .cap = CAP_FIRST };
    l->v = calloc(l->cap, sizeof(*l->v));
    keyed_random(l->key.k, sizeof(l->key.k));
    return l->v == NULL ? TRAP_ENOMEM : TRAP_OK;
}

void client_limits_free(struct client_limits *l)
{
    free(l->v);
    *l = (struct client_limits){ .v = NULL };
}

/* The client's place, or the free place where it belongs. */
static struct client_count *place(const struct client_limits *l, struct client_count *v, size_t cap,
                                  struct prefix key)
{
    size_t i = keyed_hash(&l->key, bytes_of(key.ip.b, sizeof(key.ip.b))) & (cap - 1);

    while (v[i].key.len != 0 && prefix_cmp(v[i].key, key) != 0)
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static bool is_stale(const struct client_limits *l, const struct client_count *c)
{
    return c->key.len == 0 || (c->sessions == 0 && c->held == 0 && c->hour != l->hour);
}

/* Leaves the stale ones behind. Those that stay fill a third of the table, or half of the largest. */
static bool rebuild(struct client_limits *l)
{
    struct client_count *v;
    size_t live = 0, cap = CAP_FIRST;

    for (size_t i = 0; i < l->cap; i++)
        live += is_stale(l, &l->v[i]) ? 0 : 1;
    while (cap < live * 3 && cap < 2 * (size_t)CLIENTS_MAX)
        cap *= 2;
    v = calloc(cap, sizeof(*v));
    if (v == NULL)
        return false;
    for (size_t i = 0; i < l->cap; i++)
        if (!is_stale(l, &l->v[i]))
            *place(l, v, cap, l->v[i].key) = l->v[i];
    free(l->v);
    l->v = v;
    l->cap = cap;
    l->used = live;
    l->rebuilt = l->hour;
    return true;
}

static void begin_hour(const struct client_limits *l, struct client_count *c)
{
    if (c->hour != l->hour)
        *c =
            (struct client_count){ .key = c->key, .sessions = c->sessions, .held = c->held, .hour = l->hour };
}

/* The entry of a key with the counts of this hour, made where there is none; NULL: not counted (no memory, or
 * CLIENTS_MAX of them). */
static struct client_count *entry(struct client_limits *l, struct prefix key)
{
    struct client_count *c = place(l, l->v, l->cap, key);

    if (c->key.len != 0) {
        begin_hour(l, c);
        return c;
    }
    if (l->used + 1 > l->cap / 4 * 3 || (l->used >= CLIENTS_MAX && l->rebuilt != l->hour)) {
        if (!rebuild(l))
            return NULL;
        c = place(l, l->v, l->cap, key);
    }
    if (l->used >= CLIENTS_MAX)
        return NULL;
    *c = (struct client_count){ .key = key, .hour = l->hour };
    l->used++;
    return c;
}

/* Whom a client is counted under: itself, and the network around an IPv6 client. */
struct holders {
    struct client_count *v[2]; /* NULL: not counted */
    uint64_t share[2];         /* times max */
    size_t n;
};

static size_t keys_of(struct ip ip, struct prefix keys[2])
{
    keys[0] = ip_key(ip);
    keys[1] = ip_network(ip);
    return ip_is_v4(ip) ? 1 : 2;
}

static struct holders holders_now(struct client_limits *l, struct ip ip, mono_t now)
{
    struct holders h = { .share = { 1, CLIENT_NET_SHARES } };
    struct prefix keys[2];

    h.n = keys_of(ip, keys);
    l->hour = (uint32_t)(now.ms / MS_PER_HOUR);
    for (size_t i = 0; i < h.n; i++)
        (void)entry(l, keys[i]); /* may move the table */
    for (size_t i = 0; i < h.n; i++) {
        struct client_count *c = place(l, l->v, l->cap, keys[i]);

        h.v[i] = c->key.len != 0 ? c : NULL;
    }
    return h;
}

bool client_limits_enter(struct client_limits *l, struct ip ip, uint32_t max, mono_t now)
{
    const struct holders h = holders_now(l, ip, now);

    for (size_t i = 0; i < h.n; i++)
        if (max != 0 && h.v[i] != NULL && h.v[i]->sessions >= max * h.share[i])
            return false;
    for (size_t i = 0; i < h.n; i++)
        if (h.v[i] != NULL)
            h.v[i]->sessions++;
    return true;
}

void client_limits_leave(struct client_limits *l, struct ip ip)
{
    struct prefix keys[2];
    const size_t n = keys_of(ip, keys);

    for (size_t i = 0; i < n; i++) {
        struct client_count *c = place(l, l->v, l->cap, keys[i]);

        if (c->key.len != 0 && c->sessions > 0)
            c->sessions--;
    }
}

bool client_limits_hold(struct client_limits *l, struct ip ip, size_t bytes, size_t max, mono_t now)
{
    const struct holders h = holders_now(l, ip, now);

    for (size_t i = 0; i < h.n; i++)
        if (h.v[i] != NULL && (bytes > UINT32_MAX - h.v[i]->held || h.v[i]->held + bytes > max))
            return false;
    for (size_t i = 0; i < h.n; i++)
        if (h.v[i] != NULL)
            h.v[i]->held += (uint32_t)bytes;
    return true;
}

void client_limits_release(struct client_limits *l, struct ip ip, size_t bytes)
{
    struct prefix keys[2];
    const size_t n = keys_of(ip, keys);

    for (size_t i = 0; i < n; i++) {
        struct client_count *c = place(l, l->v, l->cap, keys[i]);

        if (c->key.len != 0)
            c->held -= c->held < bytes ? c->held : (uint32_t)bytes;
    }
}

bool client_limits_take(struct client_limits *l, struct ip ip, enum client_hourly what, uint32_t max,
                        mono_t now)
{
    struct holders h;

    if (max == 0)
        return true;
    h = holders_now(l, ip, now);
    for (size_t i = 0; i < h.n; i++)
        if (h.v[i] != NULL && h.v[i]->taken[what] >= max * h.share[i])
            return false;
    for (size_t i = 0; i < h.n; i++)
        if (h.v[i] != NULL)
            h.v[i]->taken[what]++;
    return true;
}

void client_limits_give_back(struct client_limits *l, struct ip ip, enum client_hourly what, mono_t now)
{
    const struct holders h = holders_now(l, ip, now);

    for (size_t i = 0; i < h.n; i++)
        if (h.v[i] != NULL && h.v[i]->taken[what] > 0)
            h.v[i]->taken[what]--;
}
