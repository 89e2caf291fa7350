/* score.h - the evidence of one sender, put in order once, and its score at any hour, with any number of its
 * first rows.
 *
 * Order:   row[] by `first` (ties: source, class, hour, node), because a listing begins when the rows up to
 *          some moment met the rule. group[] holds the same rows by source and day, because a source counts
 *          at most per_source_day_max messages a UTC day.
 * Which:   of those messages the ones worth most now: of one class the newest. (Newest first over classes of
 *          different weight would let a light message push out a heavy one, and a further hit could end a
 *          listing.)
 * Units:   scores in thousandths, Q32.
 * Owns:    the arrays: score_rows_free(). Threads: one. Tests: tests/unit/policy/test_score.c
 */
#ifndef POLICY_SCORE_H
#define POLICY_SCORE_H

#include "decay.h"

#include <store/evidence.h>

__extension__ typedef unsigned __int128
    score_t; /* thousandths in Q32: a million sources of weight 1000 fit */

struct score_row {
    struct evidence_row row;
    uint32_t weight_milli;              /* > 0 */
    uint32_t rank;                      /* its place in row[] */
    wall_t matures;                     /* its source is young before; 0 = never young */
    bool new_source, new_day, new_node; /* first of its kind in row[]; never an attempt */
};
struct score_rows {
    struct score_row *row;
    struct score_row **group;
    size_t n;
    const struct decay *decay;
    uint32_t per_source_day_max;
};

/* Room for n rows; the caller fills row[].row, .weight_milli and .matures, sets n to what it used, and calls
 * score_rows_sort() and score_rows_group(). */
TRAP_NODISCARD enum trap_err score_rows_new(size_t n, struct score_rows *out);
void score_rows_free(struct score_rows *s);
/* Sorts row[]. */
void score_rows_sort(struct score_rows *s);
/* Drops the first k rows of sorted ones, makes group[], and marks what is new. */
void score_rows_group(struct score_rows *s, size_t k);

/* Of row[0 .. n) at a UTC hour; rows of later hours count as if they were of that one. Never rises with the
 * hour, never falls with n. */
score_t score_at(const struct score_rows *s, size_t n, uint32_t hour);
static inline score_t score_of_milli(uint32_t milli)
{
    return (score_t)milli << 32;
}
/* Rounded down. */
uint64_t score_milli(score_t score);

#endif
