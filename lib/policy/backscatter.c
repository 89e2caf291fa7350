/* backscatter.c - proved backscatter is exempt, up to a number of messages a UTC day and sender; what is beyond it
 * counts as automatic mail.
 *
 * Which of a day's messages are exempt must not change by more than the one that is taken away, or less evidence
 * could list more: they are taken in the order (hour, source, node), which a row keeps whatever its count is.
 * Then one message less leaves the count of every row as it was or one lower (docs/adr/0024).
 */
#include "rule.h"

#include <stdlib.h>

enum { HOURS_PER_DAY = 24 };

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int by_hour(const void *a, const void *b)
{
    const struct evidence_row *x = *(const struct evidence_row *const *)a,
                              *y = *(const struct evidence_row *const *)b;
    const int orders[] = { THREE_WAY(x->hour, y->hour), THREE_WAY(x->source, y->source),
                           THREE_WAY(x->node, y->node) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

static bool is_exempt(const struct evidence_row *r, wall_t as_of)
{
    return r->klass == EVIDENCE_BACKSCATTER && r->count > 0 && r->first.us <= as_of.us;
}

/* Rows in order; counts[i] is what of rows[i] is beyond the day's number. */
static void share_out(const struct evidence_row *rows, const struct evidence_row *const *order, size_t n,
                      uint32_t max, uint32_t *counts)
{
    uint32_t day = 0;
    uint64_t used = 0;

    for (size_t i = 0; i < n; i++) {
        const struct evidence_row *r = order[i];
        if (i == 0 || r->hour / HOURS_PER_DAY != day) {
            day = r->hour / HOURS_PER_DAY;
            used = 0;
        }
        const uint64_t room = used < max ? max - used : 0;
        counts[r - rows] = r->count > room ? (uint32_t)(r->count - room) : 0;
        used += r->count;
    }
}

enum trap_err backscatter_beyond(const struct rule *r, const struct evidence_row *rows, size_t n,
                                 uint32_t **counts_out)
{
    const struct evidence_row **order;
    uint32_t *counts;
    size_t found = 0;

    *counts_out = NULL;
    for (size_t i = 0; i < n; i++)
        found += is_exempt(&rows[i], r->env->as_of);
    if (found == 0)
        return TRAP_OK;
    order = calloc(found, sizeof *order);
    counts = calloc(n, sizeof *counts);
    if (order == NULL || counts == NULL) {
        free(order);
        free(counts);
        return TRAP_ENOMEM;
    }
    found = 0;
    for (size_t i = 0; i < n; i++)
        if (is_exempt(&rows[i], r->env->as_of))
            order[found++] = &rows[i];
    qsort(order, found, sizeof *order, by_hour);
    share_out(rows, order, found, r->env->policy->backscatter_day_max, counts);
    free(order);
    *counts_out = counts;
    return TRAP_OK;
}
