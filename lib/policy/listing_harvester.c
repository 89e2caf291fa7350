/* listing_harvester.c - is this visitor listed for having harvested? What it did is the visit; the mail only
 * proves it.
 *
 * Mail comes weeks or years after the harvest, when the address may belong to somebody else: so a listing
 * ends visit_age_max after the last visit, however much mail arrives. Verified crawlers are never listed for
 * what others read in their index.
 */
#include "rule.h"

#include <stdlib.h>

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int by_first(const void *a, const void *b)
{
    const struct link_row *x = *(const struct link_row *const *)a, *y = *(const struct link_row *const *)b;

    return THREE_WAY(x->first.us, y->first.us);
}

static int by_sender(const void *a, const void *b)
{
    const struct link_row *x = *(const struct link_row *const *)a, *y = *(const struct link_row *const *)b;
    const int c = prefix_cmp(x->sender, y->sender);

    return c != 0 ? c : by_first(a, b);
}

static int compare_addresses(const struct link_row *x, const struct link_row *y)
{
    const int orders[] = { THREE_WAY(x->node, y->node), THREE_WAY(x->visit, y->visit),
                           THREE_WAY(x->slot, y->slot) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const struct link_row *x = *(const struct link_row *const *)a, *y = *(const struct link_row *const *)b;
    const int c = compare_addresses(x, y);

    return c != 0 ? c : by_first(a, b);
}

static int compare_senders(const struct link_row *x, const struct link_row *y)
{
    return prefix_cmp(x->sender, y->sender);
}

static int compare_days(const struct link_row *x, const struct link_row *y)
{
    return THREE_WAY(x->day, y->day);
}

static int by_day(const void *a, const void *b)
{
    return compare_days(*(const struct link_row *const *)a, *(const struct link_row *const *)b);
}

struct distinct {
    int (*order)(const void *, const void *); /* equal ones together, the earliest of them first */
    int (*compare)(const struct link_row *, const struct link_row *);
};

/* Counts the different ones; *met_out = when the wanted number was reached, us = INT64_MAX where it was
 * not. */
static uint32_t count_distinct(const struct link_row **rows, size_t n, const struct distinct *d,
                               uint32_t wanted, wall_t *met_out)
{
    size_t kept = 0;
    const struct link_row **first = calloc(n, sizeof *first);

    met_out->us = INT64_MAX;
    if (first == NULL)
        return UINT32_MAX;
    qsort(rows, n, sizeof *rows, d->order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || d->compare(rows[i - 1], rows[i]) != 0)
            first[kept++] = rows[i];
    qsort(first, kept, sizeof *first, by_first);
    if (wanted > 0 && kept >= wanted)
        *met_out = first[wanted - 1]->first;
    free(first);
    return (uint32_t)kept;
}

static void sum_up(const struct link_row **rows, size_t n, struct verdict *v)
{
    v->first = rows[0]->first;
    v->last = rows[0]->last;
    for (size_t i = 0; i < n; i++) {
        v->messages += rows[i]->count;
        if (rows[i]->first.us < v->first.us)
            v->first = rows[i]->first;
        if (rows[i]->last.us > v->last.us)
            v->last = rows[i]->last;
    }
}

/* The moment until which nobody can say that this is no crawler: 48 hours from the first look-up that found no
 * answer, or, while there is none, from the moment that the rule was met. us = 0: it is known. */
static wall_t held_until(const struct rule *r, struct prefix harvester, wall_t met)
{
    const struct policy_env *env = r->env;
    const struct act_found_row *known =
        env->acts == NULL ? NULL : acts_view_found(&env->acts->crawlers, harvester);

    if (known == NULL)
        return env->lists != NULL && env->lists->looks_up ? wall_add(met, POLICY_CRAWLER_HOLD) : (wall_t){ 0 };
    return known->found == ACT_FOUND_UNDECIDED ? wall_add(known->at, POLICY_CRAWLER_HOLD) : (wall_t){ 0 };
}

static enum trap_err judge(const struct rule *r, struct prefix harvester, const struct link_row **rows,
                           size_t n, struct verdict *v)
{
    static const struct distinct senders = { by_sender, compare_senders },
                                 addresses = { by_address, compare_addresses },
                                 days = { by_day, compare_days };
    const struct conf_policy *p = r->env->policy;
    const wall_t as_of = r->env->as_of;
    wall_t by_senders, by_addresses, unused;

    v->senders = count_distinct(rows, n, &senders, p->harvester_senders_min, &by_senders);
    v->addresses = count_distinct(rows, n, &addresses, p->harvester_addresses_min, &by_addresses);
    v->days = count_distinct(rows, n, &days, 0, &unused);
    if (v->senders == UINT32_MAX || v->addresses == UINT32_MAX || v->days == UINT32_MAX)
        return TRAP_ENOMEM;
    sum_up(rows, n, v);
    const wall_t met = by_senders.us < by_addresses.us ? by_senders : by_addresses;
    v->state = VERDICT_BELOW;
    if (met.us == INT64_MAX)
        return TRAP_OK;
    v->reason = LISTING_EVIDENCE;
    v->since = wall_add(met, rule_delay(r, harvester));
    v->held_until = held_until(r, harvester, met);
    if (v->held_until.us > v->since.us)
        v->since = v->held_until;
    else
        v->held_until.us = 0;
    v->until = wall_add(v->last_visit, p->visit_age_max);
    v->state = as_of.us >= v->until.us  ? VERDICT_EXPIRED
               : as_of.us < v->since.us ? VERDICT_DELAYED
                                        : VERDICT_LISTED;
    return TRAP_OK;
}

enum trap_err rule_harvester(struct rule *r, struct prefix harvester, const struct link_row *rows,
                             size_t n, wall_t last_visit, struct verdict *out)
{
    const struct policy_env *env = r->env;
    struct verdict v = { .saved_by = LIST_COUNT, .last_visit = last_visit };
    const struct link_row **counted = calloc(n == 0 ? 1 : n, sizeof *counted);
    enum trap_err err = TRAP_OK;
    size_t kept = 0;

    if (counted == NULL)
        return TRAP_ENOMEM;
    r->next = (wall_t){ INT64_MAX };
    for (size_t i = 0; i < n; i++) {
        if ((rows[i].visit_flags & VISIT_CRAWLER) != 0 || rows[i].count == 0)
            continue;
        if (rows[i].first.us > env->as_of.us) {
            rule_next(r, rows[i].first);
            continue;
        }
        if (rows[i].visited.us > v.last_visit.us)
            v.last_visit = rows[i].visited;
        if (rule_delisted(r, harvester, rows[i].last))
            v.state = VERDICT_DELISTED;
        else
            counted[kept++] = &rows[i];
    }
    if (kept > 0)
        err = judge(r, harvester, counted, kept, &v);
    free(counted);
    if (err != TRAP_OK)
        return err;
    if (v.state == VERDICT_LISTED || v.state == VERDICT_DELAYED) {
        rule_next(r, v.since);
        rule_next(r, v.until);
    }
    v.next = r->next;
    if (env->lists != NULL)
        v.saved_by = lists_find(env->lists, harvester, true, &v.saved);
    *out = v;
    return TRAP_OK;
}

enum trap_err policy_harvester(const struct policy_env *env, struct prefix harvester,
                               const struct link_row *rows, size_t n, struct verdict *out)
{
    struct visitor_row visitor = { 0 };
    struct rule rule;
    enum trap_err err = rule_init(env, &rule);

    if (err != TRAP_OK)
        return err;
    if (env->derived != NULL)
        err = visitor_get(env->derived, harvester, &visitor);
    if (err == TRAP_ENOENT)
        err = TRAP_OK;
    if (err == TRAP_OK)
        err = rule_harvester(&rule, harvester, rows, n, visitor.last, out);
    rule_free(&rule);
    return err;
}
