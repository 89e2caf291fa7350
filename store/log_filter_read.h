/* log_filter_read.h - the other half of log_filter.h: which stretches a query may leave out.
 *
 * Owns:    the caller owns a struct stretch_set and frees it.
 */
#ifndef STORE_LOG_FILTER_READ_H
#define STORE_LOG_FILTER_READ_H

#include "db.h"

enum log_filter_kind { FILTER_HIT_SENDER = 1, FILTER_HIT_ADDRESS, FILTER_VISIT_CLIENT, FILTER_SESSION_CLIENT };

/* All zero: any stretch may have it. */
struct stretch_set {
    uint64_t *word; /* a group each */
    size_t groups;
};
/* Of an address key, or of clients in a range (db_range_of) that lies within a /24 or /48; any other range, and a
 * log without a filter, gives the set of all. */
TRAP_NODISCARD enum trap_err stretch_set_of_key(struct store_db *log, enum log_filter_kind kind, int64_t key,
                                                struct stretch_set *out);
TRAP_NODISCARD enum trap_err stretch_set_of_range(struct store_db *log, enum log_filter_kind kind,
                                                  const struct db_range *range, struct stretch_set *out);
void stretch_set_free(struct stretch_set *s);

static inline bool stretch_may_have(const struct stretch_set *s, uint64_t stretch)
{
    return stretch >> 6 >= s->groups || (s->word[stretch >> 6] >> (stretch & 63) & 1) != 0;
}

#endif
