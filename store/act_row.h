/* act_row.h - rows of acts.db: how one goes in, and the columns of an act as its readers select them: seq, at_us, until_us, kind, subject, detail, who,
 * why.
 *
 * Threads: one per statement.
 */
#ifndef STORE_ACT_ROW_H
#define STORE_ACT_ROW_H

#include "db.h"

#include <store/record.h>

/* Borrowed from the statement until its next step. */
struct act act_of_row(sqlite3_stmt *st);
TRAP_NODISCARD enum trap_err act_row_insert(struct store_db *db, uint64_t seq, const struct act *a);

#endif
