/* Two kinds of entries share one table and one order of use: VISIT (client, site, agent, page) and CLIENT (client, site). An entry is
 * known by a 64-bit keyed hash alone: the key is drawn at start, so nobody can make two of them meet. */
#include "visit_window.h"

#include <pthread.h>
#include <stdlib.h>

enum kind { KIND_FREE, KIND_CLIENT, KIND_VISIT };
enum { NONE = UINT32_MAX };

struct entry {
    uint64_t id;
    uint32_t chain;        /* next in its bucket */
    uint32_t newer, older; /* order of use */
    uint8_t kind;
    bool waiting;     /* VISIT: not committed yet */
    bool has_shown;   /* CLIENT: there is a newest visit */
    uint32_t count;   /* CLIENT: new visits since `since` */
    uint64_t client;  /* VISIT: id of its client's entry */
    mono_t since;
    struct shown shown;
    struct window_waiter *waiters;
};

struct visit_window {
    pthread_mutex_t lock;
    struct window_options o;
    struct hash_key key;
    struct entry *entries;
    uint32_t *buckets;
    uint32_t mask, used;
    uint32_t newest, oldest;
    uint32_t day;
    uint64_t day_count;
};

enum trap_err window_new(const struct window_options *o, struct visit_window **out)
{
    struct visit_window *w = calloc(1, sizeof(*w));
    uint32_t buckets = 1;

    if (w == NULL)
        return TRAP_ENOMEM;
    w->o = *o;
    while (buckets < o->entries)
        buckets *= 2;
    w->mask = buckets - 1;
    w->entries = calloc(o->entries, sizeof(*w->entries));
    w->buckets = malloc(buckets * sizeof(*w->buckets));
    if (w->entries == NULL || w->buckets == NULL) {
        free(w->entries);
        free(w->buckets);
        free(w);
        return TRAP_ENOMEM;
    }
    for (uint32_t i = 0; i < buckets; i++)
        w->buckets[i] = NONE;
    w->newest = w->oldest = NONE;
    keyed_random(w->key.k, sizeof(w->key.k));
    (void)pthread_mutex_init(&w->lock, NULL);
    *out = w;
    return TRAP_OK;
}

void window_free(struct visit_window **w)
{
    if (*w == NULL)
        return;
    (void)pthread_mutex_destroy(&(*w)->lock);
    free((*w)->entries);
    free((*w)->buckets);
    free(*w);
    *w = NULL;
}

/* ---- ids ---- */

struct ids {
    uint64_t client, visit;
};

static struct ids ids_of(const struct visit_window *w, const struct window_key *key)
{
    struct {
        uint8_t ip[16];
        uint64_t agent, page;
        uint32_t site, kind;
    } in = { .site = key->site, .kind = KIND_CLIENT };
    struct ids ids;

    memcpy(in.ip, ip_key(key->client).ip.b, sizeof(in.ip));
    ids.client = keyed_hash(&w->key, bytes_of(&in, sizeof(in)));
    in.agent = keyed_hash(&w->key, key->agent);
    in.page = keyed_hash(&w->key, key->page);
    in.kind = KIND_VISIT;
    ids.visit = keyed_hash(&w->key, bytes_of(&in, sizeof(in)));
    return ids;
}

/* ---- table and order of use ---- */

static void use_unlink(struct visit_window *w, uint32_t i)
{
    const struct entry *e = &w->entries[i];

    *(e->newer == NONE ? &w->newest : &w->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &w->oldest : &w->entries[e->older].newer) = e->newer;
}

static void use_front(struct visit_window *w, uint32_t i)
{
    struct entry *e = &w->entries[i];

    e->newer = NONE;
    e->older = w->newest;
    *(w->newest == NONE ? &w->oldest : &w->entries[w->newest].newer) = i;
    w->newest = i;
}

static uint32_t find(struct visit_window *w, uint64_t id, uint8_t kind)
{
    uint32_t i = w->buckets[id & w->mask];

    while (i != NONE && (w->entries[i].id != id || w->entries[i].kind != kind))
        i = w->entries[i].chain;
    if (i != NONE && i != w->newest) {
        use_unlink(w, i);
        use_front(w, i);
    }
    return i;
}

static void unchain(struct visit_window *w, uint32_t i)
{
    uint32_t *at = &w->buckets[w->entries[i].id & w->mask];

    while (*at != i)
        at = &w->entries[*at].chain;
    *at = w->entries[i].chain;
}

/* An unused entry, or the least recently used one that does not wait. */
static uint32_t take(struct visit_window *w, uint64_t id, uint8_t kind, mono_t now)
{
    uint32_t i = w->used;

    if (w->used < w->o.entries) {
        w->used++;
    } else {
        for (i = w->oldest; i != NONE && w->entries[i].waiting; i = w->entries[i].newer)
            continue;
        if (i == NONE)
            return NONE;
        use_unlink(w, i);
        if (w->entries[i].kind != KIND_FREE)
            unchain(w, i);
    }
    w->entries[i] = (struct entry){ .id = id, .kind = kind, .since = now, .chain = w->buckets[id & w->mask] };
    w->buckets[id & w->mask] = i;
    use_front(w, i);
    return i;
}

