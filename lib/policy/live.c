/* live.c - one set of listings, from one moment to the next. */
#include <policy/live.h>

#include "candidates.h"

#include <stdlib.h>

enum { ACTS_PAGE = 10000 };

/* A key whose verdict changes by itself. One key may stand here twice: then the earlier moment counts. */
struct watched {
    struct prefix key;
    wall_t next;
};
struct watches {
    struct watched *v;
    size_t n, cap;
};
struct keys {
    struct prefix *v;
    size_t n, cap;
};
struct live {
    bool harvesters, backscatter;
    uint64_t looked_up; /* the newest act that was looked at for look-ups of senders */
    bool known;         /* what follows is the state as of as_of */
    wall_t as_of;
    uint32_t nodes_known;
    bool looks_up;
    uint64_t taints;          /* digest */
    uint64_t lists;           /* digest of who is never listed */
    struct candidates listed; /* by evidence; by key, each once */
    struct watches watches;   /* by key */
    struct act_prefix *delist;
    size_t delist_count;
    struct act_found_row *crawlers;
    size_t crawler_count;
};
/* An update in progress. */
struct update {
    struct live *live;
    const struct policy_env *env;
    uint64_t looked_up;
    struct rule rule;
    struct keys keys;         /* to be judged */
    struct candidates listed; /* what came out: by key */
    struct watches watches;
};

enum trap_err live_new(enum listing_kind kind, struct live **out)
{
    struct live *l = calloc(1, sizeof *l);

    TRAP_BUG_ON(kind == LISTINGS_NETS);
    if (l == NULL)
        return TRAP_ENOMEM;
    l->harvesters = kind == LISTINGS_HARVESTERS;
    l->backscatter = kind == LISTINGS_BACKSCATTER;
    *out = l;
    return TRAP_OK;
}

void live_free(struct live **lp)
{
    struct live *l = *lp;

    *lp = NULL;
    if (l == NULL)
        return;
    free(l->listed.v);
    free(l->watches.v);
    free(l->delist);
    free(l->crawlers);
    free(l);
}

/* ---- small parts ---- */

static enum trap_err add_key(struct keys *k, struct prefix key)
{
    if (k->n == k->cap) {
        const size_t cap = k->cap == 0 ? 256 : k->cap * 2;
        struct prefix *v = reallocarray(k->v, cap, sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        k->v = v;
        k->cap = cap;
    }
    k->v[k->n++] = key;
    return TRAP_OK;
}

static enum trap_err watch(struct watches *w, struct prefix key, wall_t next)
{
    if (next.us == INT64_MAX)
        return TRAP_OK;
    if (w->n == w->cap) {
        const size_t cap = w->cap == 0 ? 256 : w->cap * 2;
        struct watched *v = reallocarray(w->v, cap, sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n++] = (struct watched){ key, next };
    return TRAP_OK;
}

static int by_key(const void *a, const void *b)
{
    return prefix_cmp(*(const struct prefix *)a, *(const struct prefix *)b);
}

static int by_watched_key(const void *a, const void *b)
{
    return prefix_cmp(((const struct watched *)a)->key, ((const struct watched *)b)->key);
}

static int by_listed_key(const void *a, const void *b)
{
    return prefix_cmp(((const struct candidate *)a)->listing.key, ((const struct candidate *)b)->listing.key);
}

static void sort_keys(struct keys *k)
{
    size_t kept = 0;

    if (k->n > 1)
        qsort(k->v, k->n, sizeof *k->v, by_key);
    for (size_t i = 0; i < k->n; i++)
        if (kept == 0 || prefix_cmp(k->v[kept - 1], k->v[i]) != 0)
            k->v[kept++] = k->v[i];
    k->n = kept;
}

/* ---- judging ---- */

static enum trap_err take_verdict(struct update *u, struct prefix key, const struct verdict *v)
{
    const struct candidate one = candidate_of(key, v);
    enum trap_err err = v->state == VERDICT_LISTED ? candidates_add(&u->listed, &one) : TRAP_OK;

