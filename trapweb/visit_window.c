/* Two kinds of entries share one table and one order of use: VISIT (client, site, agent, page) and CLIENT
 * (client, site). An entry is known by a 64-bit keyed hash alone: the key is drawn at start, so nobody can
 * make two of them meet. A large window is cut into parts by client, each with a lock of its own: threads
 * seldom meet there. */
#include "visit_window.h"

#include <pthread.h>
#include <stdlib.h>

enum kind { KIND_FREE, KIND_CLIENT, KIND_VISIT };
static const uint32_t NONE = UINT32_MAX;

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

struct part {
    pthread_mutex_t lock;
    const struct window_options *o;
    struct entry *entries;
    uint32_t *buckets;
    uint32_t size, mask, used;
    uint32_t newest, oldest;
};

enum { PARTS = 16, PART_MIN = 64 };
struct visit_window {
    struct window_options o;
    struct hash_key key;
    pthread_mutex_t day_lock;
    uint32_t day;
    uint64_t day_count;
    uint32_t parts;
    struct part part[PARTS];
};

static enum trap_err part_init(struct part *p, const struct window_options *o, uint32_t size)
{
    uint32_t buckets = 1;

    while (buckets < size)
        buckets *= 2;
    *p = (struct part){ .o = o, .size = size, .mask = buckets - 1, .newest = NONE, .oldest = NONE };
    (void)pthread_mutex_init(&p->lock, NULL);
    p->entries = calloc(size, sizeof(*p->entries));
    p->buckets = malloc(buckets * sizeof(*p->buckets));
    if (p->entries == NULL || p->buckets == NULL)
        return TRAP_ENOMEM;
    memset(p->buckets, 0xff, buckets * sizeof(*p->buckets)); /* NONE */
    return TRAP_OK;
}

enum trap_err window_new(const struct window_options *o, struct visit_window **out)
{
    struct visit_window *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return TRAP_ENOMEM;
    w->o = *o;
    (void)pthread_mutex_init(&w->day_lock, NULL);
    keyed_random(w->key.k, sizeof(w->key.k));
    w->parts = o->entries >= PARTS * PART_MIN ? PARTS : 1;
    for (uint32_t i = 0; i < w->parts; i++) {
        if (part_init(&w->part[i], &w->o, o->entries / w->parts) != TRAP_OK) {
            w->parts = i + 1;
            window_free(&w);
            return TRAP_ENOMEM;
        }
    }
    *out = w;
    return TRAP_OK;
}

void window_free(struct visit_window **w)
{
    if (*w == NULL)
        return;
    for (uint32_t i = 0; i < (*w)->parts; i++) {
        (void)pthread_mutex_destroy(&(*w)->part[i].lock);
        free((*w)->part[i].entries);
        free((*w)->part[i].buckets);
    }
    (void)pthread_mutex_destroy(&(*w)->day_lock);
    free(*w);
    *w = NULL;
}

/* ---- ids ---- */

static void key_hash(const struct visit_window *w, struct window_key *key)
{
    struct {
        uint8_t ip[16];
        uint64_t agent, page;
        uint32_t site, kind;
    } in = { .site = key->site, .kind = KIND_CLIENT };

    memcpy(in.ip, ip_key(key->client).ip.b, sizeof(in.ip));
    key->client_id = keyed_hash(&w->key, bytes_of(&in, sizeof(in)));
    in.agent = keyed_hash(&w->key, key->agent);
    in.page = keyed_hash(&w->key, key->page);
    in.kind = KIND_VISIT;
    key->visit_id = keyed_hash(&w->key, bytes_of(&in, sizeof(in)));
}

/* ---- table and order of use ---- */

static void use_unlink(struct part *w, uint32_t i)
{
    const struct entry *e = &w->entries[i];

    *(e->newer == NONE ? &w->newest : &w->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &w->oldest : &w->entries[e->older].newer) = e->newer;
}

static void use_front(struct part *w, uint32_t i)
{
    struct entry *e = &w->entries[i];

    e->newer = NONE;
    e->older = w->newest;
    *(w->newest == NONE ? &w->oldest : &w->entries[w->newest].newer) = i;
    w->newest = i;
}

static uint32_t find(struct part *w, uint64_t id, uint8_t kind)
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

static void unchain(struct part *w, uint32_t i)
{
    uint32_t *at = &w->buckets[w->entries[i].id & w->mask];

    while (*at != i)
        at = &w->entries[*at].chain;
    *at = w->entries[i].chain;
}