static void forget(struct visit_window *w, uint32_t i)
{
    unchain(w, i);
    w->entries[i].kind = KIND_FREE;
    w->entries[i].waiting = false;
    use_unlink(w, i); /* to the far end: the next to be taken */
    w->entries[i].older = NONE;
    w->entries[i].newer = w->oldest;
    *(w->oldest == NONE ? &w->newest : &w->entries[w->oldest].older) = i;
    w->oldest = i;
}

/* ---- questions ---- */

static bool is_current(const struct visit_window *w, const struct entry *e, mono_t now)
{
    return mono_diff(now, e->since).ms < w->o.window.ms;
}

/* Its new visits within the hour that began with the first of them. */
static bool client_is_full(const struct visit_window *w, struct entry *e, mono_t now)
{
    if (mono_diff(now, e->since).ms >= SPAN_H(1).ms) {
        e->since = now;
        e->count = 0;
    }
    return w->o.per_hour != 0 && e->count >= w->o.per_hour;
}

static enum window_answer look(struct visit_window *w, const struct ids *ids, mono_t now, struct shown *shown_out)
{
    uint32_t i = find(w, ids->visit, KIND_VISIT);

    if (i != NONE && w->entries[i].waiting)
        return WINDOW_MISS;
    if (i == NONE || !is_current(w, &w->entries[i], now)) {
        i = find(w, ids->client, KIND_CLIENT);
        if (i == NONE || !client_is_full(w, &w->entries[i], now) || !w->entries[i].has_shown)
            return WINDOW_MISS;
    }
    *shown_out = w->entries[i].shown;
    return WINDOW_SHOW;
}

enum window_answer window_look(struct visit_window *w, const struct window_key *key, struct shown *shown_out)
{
    const struct ids ids = ids_of(w, key);
    enum window_answer answer = WINDOW_MISS;

    (void)pthread_mutex_lock(&w->lock);
    answer = look(w, &ids, key->now, shown_out);
    (void)pthread_mutex_unlock(&w->lock);
    return answer;
}

static bool day_is_spent(struct visit_window *w, wall_t today)
{
    if (wall_day(today) != w->day) {
        w->day = wall_day(today);
        w->day_count = 0;
    }
    return w->o.per_day != 0 && w->day_count >= w->o.per_day;
}

/* The client's own entry first: it must not push out the visit that is about to be made. */
static enum window_answer begin(struct visit_window *w, const struct ids *ids, mono_t now, struct window_waiter *me,
                                uint32_t *entry_out)
{
    uint32_t visit = find(w, ids->visit, KIND_VISIT);
    uint32_t client = find(w, ids->client, KIND_CLIENT);

    if (client == NONE)
        client = take(w, ids->client, KIND_CLIENT, now);
    if (client == NONE || client_is_full(w, &w->entries[client], now))
        return WINDOW_BUSY;
    visit = find(w, ids->visit, KIND_VISIT); /* it may have been the one that was taken */
    if (visit == NONE)
        visit = take(w, ids->visit, KIND_VISIT, now);
    if (visit == NONE)
        return WINDOW_BUSY;
    me->next = NULL;
    w->entries[visit].waiting = true;
    w->entries[visit].waiters = me;
    w->entries[visit].client = ids->client;
    client = find(w, ids->client, KIND_CLIENT);
    if (client != NONE)
        w->entries[client].count++;
    w->day_count++;
    *entry_out = visit;
    return WINDOW_NEW;
}

enum window_answer window_enter(struct visit_window *w, const struct window_key *key, struct window_waiter *me,
                                struct shown *shown_out, uint32_t *entry_out)
{
    const struct ids ids = ids_of(w, key);
    enum window_answer answer = WINDOW_MISS;
    uint32_t i = NONE;

    (void)pthread_mutex_lock(&w->lock);
    i = find(w, ids.visit, KIND_VISIT);
    if (i != NONE && w->entries[i].waiting) {
        me->next = w->entries[i].waiters;
        w->entries[i].waiters = me;
        answer = WINDOW_WAIT;
    } else {
        answer = look(w, &ids, key->now, shown_out);
    }
    if (answer == WINDOW_MISS)
        answer = day_is_spent(w, key->today) ? WINDOW_SPENT : begin(w, &ids, key->now, me, entry_out);
    (void)pthread_mutex_unlock(&w->lock);
    return answer;
}

struct window_waiter *window_next(struct visit_window *w, uint32_t entry, const struct shown *shown, mono_t now)
{
    struct window_waiter *list = NULL;
    struct entry *e = &w->entries[entry];

    (void)pthread_mutex_lock(&w->lock);
    list = e->waiters;
    e->waiters = NULL;
    if (list == NULL && shown == NULL) {
        forget(w, entry);
    } else if (list == NULL) {
        const uint32_t client = find(w, e->client, KIND_CLIENT);
        e->waiting = false;
        e->since = now;
        e->shown = *shown;
        if (client != NONE) {
            w->entries[client].shown = *shown;
            w->entries[client].has_shown = true;
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    return list;
}

uint32_t window_count(struct visit_window *w)
{
    uint32_t n = 0;

    (void)pthread_mutex_lock(&w->lock);
    n = w->used;
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}
