/* acts_view.c - acts.db as of a moment: what is in force of allow, deny, delist. */
#include "lookups_view.h"

#include <base/log.h>
#include <base/num.h>

#include <stdlib.h>

enum { PAGE = 10000 };

struct entry {
    uint64_t seq;
    uint8_t kind;
    bool taken_back;
    uint64_t target; /* ACT_REVOKE */
    struct act_prefix p;
};
struct entries {
    struct entry *v;
    size_t n, cap;
    wall_t as_of;
};

static enum trap_err add_entry(struct entries *e, struct entry entry)
{
    if (e->n == e->cap) {
        const size_t cap = e->cap == 0 ? 16 : e->cap * 2;
        struct entry *v = realloc(e->v, cap * sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        e->v = v;
        e->cap = cap;
    }
    e->v[e->n++] = entry;
    return TRAP_OK;
}

/* An act that cannot be read stops everything: an `allow` that was skipped would list somebody. */
static enum trap_err take_act(const struct act *a, void *arg)
{
    struct entries *e = arg;
    struct entry entry = { .seq = a->seq, .kind = a->kind };
    enum trap_err err = TRAP_OK;

    if (a->at.us > e->as_of.us)
        return TRAP_OK;
    switch (a->kind) {
    case ACT_ALLOW:
    case ACT_DENY:
    case ACT_DELIST:
        entry.p = (struct act_prefix){ .at = a->at, .until = a->until, .seq = a->seq };
        err = prefix_parse(a->subject, &entry.p.prefix);
        break;
    case ACT_REVOKE:
        err = num_u64(a->subject, 1, INT64_MAX, &entry.target);
        break;
    default:
        return TRAP_OK;
    }
    if (err != TRAP_OK) {
        log_error("policy.act.unreadable", LOG_U64("act", a->seq), LOG_STR("kind", act_kind_name(a->kind)),
                  LOG_BYTES("subject", a->subject));
        return TRAP_ECORRUPT;
    }
    return add_entry(e, entry);
}

static struct entry *find_entry(struct entries *e, uint64_t seq)
{
    size_t low = 0, n = e->n;

    while (n > 0) {
        const size_t half = n / 2;
        if (e->v[low + half].seq < seq) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low < e->n && e->v[low].seq == seq ? &e->v[low] : NULL;
}

/* From the newest to the oldest, because what takes back can be taken back by something newer only. */
static void apply_revokes(struct entries *e)
{
    for (size_t i = e->n; i > 0; i--) {
        const struct entry *r = &e->v[i - 1];
        struct entry *target;
        if (r->kind != ACT_REVOKE || r->taken_back || r->target >= r->seq)
            continue;
        target = find_entry(e, r->target);
        if (target != NULL)
            target->taken_back = true;
    }
}

static enum trap_err pick(const struct entries *e, uint8_t kind, struct act_prefix **out, size_t *n_out)
{
    struct act_prefix *v = calloc(e->n == 0 ? 1 : e->n, sizeof *v);
    size_t n = 0;

    if (v == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < e->n; i++) {
        const struct entry *x = &e->v[i];
        const bool ended = x->p.until.us != 0 && x->p.until.us <= e->as_of.us;
        if (x->kind == kind && !x->taken_back && !ended)
            v[n++] = x->p;
    }
    *out = v;
    *n_out = n;
    return TRAP_OK;
}

enum trap_err acts_view_load(struct store_db *acts, wall_t as_of, struct acts_view *out, struct err_text *why)
{
    struct entries e = { .as_of = as_of };
    struct acts_view view = { 0 };
    uint64_t after = 0, last = 0;
    enum trap_err err;

    for (;;) {
        err = act_each_rule(acts, after, PAGE, take_act, &e, &last);
        if (err != TRAP_OK || last == after)
            break;
        after = last;
    }
    if (err == TRAP_OK) {
        apply_revokes(&e);
        err = pick(&e, ACT_ALLOW, &view.allow, &view.allow_count);
    }
    if (err == TRAP_OK)
        err = pick(&e, ACT_DENY, &view.deny, &view.deny_count);
    if (err == TRAP_OK)
        err = pick(&e, ACT_DELIST, &view.delist, &view.delist_count);
    if (err == TRAP_OK)
        err = lookups_view_load(acts, as_of, &view);
    free(e.v);
    if (err != TRAP_OK) {
        err_text_set(why, "cannot read the acts: %s; see the log", err_name(err));
        acts_view_free(&view);
        return err;
    }
    *out = view;
    return TRAP_OK;
}

void acts_view_free(struct acts_view *v)
{
    free(v->allow);
    free(v->deny);
    free(v->delist);
    free(v->ranges);
    free(v->crawlers.v);
    free(v->whitelisted.v);
    *v = (struct acts_view){ 0 };
}