    return err == TRAP_OK ? watch(&u->watches, key, v->next) : err;
}

/* Addresses of the sender that wait for their visit count when they are old enough. */
struct waiting {
    struct update *update;
    struct pending_set set;
    size_t next; /* of the set, in sender order, while everybody is judged */
};

static enum trap_err take_pending(const struct pending_row *p, void *arg)
{
    struct waiting *w = arg;
    const wall_t counts = wall_add(p->at, POLICY_PENDING_AGE);

    if (counts.us > w->update->env->as_of.us)
        return watch(&w->update->watches, p->sender, counts);
    return pending_set_add(&w->set, &w->update->rule, p);
}

static size_t waiting_of(const struct waiting *w, struct prefix sender)
{
    size_t n = 0;

    while (w->next + n < w->set.n && rule_key_cmp(w->set.v[w->next + n].sender, sender) == 0)
        n++;
    return n;
}

static enum trap_err judge_sender(struct waiting *w, struct prefix sender, const struct evidence_row *rows,
                                  size_t n)
{
    const size_t waits = waiting_of(w, sender);
    struct verdict v;
    enum trap_err err = rule_sender(&w->update->rule, sender, rows, n, w->set.v + w->next, waits, &v);

    w->next += waits;
    return err == TRAP_OK ? take_verdict(w->update, sender, &v) : err;
}

/* Who has addresses that wait, and no rows, comes on the way. */
static enum trap_err on_sender(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct waiting *w = arg;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && w->next < w->set.n && rule_key_cmp(w->set.v[w->next].sender, sender) < 0)
        err = judge_sender(w, w->set.v[w->next].sender, NULL, 0);
    return err == TRAP_OK ? judge_sender(w, sender, rows, n) : err;
}

/* The senders inside key, or all of them where it is NULL. */
static enum trap_err judge_senders(struct update *u, const struct prefix *key)
{
    struct waiting w = { .update = u };
    struct store_db *derived = u->env->derived;
    enum trap_err err = key == NULL ? pending_each(derived, take_pending, &w)
                                    : pending_by_sender(derived, *key, take_pending, &w);

    if (err == TRAP_OK)
        err = pending_set_seal(&w.set);
    if (err == TRAP_OK)
        err = key == NULL ? evidence_each(derived, on_sender, &w) : evidence_in(derived, *key, on_sender, &w);
    while (err == TRAP_OK && w.next < w.set.n)
        err = judge_sender(&w, w.set.v[w.next].sender, NULL, 0);
    pending_set_free(&w.set);
    return err;
}

static enum trap_err on_harvester(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    struct update *u = arg;
    struct visitor_row visitor = { 0 };
    struct verdict v;
    enum trap_err err = visitor_get(u->env->derived, harvester, &visitor);

    if (err == TRAP_OK || err == TRAP_ENOENT)
        err = rule_harvester(&u->rule, harvester, rows, n, visitor.last, &v);
    return err == TRAP_OK ? take_verdict(u, harvester, &v) : err;
}

static enum trap_err judge(struct update *u, const struct prefix *key)
{
    if (!u->live->harvesters)
        return judge_senders(u, key);
    return key == NULL ? link_each(u->env->derived, on_harvester, u)
                       : link_in(u->env->derived, *key, on_harvester, u);
}

/* ---- who is judged ---- */

static bool same_act(const struct act_prefix *a, const struct act_prefix *b)
{
    return a->seq == b->seq && a->at.us == b->at.us && prefix_cmp(a->prefix, b->prefix) == 0;
}

static enum trap_err add_key_of_rows(struct prefix key, const struct evidence_row *rows, size_t n, void *arg)
{
    (void)rows;
    (void)n;
    return add_key(arg, key);
}

static enum trap_err add_key_of_links(struct prefix key, const struct link_row *rows, size_t n, void *arg)
{
    (void)rows;
    (void)n;
    return add_key(arg, key);
}

static enum trap_err add_key_of_pending(const struct pending_row *p, void *arg)
{
    return add_key(arg, p->sender);
}

/* Everybody with rows inside a prefix. */
static enum trap_err add_inside(struct update *u, struct prefix p)
{
    struct store_db *derived = u->env->derived;
    enum trap_err err;

