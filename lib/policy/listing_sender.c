/* listing_sender.c - is this sender listed, since when, until when? Everything follows from its rows, the
 * rule and as_of.
 *
 * The rule is met at a moment when the rows that had begun by then reach the threshold and the smallest
 * numbers of sources, days and nodes. Rows begin whole, at their first message: within its hour the log does
 * not tell one message from the next.
 *
 *     rows      a  b     c                       d
 *     met            |===========|                       (score >= threshold)
 *     listed            |=====================|
 *
 * since = first met + delay; until = last met + half_life, at most stay_max after the last row, + offset.
 *
 * A further row can only make `since` earlier and `until` later (docs/adr/0009): removing a message never
 * adds a listing.
 */
#include "rule.h"
#include "score.h"

#include <stdlib.h>

/* A gap longer than any listing can last, offset included: what came before belongs to another run. */
#define RUN_GAP_MORE SPAN_H(1)

/* What the first rows of a run amount to, without the score. */
struct counts {
    uint32_t sources, days, nodes;
};
struct run {
    struct score_rows rows;
    const struct rule *rule;
    struct prefix sender;
    wall_t *matured; /* [k]: when enough sources of row[0..k] are old; us = 0 always, INT64_MAX never */
    uint32_t look_milli; /* more for each message */
    wall_t last;     /* of the newest evidence */
    wall_t cap;      /* last + stay_max */
};

static wall_t hour_start(uint32_t hour)
{
    return (wall_t){ (int64_t)hour * WALL_US_PER_HOUR };
}

static wall_t later(wall_t a, wall_t b)
{
    return a.us > b.us ? a : b;
}

static wall_t earlier(wall_t a, wall_t b)
{
    return a.us < b.us ? a : b;
}

static void count_row(struct counts *c, const struct score_row *r)
{
    c->sources += r->new_source;
    c->days += r->new_day;
    c->nodes += r->new_node;
}

static bool counts_suffice(const struct rule *rule, const struct counts *c)
{
    const struct conf_policy *p = rule->env->policy;

    return c->sources > 0 && c->sources >= p->sources_min && c->days >= p->days_min &&
           (rule->nodes_known < 2 || c->nodes >= p->nodes_min);
}

/* At most young_sources_max young ones count, so sources_min - young_sources_max must be old. The moment of
 * that: the so many-th smallest of the moments at which they mature. */
static enum trap_err find_matured(struct run *run)
{
    const struct conf_policy *p = run->rule->env->policy;
    const size_t need = !run->rule->young_rule || p->sources_min <= p->young_sources_max
                            ? 0
                            : p->sources_min - p->young_sources_max;
    wall_t *smallest;
    size_t have = 0;

    if (need > run->rows.n || need == 0) {
        for (size_t k = 0; k < run->rows.n; k++)
            run->matured[k].us = need == 0 ? 0 : INT64_MAX;
        return TRAP_OK;
    }
    smallest = calloc(need, sizeof *smallest);
    if (smallest == NULL)
        return TRAP_ENOMEM;
    for (size_t k = 0; k < run->rows.n; k++) {
        const struct score_row *r = &run->rows.row[k];
        size_t at = have;
        if (r->new_source && (have < need || r->matures.us < smallest[need - 1].us)) {
            have += have < need;
            for (at = have - 1; at > 0 && smallest[at - 1].us > r->matures.us; at--)
                smallest[at] = smallest[at - 1];
            smallest[at] = r->matures;
        }
        run->matured[k].us = have < need ? INT64_MAX : smallest[need - 1].us;
    }
    free(smallest);
    return TRAP_OK;
}

/* Was the rule met while row[0..k] was all there was? Then *at_out is the first such moment. */
static bool met_with(const struct run *run, size_t k, const struct counts *c, wall_t *at_out)
{
    const struct score_rows *s = &run->rows;
    const struct rule *rule = run->rule;
    const wall_t at = later(s->row[k].row.first, run->matured[k]);

    if (!counts_suffice(rule, c) || at.us > rule->env->as_of.us || at.us >= run->cap.us)
        return false;
    if (k + 1 < s->n && at.us >= s->row[k + 1].row.first.us && at.us != s->row[k].row.first.us)
        return false;
    if (score_at(s, k + 1, wall_hour(at)) < score_of_milli(rule->env->policy->threshold_milli))
        return false;
    *at_out = at;
    return true;
}

