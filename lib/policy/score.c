/* score.c - ordering, grouping and adding up the evidence of one sender. */
#include "score.h"

#include <stdlib.h>
#include <string.h>

enum { HOURS_PER_DAY = 24, NODES = 256 };

enum trap_err score_rows_new(size_t n, struct score_rows *out)
{
    struct score_rows s = { 0 };

    s.row = calloc(n == 0 ? 1 : n, sizeof *s.row);
    s.group = calloc(n == 0 ? 1 : n, sizeof(struct score_row *));
    if (s.row == NULL || s.group == NULL) {
        score_rows_free(&s);
        return TRAP_ENOMEM;
    }
    *out = s;
    return TRAP_OK;
}

void score_rows_free(struct score_rows *s)
{
    free(s->row);
    free(s->group);
    *s = (struct score_rows){ 0 };
}

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int by_first(const void *a, const void *b)
{
    const struct evidence_row *x = &((const struct score_row *)a)->row,
                              *y = &((const struct score_row *)b)->row;
    const int orders[] = { THREE_WAY(x->first.us, y->first.us), THREE_WAY(x->source, y->source),
                           THREE_WAY(x->klass, y->klass), THREE_WAY(x->hour, y->hour),
                           THREE_WAY(x->node, y->node) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

static uint32_t day_of(const struct score_row *r)
{
    return r->row.hour / HOURS_PER_DAY;
}

static int by_day(const void *a, const void *b)
{
    const struct score_row *x = *(struct score_row *const *)a, *y = *(struct score_row *const *)b;
    const int c = THREE_WAY(day_of(x), day_of(y));

    return c != 0 ? c : THREE_WAY(x->rank, y->rank);
}

static int by_source(const void *a, const void *b)
{
    const struct score_row *x = *(struct score_row *const *)a, *y = *(struct score_row *const *)b;
    const int c = THREE_WAY(x->row.source, y->row.source);

    return c != 0 ? c : by_day(a, b);
}

void score_rows_sort(struct score_rows *s)
{
    if (s->n > 1)
        qsort(s->row, s->n, sizeof *s->row, by_first);
}

/* A session that broke off adds to the score, but shows no source, day or node: it knew a trap, and mailed
 * nothing. */
static bool shows(const struct score_row *r)
{
    return r->row.klass != EVIDENCE_ATTEMPT;
}

static void mark_days(struct score_rows *s)
{
    bool seen = false;

    qsort(s->group, s->n, sizeof *s->group, by_day);
    for (size_t i = 0; i < s->n; i++) {
        if (i == 0 || day_of(s->group[i]) != day_of(s->group[i - 1]))
            seen = false;
        s->group[i]->new_day = !seen && shows(s->group[i]);
        seen = seen || s->group[i]->new_day;
    }
}

static void mark_sources(struct score_rows *s)
{
    struct score_row *lowest = NULL;

    qsort(s->group, s->n, sizeof *s->group, by_source);
    for (size_t i = 0; i < s->n; i++) {
        struct score_row *r = s->group[i];
        r->new_source = false;
        if (shows(r) && (lowest == NULL || r->rank < lowest->rank))
            lowest = r;
        if (i + 1 < s->n && s->group[i + 1]->row.source == r->row.source)
            continue;
        if (lowest != NULL)
            lowest->new_source = true;
        lowest = NULL;
    }
}

void score_rows_group(struct score_rows *s, size_t k)
{
    bool seen[NODES] = { false };

    if (k > 0)
        memmove(s->row, s->row + k, (s->n - k) * sizeof *s->row);
    s->n -= k;
    for (size_t i = 0; i < s->n; i++) {
        struct score_row *r = &s->row[i];
        r->rank = (uint32_t)i;
        r->new_node = !seen[r->row.node] && shows(r);
        seen[r->row.node] = seen[r->row.node] || shows(r);
        s->group[i] = r;
    }
    if (s->n > 0) {
        mark_days(s);
        mark_sources(s);
    }
}

static score_t value_of(const struct score_rows *s, const struct score_row *r, uint32_t hour)
{
    const uint32_t age = hour > r->row.hour ? hour - r->row.hour : 0;

    return (score_t)r->weight_milli * decay_at(s->decay, age);
}

/* The most valuable messages of one source on one day, at most per_source_day_max: each turn takes the next
 * best row. */
static score_t group_value(const struct score_rows *s, size_t begin, size_t end, size_t n, uint32_t hour)
{
    uint32_t left = s->per_source_day_max;
    score_t sum = 0, last_value = 0;
    size_t last = end;

    while (left > 0) {
        score_t best_value = 0;
        size_t best = end;
        for (size_t i = begin; i < end; i++) {
            const score_t v = s->group[i]->rank < n ? value_of(s, s->group[i], hour) : 0;
            const bool taken = last < end && (v > last_value || (v == last_value && i <= last));
            if (!taken && v > best_value) {
                best_value = v;
                best = i;
            }
        }
        if (best == end)
            break;
        const uint32_t count = s->group[best]->row.count < left ? s->group[best]->row.count : left;
        sum += best_value * count;
        left -= count;
        last = best;
        last_value = best_value;
    }
    return sum;
}

score_t score_at(const struct score_rows *s, size_t n, uint32_t hour)
{
    score_t sum = 0;
    size_t begin = 0;

    while (begin < s->n) {
        size_t end = begin + 1;
        while (end < s->n && s->group[end]->row.source == s->group[begin]->row.source &&
               day_of(s->group[end]) == day_of(s->group[begin]))
            end++;
        sum += group_value(s, begin, end, n, hour);
        begin = end;
    }
    return sum;
}

uint64_t score_milli(score_t score)
{
    const score_t milli = score >> 32;

    return milli > UINT64_MAX ? UINT64_MAX : (uint64_t)milli;
}
