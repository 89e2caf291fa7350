/* hit_parts.h - what the readers of hits.db share.
 *
 * Threads: one.
 */
#ifndef STORE_HIT_PARTS_H
#define STORE_HIT_PARTS_H

#include "db.h"

/* NULL stands for "not known": UINT32_MAX. */
static inline uint32_t hit_column_ms(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? UINT32_MAX
                                                          : (uint32_t)sqlite3_column_int64(st, column);
}

#endif
