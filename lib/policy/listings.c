/* listings.c - the rule applied to everybody: sorted, disjoint, without what is forbidden. */
#include "candidates.h"

#include <stdlib.h>
#include <string.h>

enum trap_err candidates_add(struct candidates *c, const struct candidate *one)
{
    if (c->n == c->cap) {
        const size_t cap = c->cap == 0 ? 256 : c->cap * 2;
        struct candidate *v = realloc(c->v, cap * sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = *one;
    return TRAP_OK;
}

struct candidate candidate_of(struct prefix key, const struct verdict *v)
{
    return (struct candidate){
        .listing = { .prefix = key,
                     .key = key,
                     .reason = v->reason,
                     .since = v->since,
                     .until = v->until,
                     .score_milli = v->score_milli,
                     .messages = v->messages,
                     .sources = v->sources,
                     .last_visit = v->last_visit },
        .saved = v->saved,
        .saved_by = v->saved_by,
    };
}

static enum trap_err add_verdict(struct candidates *c, struct prefix key, const struct verdict *v)
{
    const struct candidate one = candidate_of(key, v);

    return v->state == VERDICT_LISTED ? candidates_add(c, &one) : TRAP_OK;
}

/* ---- senders ---- */

struct senders {
    struct rule *rule;
    struct pending_set pending;
    size_t next; /* of pending */
    struct candidates *out;
};

static enum trap_err collect_pending(const struct pending_row *p, void *arg)
{
    struct senders *s = arg;

    return pending_set_add(&s->pending, s->rule, p);
}

/* How many pending rows from `next` on belong to this sender. */
static size_t pending_of(const struct senders *s, struct prefix sender)
{
    size_t n = 0;

    while (s->next + n < s->pending.n && rule_key_cmp(s->pending.v[s->next + n].sender, sender) == 0)
        n++;
    return n;
}

static enum trap_err judge_sender(struct senders *s, struct prefix sender, const struct evidence_row *rows,
                                  size_t n)
{
    const size_t waiting = pending_of(s, sender);
    struct verdict v;
    enum trap_err err = rule_sender(s->rule, sender, rows, n, s->pending.v + s->next, waiting, &v);

    s->next += waiting;
    return err == TRAP_OK ? add_verdict(s->out, sender, &v) : err;
}

/* Both come in key order, so that senders with pending addresses only are found on the way. */
static enum trap_err on_sender(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct senders *s = arg;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && s->next < s->pending.n && rule_key_cmp(s->pending.v[s->next].sender, sender) < 0)
        err = judge_sender(s, s->pending.v[s->next].sender, NULL, 0);
    return err == TRAP_OK ? judge_sender(s, sender, rows, n) : err;
}

/* A prefix around the IPv4-mapped block becomes what it has beside it (prefix_set.h), so that all candidates
 * stand in order. */
static enum trap_err add_act(const struct policy_env *env, const struct act_prefix *act, uint8_t reason,
                             struct candidates *out)
{
    struct verdict v = { .state = VERDICT_LISTED, .reason = reason, .since = act->at };
    struct prefix_set parts;
    enum trap_err err;

    prefix_set_init(&parts);
    err = prefix_set_add(&parts, act->prefix);
    v.until = act->until.us == 0 ? LISTING_NO_END : act->until;
    for (size_t i = 0; i < parts.n && err == TRAP_OK; i++) {
        v.saved_by = lists_find(env->lists, parts.v[i], false, &v.saved);
        err = add_verdict(out, parts.v[i], &v);
    }
    prefix_set_free(&parts);
    return err;
}

enum trap_err candidates_add_acts(const struct policy_env *env, struct candidates *out)
{
    const struct acts_view *acts = env->acts;
    enum trap_err err = TRAP_OK;

    if (env->backscatter)
        return TRAP_OK; /* an operator's word about spam says nothing of bounces */
    for (size_t i = 0; acts != NULL && i < acts->deny_count && err == TRAP_OK; i++)
        err = add_act(env, &acts->deny[i], LISTING_DENY, out);
    for (size_t i = 0; acts != NULL && env->policy->submissions && i < acts->submit_count && err == TRAP_OK; i++)
        err = add_act(env, &acts->submit[i], LISTING_SUBMIT, out);
    return err;
}

static enum trap_err collect_senders(struct rule *rule, struct candidates *out)
{
    struct store_db *derived = rule->env->derived;
    struct senders s = { .rule = rule, .out = out };
    enum trap_err err = pending_each(derived, collect_pending, &s);