/* An unused entry, or the least recently used one that does not wait. */
static uint32_t take(struct part *w, uint64_t id, uint8_t kind, mono_t now)
{
    uint32_t i = w->used;

    if (w->used < w->size) {
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

static void forget(struct part *w, uint32_t i)
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

static bool is_current(const struct part *w, const struct entry *e, mono_t now)
{
    return mono_diff(now, e->since).ms < w->o->window.ms;
}

/* Its new visits within the hour that began with the first of them. */
static bool client_is_full(const struct part *w, struct entry *e, mono_t now)
{
    if (mono_diff(now, e->since).ms >= SPAN_H(1).ms) {
        e->since = now;
        e->count = 0;
    }
    return w->o->per_hour != 0 && e->count >= w->o->per_hour;
}

/* Both entries of a key, NONE where there is none. */
struct place {
    uint32_t visit, client;
};

static enum window_answer look(struct part *w, const struct window_key *key, struct place *at, struct shown *shown_out)
{
    uint32_t i = NONE;

    at->visit = find(w, key->visit_id, KIND_VISIT);
    at->client = NONE;
    i = at->visit;
    if (i != NONE && w->entries[i].waiting)
        return WINDOW_WAIT;
    if (i == NONE || !is_current(w, &w->entries[i], key->now)) {
        i = at->client = find(w, key->client_id, KIND_CLIENT);
        if (i == NONE || !client_is_full(w, &w->entries[i], key->now) || !w->entries[i].has_shown)
            return WINDOW_MISS;
    }
    *shown_out = w->entries[i].shown;
    return WINDOW_SHOW;
}

/* Is it still that entry? Where nearly everything waits, taking one may have been at the other's cost. */
static bool is_still(const struct part *w, uint32_t i, uint64_t id, uint8_t kind)
{
    return i != NONE && w->entries[i].id == id && w->entries[i].kind == kind;
}

static enum window_answer begin(struct part *w, const struct window_key *key, struct place at,
                                struct window_waiter *me, uint32_t *entry_out)
{
    if (at.client == NONE)
        at.client = take(w, key->client_id, KIND_CLIENT, key->now);
    if (at.client == NONE || client_is_full(w, &w->entries[at.client], key->now))
        return WINDOW_BUSY;
    if (!is_still(w, at.visit, key->visit_id, KIND_VISIT))
        at.visit = take(w, key->visit_id, KIND_VISIT, key->now);
    if (at.visit == NONE)
        return WINDOW_BUSY;
    me->next = NULL;
    w->entries[at.visit].waiting = true;
    w->entries[at.visit].waiters = me;
    w->entries[at.visit].client = key->client_id;
    if (is_still(w, at.client, key->client_id, KIND_CLIENT))
        w->entries[at.client].count++;
    *entry_out = at.visit;
    return WINDOW_NEW;
}

static struct part *part_of(struct visit_window *w, const struct window_key *key)
{
    return &w->part[(key->client_id >> 48) % w->parts];
}

enum window_answer window_look(struct visit_window *w, struct window_key *key, struct shown *shown_out)
{
    enum window_answer answer = WINDOW_MISS;
    struct part *p = NULL;
    struct place at;

    key_hash(w, key);
    p = part_of(w, key);
    (void)pthread_mutex_lock(&p->lock);
    answer = look(p, key, &at, shown_out);
    (void)pthread_mutex_unlock(&p->lock);
    return answer == WINDOW_SHOW ? WINDOW_SHOW : WINDOW_MISS;
}

/* Takes one visit of today's budget. */
static bool day_take(struct visit_window *w, wall_t today)
{
    bool taken = false;

    (void)pthread_mutex_lock(&w->day_lock);
    if (wall_day(today) != w->day) {
        w->day = wall_day(today);
        w->day_count = 0;
    }
    taken = w->o.per_day == 0 || w->day_count < w->o.per_day;
    w->day_count += taken;
    (void)pthread_mutex_unlock(&w->day_lock);
    return taken;
}

static void day_give_back(struct visit_window *w)
{
    (void)pthread_mutex_lock(&w->day_lock);
    w->day_count -= w->day_count != 0; /* 0: a new day has begun */
    (void)pthread_mutex_unlock(&w->day_lock);
}

enum window_answer window_enter(struct visit_window *w, const struct window_key *key, struct window_waiter *me,
                                struct shown *shown_out, uint32_t *entry_out)
{
    struct part *p = part_of(w, key);
    enum window_answer answer = WINDOW_MISS;
    struct place at;

    (void)pthread_mutex_lock(&p->lock);
    answer = look(p, key, &at, shown_out);
    if (answer == WINDOW_WAIT) {
        me->next = p->entries[at.visit].waiters;
        p->entries[at.visit].waiters = me;
    } else if (answer == WINDOW_MISS) {
        answer = day_take(w, key->today) ? begin(p, key, at, me, entry_out) : WINDOW_SPENT;
        if (answer == WINDOW_BUSY)
            day_give_back(w);
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (answer == WINDOW_NEW)
        *entry_out = *entry_out * w->parts + (uint32_t)(p - w->part);
    return answer;
}

struct window_waiter *window_next(struct visit_window *w, uint32_t entry, const struct shown *shown, mono_t now)
{
    struct part *p = &w->part[entry % w->parts];
    struct entry *e = &p->entries[entry / w->parts];
    struct window_waiter *list = NULL;

    (void)pthread_mutex_lock(&p->lock);
    list = e->waiters;
    e->waiters = NULL;
    if (list == NULL && shown == NULL) {
        forget(p, entry / w->parts);
    } else if (list == NULL) {
        const uint32_t client = find(p, e->client, KIND_CLIENT);
        e->waiting = false;
        e->since = now;
        e->shown = *shown;
        if (client != NONE) {
            p->entries[client].shown = *shown;
            p->entries[client].has_shown = true;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return list;
}

uint32_t window_count(struct visit_window *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->parts; i++) {
        (void)pthread_mutex_lock(&w->part[i].lock);
        n += w->part[i].used;
        (void)pthread_mutex_unlock(&w->part[i].lock);
    }
    return n;
}
