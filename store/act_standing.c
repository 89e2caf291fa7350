/* act_standing.c - acts.db as of a moment: what was said by then, and not taken back. */
#include "act_parts.h"

#include <base/log.h>
#include <base/num.h>

#include <stdlib.h>

struct revoke {
    uint64_t seq, target;
    bool taken_back;
};
struct revokes {
    struct revoke *v;
    size_t n, room;
    wall_t as_of;
};

static enum trap_err add_revoke(const struct act *a, void *arg)
{
    struct revokes *r = arg;
    uint64_t target = 0;

    if (a->at.us > r->as_of.us)
        return TRAP_OK;
    if (num_u64(a->subject, 1, INT64_MAX, &target) != TRAP_OK) {
        log_error("store.act.unreadable", LOG_U64("act", a->seq), LOG_STR("kind", act_kind_name(a->kind)),
                  LOG_BYTES("subject", a->subject));
        return TRAP_ECORRUPT;
    }
    if (r->n == r->room) {
        const size_t room = r->room == 0 ? 16 : r->room * 2;
        struct revoke *more = reallocarray(r->v, room, sizeof *more);

        if (more == NULL)
            return TRAP_ENOMEM;
        r->v = more;
        r->room = room;
    }
    r->v[r->n++] = (struct revoke){ a->seq, target, false };
    return TRAP_OK;
}

static int by_seq(const void *key, const void *element)
{
    const uint64_t seq = *(const uint64_t *)key;
    const struct revoke *r = element;

    return (seq > r->seq) - (seq < r->seq);
}

static int by_target(const void *a, const void *b)
{
    const struct revoke *x = a, *y = b;

    return (x->target > y->target) - (x->target < y->target);
}

/* From the newest to the oldest, because what takes back can be taken back by something newer only. What is
 * left is what was taken back, in order. */
static void settle(struct revokes *r)
{
    size_t kept = 0;

    for (size_t i = r->n; i > 0; i--) {
        const struct revoke *one = &r->v[i - 1];
        struct revoke *target;

        if (one->taken_back || one->target >= one->seq)
            continue;
        target = bsearch(&one->target, r->v, r->n, sizeof *r->v, by_seq);
        if (target != NULL)
            target->taken_back = true;
    }
    for (size_t i = 0; i < r->n; i++)
        if (!r->v[i].taken_back && r->v[i].target < r->v[i].seq)
            r->v[kept++] = r->v[i];
    r->n = kept;
    if (kept > 1)
        qsort(r->v, kept, sizeof *r->v, by_target);
}

struct standing {
    const struct revokes *revokes;
    uint32_t kinds;
    act_fn *fn;
    void *arg;
};

static int target_of(const void *key, const void *element)
{
    const uint64_t seq = *(const uint64_t *)key;
    const struct revoke *r = element;

    return (seq > r->target) - (seq < r->target);
}

static enum trap_err give_standing(const struct act *a, void *arg)
{
    const struct standing *s = arg;
    const struct revokes *r = s->revokes;

    if ((s->kinds & (UINT32_C(1) << (a->kind & 31))) == 0 || a->at.us > r->as_of.us ||
        (r->n > 0 && bsearch(&a->seq, r->v, r->n, sizeof *r->v, target_of) != NULL))
        return TRAP_OK;
    return s->fn(a, s->arg);
}

/* What is appended meanwhile is not looked at: both walks see one state. */
enum trap_err act_each_standing(struct store_db *db, wall_t as_of, uint32_t kinds, act_fn *fn, void *arg)
{
    struct revokes r = { .as_of = as_of };
    struct standing s = { .revokes = &r, .kinds = kinds, .fn = fn, .arg = arg };
    uint64_t last = 0;
    enum trap_err err = act_last(db, &last);

    if (err == TRAP_OK)
        err = act_walk(db, ACT_CHOICE_REVOKES, last, add_revoke, &r);
    if (err == TRAP_OK) {
        settle(&r);
        err = act_walk(db, (kinds & ACT_MANY_KINDS) == 0 ? ACT_CHOICE_FEW : ACT_CHOICE_ALL, last,
                       give_standing, &s);
    }
    free(r.v);
    return err;
}