    if (err == TRAP_OK)
        err = pending_set_seal(&s.pending);
    if (err == TRAP_OK)
        err = evidence_each(derived, on_sender, &s);
    while (err == TRAP_OK && s.next < s.pending.n)
        err = judge_sender(&s, s.pending.v[s.next].sender, NULL, 0);
    if (err == TRAP_OK)
        err = candidates_add_acts(rule->env, out);
    pending_set_free(&s.pending);
    return err;
}

/* ---- harvesters ---- */

struct harvesters {
    struct rule *rule;
    struct candidates *out;
};

static enum trap_err on_harvester(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    struct harvesters *h = arg;
    struct visitor_row visitor = { 0 };
    struct verdict v;
    enum trap_err err = visitor_get(h->rule->env->derived, harvester, &visitor);

    if (err == TRAP_OK || err == TRAP_ENOENT)
        err = rule_harvester(h->rule, harvester, rows, n, visitor.last, &v);
    return err == TRAP_OK ? add_verdict(h->out, harvester, &v) : err;
}

/* ---- what is published ---- */

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

/* Of equal prefixes: what is said of the listing. */
static int rank(uint8_t reason)
{
    return reason == LISTING_DENY ? 0 : reason == LISTING_EVIDENCE ? 1 : 2;
}

/* By prefix; of equal ones the operator's `deny` first, then evidence; of two acts the one that lasts longer. */
static int by_prefix(const void *a, const void *b)
{
    const struct listing *x = &((const struct candidate *)a)->listing,
                         *y = &((const struct candidate *)b)->listing;
    const int orders[] = { prefix_cmp(x->key, y->key), THREE_WAY(rank(x->reason), rank(y->reason)),
                           THREE_WAY(y->until.us, x->until.us), THREE_WAY(x->since.us, y->since.us) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

/* Where only a few stand behind many that are in order already (acts behind evidence), these are not moved twice. */
static enum trap_err sort_candidates(struct candidates *c)
{
    struct candidate *tail;
    size_t sorted = 1, left, at = c->n;

    while (sorted < c->n && by_prefix(&c->v[sorted - 1], &c->v[sorted]) <= 0)
        sorted++;
    if (sorted >= c->n)
        return TRAP_OK;
    left = c->n - sorted;
    tail = reallocarray(NULL, left, sizeof *tail);
    if (tail == NULL)
        return TRAP_ENOMEM;
    memcpy(tail, c->v + sorted, left * sizeof *tail);
    qsort(tail, left, sizeof *tail, by_prefix);
    while (left > 0) {
        if (sorted > 0 && by_prefix(&c->v[sorted - 1], &tail[left - 1]) > 0)
            c->v[--at] = c->v[--sorted];
        else
            c->v[--at] = tail[--left];
    }
    free(tail);
    return TRAP_OK;
}

/* Leaves out what lies inside another one: the shorter prefix comes first and covers it. */
static void keep_outermost(struct candidates *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (kept > 0 && prefix_covers(c->v[kept - 1].listing.key, c->v[i].listing.key))
            continue;
        if (kept != i)
            c->v[kept] = c->v[i];
        kept++;
    }
    c->n = kept;
}

static enum trap_err grow(struct listings *l, size_t *cap, size_t extra)
{
    if (extra > *cap - l->n) {
        const size_t wanted = (l->n + extra) * 2;
        struct listing *v = realloc(l->v, wanted * sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        l->v = v;
        *cap = wanted;
    }
    return TRAP_OK;
}

static enum trap_err subtract(const struct candidates *c, const struct prefix_set *forbidden,
                              struct listings *out)
{
    struct prefix_set pieces;
    enum trap_err err = TRAP_OK;
    size_t cap = 0;

    prefix_set_init(&pieces);
    out->saves = calloc(c->n == 0 ? 1 : c->n, sizeof *out->saves);
    if (out->saves == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < c->n && err == TRAP_OK; i++) {
        const struct candidate *one = &c->v[i];
        pieces.n = 0;
        /* No list holds a part of nearly all of them. */
        err = one->saved_by == LIST_COUNT ? prefix_set_add(&pieces, one->listing.key)
                                          : prefix_set_subtract(one->listing.key, forbidden, &pieces);
        if (err == TRAP_OK)
            err = grow(out, &cap, pieces.n);
        for (size_t k = 0; k < pieces.n && err == TRAP_OK; k++) {
            out->v[out->n] = one->listing;
            out->v[out->n++].prefix = pieces.v[k];
        }
        if (one->saved_by != LIST_COUNT)
            out->saves[out->save_count++] = (struct listing_save){ .key = one->listing.key,
                                                                   .entry = one->saved,
                                                                   .by = one->saved_by,
                                                                   .reason = one->listing.reason,
                                                                   .since = one->listing.since,
                                                                   .until = one->listing.until,
                                                                   .messages = one->listing.messages };
    }
    prefix_set_free(&pieces);
    return err;
}

enum trap_err candidates_finish(const struct policy_env *env, bool harvesters, struct candidates *c,
                                struct listings *out)
{
    const enum trap_err err = sort_candidates(c);

    if (err != TRAP_OK)
        return err;
    keep_outermost(c);
    return subtract(c, harvesters ? &env->lists->forbidden_harvesters : &env->lists->forbidden, out);
}

static enum trap_err compute_keys(const struct policy_env *env, bool harvesters, struct listings *l)
{
    struct candidates c = { 0 };
    struct rule rule = { 0 };
    struct harvesters h = { &rule, &c };
    enum trap_err err = rule_init(env, &rule);

    if (err == TRAP_OK)
        err = harvesters ? link_each(env->derived, on_harvester, &h) : collect_senders(&rule, &c);
    if (err == TRAP_OK)
        err = candidates_finish(env, harvesters, &c, l);
    rule_free(&rule);
    free(c.v);
    return err;
}

static enum trap_err compute_backscatter(const struct policy_env *env, struct listings *l)
{
    struct policy_env alone = *env;

    alone.backscatter = true;
    return compute_keys(&alone, false, l);
}

static enum trap_err compute_nets(const struct policy_env *env, struct listings *l)
{
    struct listings senders = { 0 };
    enum trap_err err = compute_keys(env, false, &senders);

    if (err == TRAP_OK)
        err = listings_escalate(env, &senders, l);
    listings_free(&senders);
    return err;
}

enum trap_err listings_compute(const struct policy_env *env, enum listing_kind kind, struct listings *out,
                               struct err_text *why)
{
    struct listings l = { .guard_missing = kind != LISTINGS_HARVESTERS && env->lists->guard_missing };
    enum trap_err err = TRAP_OK;

    if (!l.guard_missing)
        err = kind == LISTINGS_NETS          ? compute_nets(env, &l)
              : kind == LISTINGS_BACKSCATTER ? compute_backscatter(env, &l)
                                             : compute_keys(env, kind == LISTINGS_HARVESTERS, &l);
    if (err != TRAP_OK) {
        err_text_set(why, "policy \"%s\": cannot compute the listings: %s", env->policy->name, err_name(err));
        listings_free(&l);
        return err;
    }
    *out = l;
    return TRAP_OK;
}

void listings_free(struct listings *l)
{
    free(l->v);
    free(l->saves);
    *l = (struct listings){ 0 };
}

static const char *const state_names[] = {
    [VERDICT_NOTHING] = "nothing", [VERDICT_BELOW] = "below",     [VERDICT_DELAYED] = "delayed",
    [VERDICT_LISTED] = "listed",   [VERDICT_EXPIRED] = "expired", [VERDICT_DELISTED] = "delisted",
};

const char *verdict_state_name(enum verdict_state s)
{
    return s < sizeof state_names / sizeof state_names[0] ? state_names[s] : "?";
}

const char *listing_kind_name(enum listing_kind kind)
{
    static const char *const names[] = { [LISTINGS_SENDERS] = "senders", [LISTINGS_HARVESTERS] = "harvesters", [LISTINGS_BACKSCATTER] = "backscatter", [LISTINGS_NETS] = "nets" };

    return names[kind];
}

static const char *const reason_names[] = {
    [LISTING_EVIDENCE] = "evidence", [LISTING_DENY] = "deny", [LISTING_MEMBERS] = "members",
    [LISTING_SUBMIT] = "submit"
};

const char *listing_reason_name(enum listing_reason reason)
{
    return reason_names[reason];
}

enum listing_reason listing_reason_find(struct bytes name)
{
    for (size_t i = LISTING_EVIDENCE; i < sizeof reason_names / sizeof reason_names[0]; i++)
        if (bytes_eq(name, bytes_str(reason_names[i])))
            return (enum listing_reason)i;
    return LISTING_EVIDENCE;
}