/* The first hour from `from` at which the score of row[0..k] is below the threshold, `to` at the latest. */
static uint32_t find_fall(const struct run *run, size_t k, uint32_t from, uint32_t to)
{
    const score_t threshold = score_of_milli(run->rule->env->policy->threshold_milli);

    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        if (score_at(&run->rows, k + 1, middle) < threshold)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

/* First and last moment at which the rule was met; false where it never was. */
static bool find_span(const struct run *run, struct verdict *v)
{
    const struct score_rows *s = &run->rows;
    const struct conf_policy *p = run->rule->env->policy;
    struct counts c = { 0 };
    size_t first = s->n, last = s->n;
    wall_t begin = { 0 }, at = { 0 };

    for (size_t k = 0; k < s->n && first == s->n; k++) {
        count_row(&c, &s->row[k]);
        if (met_with(run, k, &c, &begin))
            first = k;
    }
    if (first == s->n)
        return false;
    /* Counts only grow, so from here on they suffice: only score and young sources decide. The longest such
     * prefix ends last. */
    while (last > first && !met_with(run, last - 1, &c, &at))
        last--;
    const uint32_t fall = find_fall(run, last - 1, wall_hour(at), wall_hour(run->cap) + 1);
    v->since = wall_add(begin, rule_delay(run->rule, run->sender));
    v->until = earlier(wall_add(hour_start(fall), p->half_life), run->cap);
    v->until = wall_add(v->until, rule_offset(run->rule, run->sender));
    return true;
}

static void describe(const struct run *run, struct verdict *v)
{
    const struct conf_policy *p = run->rule->env->policy;
    const struct score_rows *s = &run->rows;
    const wall_t as_of = run->rule->env->as_of;
    struct counts c = { 0 };

    v->first = s->row[0].row.first;
    for (size_t k = 0; k < s->n; k++) {
        const struct score_row *r = &s->row[k];
        count_row(&c, r);
        v->young_sources += r->new_source && r->matures.us > as_of.us;
        v->messages += r->row.count;
        v->first =
            earlier(v->first, source_kind(r->row.source) == SOURCE_PENDING ? r->row.last : r->row.first);
    }
    v->last = run->last;
    v->days = c.days;
    v->nodes = c.nodes;
    v->sources = c.sources;
    if (run->rule->young_rule && v->young_sources > p->young_sources_max)
        v->sources -= v->young_sources - p->young_sources_max;
    v->score_milli = score_milli(score_at(s, s->n, wall_hour(as_of)));
}

/* Takes what counts of rows; *delisted_out where an act keeps some from counting. */
static enum trap_err take_counted(struct run *run, struct rule *rule, const struct evidence_row *rows, size_t n,
                                  const uint32_t *beyond, bool *delisted_out)
{
    for (size_t i = 0; i < n; i++) {
        const struct evidence_row *e = &rows[i];
        const uint32_t own = e->klass < EVIDENCE_CLASSES ? rule->weight_milli[e->klass] : 0;
        const uint32_t weight = own == 0 ? 0 : own + run->look_milli;
        const uint32_t count = beyond != NULL && e->klass == EVIDENCE_BACKSCATTER ? beyond[i] : e->count;
        struct score_row *r = &run->rows.row[run->rows.n];
        enum trap_err err;
        if (weight == 0 || e->count == 0)
            continue;
        if (e->first.us > rule->env->as_of.us) {
            rule_next(rule, e->first);
            continue;
        }
        if (count == 0)
            continue;
        if (rule_delisted(rule, run->sender, e->last)) {
            *delisted_out = true;
            continue;
        }
        *r = (struct score_row){ .row = *e, .weight_milli = weight };
        r->row.count = count;
        err = rule_matures(rule, e->source, &r->matures);
        if (err != TRAP_OK)
            return err;
        run->rows.n++;
    }
    return TRAP_OK;
}

static enum trap_err take_rows(struct run *run, struct rule *rule, const struct evidence_row *rows, size_t n,
                               bool *delisted_out)
{
    uint32_t *beyond = NULL;
    enum trap_err err = rule->env->backscatter ? TRAP_OK : backscatter_beyond(rule, rows, n, &beyond);

    if (err == TRAP_OK)
        err = take_counted(run, rule, rows, n, beyond, delisted_out);
    free(beyond);
    return err;
}

/* Sorted rows: where the present run begins. */
static size_t find_run(const struct score_rows *s, const struct conf_policy *p)
{
    const int64_t gap_us = (p->stay_max.ms + RUN_GAP_MORE.ms) * 1000;
    wall_t last = { 0 };
    size_t begin = 0;

    for (size_t k = 0; k < s->n; k++) {
        if (k > 0 && s->row[k].row.first.us - last.us > gap_us)
            begin = k;
        last = later(last, s->row[k].row.last);
    }
    return begin;
}

static enum trap_err judge(struct run *run, struct verdict *v)
{
    const wall_t as_of = run->rule->env->as_of;
    struct score_rows *s = &run->rows;
    enum trap_err err;

    score_rows_sort(s);
    score_rows_group(s, find_run(s, run->rule->env->policy));
    for (size_t k = 0; k < s->n; k++)
        run->last = later(run->last, s->row[k].row.last);
    run->cap = wall_add(run->last, run->rule->env->policy->stay_max);
    run->matured = calloc(s->n, sizeof *run->matured);
    if (run->matured == NULL)
        return TRAP_ENOMEM;
    err = find_matured(run);
    if (err != TRAP_OK)
        return err;
    describe(run, v);
    v->state = VERDICT_BELOW;
    if (!find_span(run, v))
        return TRAP_OK;
    v->reason = LISTING_EVIDENCE;
    v->state = as_of.us >= v->until.us  ? VERDICT_EXPIRED
               : as_of.us < v->since.us ? VERDICT_DELAYED
                                        : VERDICT_LISTED;
    return TRAP_OK;
}

enum trap_err rule_sender(struct rule *r, struct prefix sender, const struct evidence_row *rows, size_t n,
                          const struct evidence_row *pending, size_t pending_count, struct verdict *out)
{
    const struct policy_env *env = r->env;
    struct run run = { .rule = r, .sender = sender };
    struct verdict v = { .saved_by = LIST_COUNT };
    bool delisted = false;
    enum trap_err err = score_rows_new(n + pending_count, &run.rows);

    if (err != TRAP_OK)
        return err;
    r->next = (wall_t){ INT64_MAX };
    run.rows.decay = &r->decay;
    run.rows.per_source_day_max = env->policy->per_source_day_max;
    err = rule_looks(r, sender, &run.look_milli);
    v.look_milli = run.look_milli;
    if (err == TRAP_OK)
        err = take_rows(&run, r, rows, n, &delisted);
    if (err == TRAP_OK)
        err = take_rows(&run, r, pending, pending_count, &delisted);
    if (err == TRAP_OK && run.rows.n > 0)
        err = judge(&run, &v);
    else if (delisted)
        v.state = VERDICT_DELISTED;
    score_rows_free(&run.rows);
    free(run.matured);
    if (err != TRAP_OK)
        return err;
    if (v.state == VERDICT_LISTED || v.state == VERDICT_DELAYED) {
        rule_next(r, v.since);
        rule_next(r, v.until);
    }
    v.next = r->next;
    if (env->lists != NULL)
        v.saved_by = lists_find(env->lists, sender, false, &v.saved);
    *out = v;
    return TRAP_OK;
}

/* ---- one sender, for explain and trace ---- */

static void apply_acts(const struct rule *rule, struct prefix sender, struct verdict *v)
{
    const struct act_prefix *deny = rule_denied(rule, sender), *submit = rule_submitted(rule, sender);
    const struct act_prefix *act = deny != NULL ? deny : v->state != VERDICT_LISTED ? submit : NULL;

    if (act == NULL)
        return;
    v->state = VERDICT_LISTED;
    v->reason = act == deny ? LISTING_DENY : LISTING_SUBMIT;
    v->since = act->at;
    v->until = act->until.us == 0 ? LISTING_NO_END : act->until;
}

struct collect {
    const struct rule *rule;
    struct pending_set *set;
};

static enum trap_err take_pending(const struct pending_row *p, void *arg)
{
    const struct collect *c = arg;

    return pending_set_add(c->set, c->rule, p);
}

enum trap_err policy_sender(const struct policy_env *env, struct prefix sender,
                            const struct evidence_row *rows, size_t n, struct verdict *out)
{
    struct pending_set pending = { 0 };
    struct rule rule;
    struct collect collect = { &rule, &pending };
    enum trap_err err = rule_init(env, &rule);

    if (err != TRAP_OK)
        return err;
    if (env->derived != NULL)
        err = pending_by_sender(env->derived, sender, take_pending, &collect);
    if (err == TRAP_OK)
        err = pending_set_seal(&pending);
    if (err == TRAP_OK)
        err = rule_sender(&rule, sender, rows, n, pending.v, pending.n, out);
    if (err == TRAP_OK && !env->backscatter)
        apply_acts(&rule, sender, out);
    pending_set_free(&pending);
    rule_free(&rule);
    return err;
}
