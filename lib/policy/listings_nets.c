/* listings_nets.c - networks that are listed for their members: rows of `escalate`, one after the other.
 *
 * A network is listed while `members` of its listed senders (or of the networks a row before made) are: since
 * the so many-th of them was, until fewer than that would be left. Senders whom a list keeps off are no
 * members, nor is what an act `deny` names. One message less can only take members away, so it never adds a
 * network (docs/adr/0023).
 */
#include "rule.h"

#include <stdlib.h>

struct member {
    struct prefix prefix;
    wall_t since, until;
};
struct members {
    struct member *v;
    size_t n, cap;
};

static enum trap_err add_member(struct members *m, struct prefix prefix, wall_t since, wall_t until)
{
    if (m->n == m->cap) {
        const size_t cap = m->cap == 0 ? 256 : m->cap * 2;
        struct member *v = reallocarray(m->v, cap, sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        m->v = v;
        m->cap = cap;
    }
    m->v[m->n++] = (struct member){ prefix, since, until };
    return TRAP_OK;
}

static int by_since(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    return (x->since.us > y->since.us) - (x->since.us < y->since.us);
}

static int by_until_late_first(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    return (x->until.us < y->until.us) - (x->until.us > y->until.us);
}

/* The n members of one network; sorts them twice. */
static enum trap_err add_network(struct members *out, struct prefix net, struct member *v, size_t n,
                                 uint32_t wanted)
{
    wall_t since;

    if (n < wanted)
        return TRAP_OK;
    qsort(v, n, sizeof *v, by_since);
    since = v[wanted - 1].since;
    qsort(v, n, sizeof *v, by_until_late_first);
    return add_member(out, net, since, v[wanted - 1].until);
}

static bool fits(const struct conf_escalation *row, struct prefix p)
{
    return p.len == row->from && ip_is_v4(p.ip) == row->v4;
}

/* `in` is in prefix order, so that the members of a network stand together. */
static enum trap_err apply_row(const struct conf_escalation *row, const struct members *in,
                               struct members *out)
{
    struct members group = { 0 };
    struct prefix net = { .len = 0 };
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < in->n && err == TRAP_OK; i++) {
        const struct member *m = &in->v[i];
        struct prefix its;
        if (!fits(row, m->prefix))
            continue;
        its = prefix_of(m->prefix.ip, row->to);
        if (group.n > 0 && prefix_cmp(its, net) != 0) {
            err = add_network(out, net, group.v, group.n, row->members);
            group.n = 0;
        }
        net = its;
        if (err == TRAP_OK)
            err = add_member(&group, m->prefix, m->since, m->until);
    }
    if (err == TRAP_OK && group.n > 0)
        err = add_network(out, net, group.v, group.n, row->members);
    free(group.v);
    return err;
}

static enum trap_err take_senders(const struct listings *senders, struct members *out)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < senders->n && err == TRAP_OK; i++) {
        const struct listing *l = &senders->v[i];
        const bool again = i > 0 && prefix_cmp(senders->v[i - 1].key, l->key) == 0; /* another piece of it */
        if (l->reason == LISTING_EVIDENCE && !again)
            err = add_member(out, l->key, l->since, l->until);
    }
    return err;
}

static int by_prefix(const void *a, const void *b)
{
    return prefix_cmp(((const struct member *)a)->prefix, ((const struct member *)b)->prefix);
}

/* What one network becomes after the set difference. */
static enum trap_err add_listing(const struct policy_env *env, const struct member *m, struct listings *out,
                                 size_t *cap)
{
    struct listing_save save = {
        .key = m->prefix, .reason = LISTING_MEMBERS, .since = m->since, .until = m->until
    };
    struct prefix_set pieces;
    enum trap_err err;

    prefix_set_init(&pieces);
    err = prefix_set_subtract(m->prefix, &env->lists->forbidden, &pieces);
    if (err == TRAP_OK && pieces.n > *cap - out->n) {
        const size_t wanted = (out->n + pieces.n) * 2;
        struct listing *v = reallocarray(out->v, wanted, sizeof *v);
        err = v == NULL ? TRAP_ENOMEM : TRAP_OK;
        out->v = v == NULL ? out->v : v;
        *cap = v == NULL ? *cap : wanted;
    }
    for (size_t i = 0; i < pieces.n && err == TRAP_OK; i++)
        out->v[out->n++] = (struct listing){ .prefix = pieces.v[i],
                                             .key = m->prefix,
                                             .reason = LISTING_MEMBERS,
                                             .since = m->since,
                                             .until = m->until };
    prefix_set_free(&pieces);
    save.by = lists_find(env->lists, m->prefix, false, &save.entry);
    if (err == TRAP_OK && save.by != LIST_COUNT)
        out->saves[out->save_count++] = save;
    return err;
}

/* The outermost networks: a shorter prefix comes first and covers what lies inside it. */
static enum trap_err publish(const struct policy_env *env, struct members *nets, struct listings *out)
{
    const struct member *outer = NULL;
    enum trap_err err = TRAP_OK;
    size_t cap = 0;

    out->saves = calloc(nets->n + 1, sizeof *out->saves);
    if (out->saves == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < nets->n && err == TRAP_OK; i++) {
        if (outer != NULL && prefix_covers(outer->prefix, nets->v[i].prefix))
            continue;
        outer = &nets->v[i];
        err = add_listing(env, outer, out, &cap);
    }
    return err;
}

enum trap_err listings_escalate(const struct policy_env *env, const struct listings *senders,
                                struct listings *out)
{
    const struct conf_escalations *rows = &env->policy->escalate;
    struct listings l = { .guard_missing = senders->guard_missing };
    struct members members = { 0 }, nets = { 0 };
    enum trap_err err = take_senders(senders, &members);

    for (size_t i = 0; i < rows->n && err == TRAP_OK; i++) {
        struct members made = { 0 };
        err = apply_row(&rows->v[i], &members, &made);
        for (size_t k = 0; k < made.n && err == TRAP_OK; k++) {
            err = add_member(&members, made.v[k].prefix, made.v[k].since, made.v[k].until);
            if (err == TRAP_OK)
                err = add_member(&nets, made.v[k].prefix, made.v[k].since, made.v[k].until);
        }
        if (made.n > 0 && err == TRAP_OK)
            qsort(members.v, members.n, sizeof *members.v, by_prefix);
        free(made.v);
    }
    if (nets.n > 1)
        qsort(nets.v, nets.n, sizeof *nets.v, by_prefix);
    if (err == TRAP_OK)
        err = publish(env, &nets, &l);
    free(members.v);
    free(nets.v);
    if (err != TRAP_OK) {
        listings_free(&l);
        return err;
    }
    *out = l;
    return TRAP_OK;
}
