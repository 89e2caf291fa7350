/* act_row.h - the columns of an act, as its readers select them: seq, at_us, until_us, kind, subject, detail, who,
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

#endif
