/* hit_row.h - rows of hits.db, as they go in: by its writer, and by an import.
 *
 * Rule:    inside the caller's transaction. seq is the caller's; that of the record is not looked at. Longer
 *          texts are cut; of a hit HIT_CUT then says so.
 * Errors:  TRAP_EINVAL: a hit without a recipient.
 * Threads: one.
 */
#ifndef STORE_HIT_ROW_H
#define STORE_HIT_ROW_H

#include "db.h"

#include <store/record.h>

TRAP_NODISCARD enum trap_err hit_row_insert(struct store_db *db, uint64_t seq, const struct hit *h);
TRAP_NODISCARD enum trap_err session_row_insert(struct store_db *db, uint64_t seq,
                                                const struct session_record *s);
/* Added to the row of its sender and hour. */
TRAP_NODISCARD enum trap_err counter_row_add(struct store_db *db, const struct counter_row *c);

#endif