    if (u->live->harvesters)
        return link_in(derived, p, add_key_of_links, &u->keys);
    err = evidence_in(derived, p, add_key_of_rows, &u->keys);
    return err == TRAP_OK ? pending_by_sender(derived, p, add_key_of_pending, &u->keys) : err;
}

/* Acts of `a` that are not in `b`. */
static enum trap_err add_delisted(struct update *u, const struct act_prefix *a, size_t n,
                                  const struct act_prefix *b, size_t b_n)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < n && err == TRAP_OK; i++) {
        bool both = false;
        for (size_t k = 0; k < b_n && !both; k++)
            both = same_act(&a[i], &b[k]);
        if (!both)
            err = add_inside(u, a[i].prefix);
    }
    return err;
}

static bool same_found(const struct act_found_row *a, const struct act_found_row *b)
{
    return a->found == b->found && a->at.us == b->at.us && ip_eq(a->ip, b->ip);
}

/* Both by key: a merge walk, keys of what is in one alone or not the same. */
static enum trap_err add_looked_up(struct update *u, const struct act_found_list *now)
{
    const struct live *l = u->live;
    size_t i = 0, k = 0;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && (i < now->n || k < l->crawler_count)) {
        const int order = i == now->n             ? 1
                          : k == l->crawler_count ? -1
                                                  : prefix_cmp(now->v[i].key, l->crawlers[k].key);
        const bool same = order == 0 && same_found(&now->v[i], &l->crawlers[k]);
        if (!same)
            err = add_key(&u->keys, order <= 0 ? now->v[i].key : l->crawlers[k].key);
        i += order <= 0;
        k += order >= 0;
    }
    return err;
}

struct looking {
    struct update *update;
    uint64_t last;
    bool everybody; /* is judged: only what lies ahead is of interest */
};

static enum trap_err on_look_up(const struct act *a, void *arg)
{
    struct looking *l = arg;
    struct prefix key;

    l->last = a->seq;
    if (a->kind != ACT_LOOKUP || prefix_parse(a->subject, &key) != TRAP_OK)
        return TRAP_OK;
    if (a->at.us > l->update->env->as_of.us)
        return watch(&l->update->watches, key, a->at);
    return l->everybody ? TRAP_OK : add_key(&l->update->keys, key);
}

/* Senders that were looked up since, where the policy asks for it. */
static enum trap_err add_looks(struct update *u, bool everybody)
{
    struct looking l = { u, everybody ? 0 : u->live->looked_up, everybody };
    uint64_t after = l.last, last = after;
    enum trap_err err = TRAP_OK;

    if (!u->rule.looks || u->env->lookups == NULL)
        return err;
    do {
        after = last;
        err = act_each(u->env->lookups, after, ACTS_PAGE, on_look_up, &l, &last);
    } while (err == TRAP_OK && last != after);
    u->looked_up = l.last;
    return err;
}

static enum trap_err choose_keys(struct update *u, const struct derived_changes *c)
{
    static const struct acts_view none;
    const struct live *l = u->live;
    const struct acts_view *acts = u->env->acts == NULL ? &none : u->env->acts;
    const struct prefix *changed = l->harvesters ? c->harvesters : c->senders;
    const size_t n = l->harvesters ? c->harvester_count : c->sender_count;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = add_key(&u->keys, changed[i]);
    for (size_t i = 0; i < l->watches.n && err == TRAP_OK; i++)
        if (l->watches.v[i].next.us <= u->env->as_of.us)
            err = add_key(&u->keys, l->watches.v[i].key);
    if (err == TRAP_OK)
        err = add_delisted(u, acts->delist, acts->delist_count, l->delist, l->delist_count);
    if (err == TRAP_OK)
        err = add_delisted(u, l->delist, l->delist_count, acts->delist, acts->delist_count);
    if (err == TRAP_OK)
        err = l->harvesters ? add_looked_up(u, &acts->crawlers) : add_looks(u, false);
    if (err == TRAP_OK)
        sort_keys(&u->keys);
    return err;
}

