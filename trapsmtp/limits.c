#include "limits.h"

#include <stdlib.h>

enum { CAP_FIRST = 1024, MS_PER_HOUR = 3600 * 1000 };

enum trap_err limits_init(struct limits *l)
{
    *l = (struct limits){ .cap = CAP_FIRST };
    l->v = calloc(l->cap, sizeof(*l->v));
    keyed_random(l->key.k, sizeof(l->key.k));
    return l->v == NULL ? TRAP_ENOMEM : TRAP_OK;
}

void limits_free(struct limits *l)
{
    free(l->v);
    *l = (struct limits){ .v = NULL };
}

/* The client's place, or the free place where it belongs. */
static struct limits_client *place(const struct limits *l, struct limits_client *v, size_t cap,
                                   struct prefix key)
{
    size_t i = keyed_hash(&l->key, bytes_of(key.ip.b, sizeof(key.ip.b))) & (cap - 1);

    while (v[i].key.len != 0 && prefix_cmp(v[i].key, key) != 0)
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static bool is_stale(const struct limits *l, const struct limits_client *c)
{
    return c->key.len == 0 || (c->sessions == 0 && c->hour != l->hour);
}

/* Leaves the stale ones behind; a larger table when those that stay fill more than a third of it. */
static bool rebuild(struct limits *l)
{
    struct limits_client *v;
    size_t live = 0, cap;

    for (size_t i = 0; i < l->cap; i++)
        live += is_stale(l, &l->v[i]) ? 0 : 1;
    cap = live * 3 > l->cap ? l->cap * 2 : l->cap;
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
    return true;
}

/* The client's entry, made where there is none; NULL: not counted (no memory, or LIMITS_CLIENTS_MAX of
 * them). */
static struct limits_client *entry(struct limits *l, struct ip ip)
{
    const struct prefix key = ip_key(ip);
    struct limits_client *c = place(l, l->v, l->cap, key);

    if (c->key.len != 0)
        return c;
    if (l->used + 1 > l->cap / 4 * 3) {
        if (!rebuild(l))
            return NULL;
        c = place(l, l->v, l->cap, key);
    }
    if (l->used >= LIMITS_CLIENTS_MAX)
        return NULL;
    *c = (struct limits_client){ .key = key, .hour = l->hour };
    l->used++;
    return c;
}

/* The client's entry, with the counts of this hour. */
static struct limits_client *entry_now(struct limits *l, struct ip ip, mono_t now)
{
    struct limits_client *c;

    l->hour = (uint32_t)(now.ms / MS_PER_HOUR);
    c = entry(l, ip);
    if (c != NULL && c->hour != l->hour)
        *c = (struct limits_client){ .key = c->key, .sessions = c->sessions, .hour = l->hour };
    return c;
}

bool limits_enter(struct limits *l, struct ip ip, uint32_t max, mono_t now)
{
    struct limits_client *c = entry_now(l, ip, now);

    if (c == NULL)
        return true;
    if (max != 0 && c->sessions >= max)
        return false;
    c->sessions++;
    return true;
}

void limits_leave(struct limits *l, struct ip ip)
{
    struct limits_client *c = place(l, l->v, l->cap, ip_key(ip));

    if (c->key.len != 0 && c->sessions > 0)
        c->sessions--;
}

bool limits_take(struct limits *l, struct ip ip, enum limits_hourly what, uint32_t max, mono_t now)
{
    struct limits_client *c = max != 0 ? entry_now(l, ip, now) : NULL;

    if (c == NULL)
        return true;
    if (c->taken[what] >= max)
        return false;
    c->taken[what]++;
    return true;
}

void limits_tell(struct limits *l, struct ip ip, mono_t now)
{
    struct limits_client *c = entry_now(l, ip, now);

    if (c != NULL)
        c->told = true;
}

bool limits_told(struct limits *l, struct ip ip, mono_t now)
{
    const struct limits_client *c = entry_now(l, ip, now);

    return c != NULL && c->told;
}