static uint64_t digest_taints(const struct policy_env *env)
{
    return env->acts == NULL ? 0 : taints_digest(env->acts->taints);
}

static bool is_everybody(const struct update *u, const struct derived_changes *c)
{
    const struct live *l = u->live;

    return !l->known || c->all || u->env->as_of.us < l->as_of.us || l->nodes_known != u->rule.nodes_known ||
           l->taints != digest_taints(u->env) || (l->harvesters && l->looks_up != u->env->lists->looks_up);
}

/* ---- what was known, with what is new ---- */

static bool is_judged(const struct keys *k, size_t *at, struct prefix key)
{
    while (*at < k->n && prefix_cmp(k->v[*at], key) < 0)
        (*at)++;
    return *at < k->n && prefix_cmp(k->v[*at], key) == 0;
}

static enum trap_err keep_listed(struct update *u)
{
    const struct candidates *old = &u->live->listed, *new = &u->listed;
    struct candidates all = { .cap = old->n + new->n + 1 };
    size_t k = 0, judged = 0;

    all.v = reallocarray(NULL, all.cap, sizeof *all.v);
    if (all.v == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < old->n; i++) {
        if (is_judged(&u->keys, &judged, old->v[i].listing.key))
            continue;
        while (k < new->n && by_listed_key(&new->v[k], &old->v[i]) < 0)
            all.v[all.n++] = new->v[k++];
        all.v[all.n++] = old->v[i];
    }
    while (k < new->n)
        all.v[all.n++] = new->v[k++];
    free(u->listed.v);
    u->listed = all;
    return TRAP_OK;
}

static enum trap_err keep_watches(struct update *u)
{
    const struct watches *old = &u->live->watches, *new = &u->watches;
    struct watches all = { .cap = old->n + new->n + 1 };
    size_t k = 0, judged = 0;

    all.v = reallocarray(NULL, all.cap, sizeof *all.v);
    if (all.v == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < old->n; i++) {
        if (is_judged(&u->keys, &judged, old->v[i].key))
            continue;
        while (k < new->n && by_watched_key(&new->v[k], &old->v[i]) < 0)
            all.v[all.n++] = new->v[k++];
        all.v[all.n++] = old->v[i];
    }
    while (k < new->n)
        all.v[all.n++] = new->v[k++];
    free(u->watches.v);
    u->watches = all;
    return TRAP_OK;
}

static enum trap_err judge_some(struct update *u)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < u->keys.n && err == TRAP_OK; i++)
        err = judge(u, &u->keys.v[i]);
    if (u->watches.n > 1)
        qsort(u->watches.v, u->watches.n, sizeof *u->watches.v, by_watched_key);
    if (err == TRAP_OK)
        err = keep_listed(u);
    return err == TRAP_OK ? keep_watches(u) : err;
}

static enum trap_err judge_all(struct update *u)
{
    const enum trap_err err = judge(u, NULL);

    if (u->watches.n > 1)
        qsort(u->watches.v, u->watches.n, sizeof *u->watches.v, by_watched_key);
    if (u->listed.n > 1)
        qsort(u->listed.v, u->listed.n, sizeof *u->listed.v, by_listed_key);
    return err;
}

/* ---- who is never listed ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
    return h ^ h >> 32;
}

static uint64_t digest_lists(const struct lists *l)
{
    uint64_t h = 1;

    for (size_t n = 0; n < LIST_COUNT; n++) {
        h = mix(h, l->set[n].n);
        for (size_t i = 0; i < l->set[n].n; i++) {
            uint64_t words[2];
            memcpy(words, l->set[n].v[i].ip.b, sizeof words);
            h = mix(mix(mix(h, words[0]), words[1]), l->set[n].v[i].len);
        }
    }
    return h;
}

static void look_up_lists(struct update *u)
{
    for (size_t i = 0; i < u->listed.n; i++) {
        struct candidate *c = &u->listed.v[i];
        c->saved = (struct prefix){ .len = 0 };
        c->saved_by = lists_find(u->env->lists, c->listing.key, u->live->harvesters, &c->saved);
    }
}

/* ---- an update ---- */

static enum trap_err copy_acts(struct live *l, const struct acts_view *acts)
{
    const size_t delists = acts == NULL ? 0 : acts->delist_count,
                 crawlers = acts == NULL || !l->harvesters ? 0 : acts->crawlers.n;
    struct act_prefix *delist = calloc(delists + 1, sizeof *delist);
    struct act_found_row *rows = calloc(crawlers + 1, sizeof *rows);

    if (delist == NULL || rows == NULL) {
        free(delist);
        free(rows);
        return TRAP_ENOMEM;
    }
    if (delists > 0)
        memcpy(delist, acts->delist, delists * sizeof *delist);
    if (crawlers > 0)
        memcpy(rows, acts->crawlers.v, crawlers * sizeof *rows);
    free(l->delist);
    free(l->crawlers);
    l->delist = delist;
    l->delist_count = delists;
    l->crawlers = rows;
    l->crawler_count = crawlers;
    return TRAP_OK;
}

/* Takes the state of the update; its own memory is then that of before. */
static enum trap_err remember(struct update *u, uint64_t lists)
{
    struct live *l = u->live;
    const struct candidates listed = l->listed;
    const struct watches watches = l->watches;
    const enum trap_err err = copy_acts(l, u->env->acts);

    if (err != TRAP_OK)
        return err;
    l->listed = u->listed;
    l->watches = u->watches;
    u->listed = listed;
    u->watches = watches;
    l->as_of = u->env->as_of;
    l->looked_up = u->looked_up;
    l->nodes_known = u->rule.nodes_known;
    l->looks_up = u->env->lists->looks_up;
    l->taints = digest_taints(u->env);
    l->lists = lists;
    l->known = true;
    return TRAP_OK;
}

/* With the operator's acts, as listings_compute() has them. */
static enum trap_err give(const struct live *l, const struct policy_env *env, struct listings *out)
{
    struct candidates c = { .n = l->listed.n, .cap = l->listed.n + 1 };
    enum trap_err err = TRAP_OK;

    c.v = reallocarray(NULL, c.cap, sizeof *c.v);
    if (c.v == NULL)
        return TRAP_ENOMEM;
    if (c.n > 0)
        memcpy(c.v, l->listed.v, c.n * sizeof *c.v);
    if (!l->harvesters)
        err = candidates_add_acts(env, &c);
    if (err == TRAP_OK)
        err = candidates_finish(env, l->harvesters, &c, out);
    free(c.v);
    return err;
}

static enum trap_err update(struct update *u, const struct derived_changes *changes)
{
    const uint64_t lists = digest_lists(u->env->lists);
    enum trap_err err = rule_init(u->env, &u->rule);

    if (err != TRAP_OK)
        return err;
    if (is_everybody(u, changes)) {
        err = u->live->harvesters ? TRAP_OK : add_looks(u, true);
        if (err == TRAP_OK)
            err = judge_all(u);
    } else {
        err = choose_keys(u, changes);
        if (err == TRAP_OK)
            err = judge_some(u);
        if (err == TRAP_OK && lists != u->live->lists)
            look_up_lists(u);
    }
    if (err == TRAP_OK)
        err = remember(u, lists);
    rule_free(&u->rule);
    return err;
}

enum trap_err live_update(struct live *l, const struct policy_env *env, const struct derived_changes *changes,
                          struct listings *out, struct err_text *why)
{
    struct listings result = { .guard_missing = !l->harvesters && env->lists->guard_missing };
    struct policy_env alone = *env;
    struct update u = { .live = l, .env = &alone, .looked_up = l->looked_up };

    alone.backscatter = l->backscatter;
    /* Also while the guard is missing: the changes are told once. */
    enum trap_err err = update(&u, changes);

    if (err == TRAP_OK && !result.guard_missing)
        err = give(l, &alone, &result);
    free(u.keys.v);
    free(u.listed.v);
    free(u.watches.v);
    if (err != TRAP_OK) {
        l->known = false;
        err_text_set(why, "policy \"%s\": cannot compute the listings: %s", env->policy->name, err_name(err));
        listings_free(&result);
        return err;
    }
    *out = result;
    return TRAP_OK;
}
