/* seqlist.h - a bounded list of sequences, newest first: read at once, so that no callback runs inside the read transaction.
 *
 * Threads: one.
 */
#ifndef STORE_SEQLIST_H
#define STORE_SEQLIST_H

#include "db.h"

struct seqlist {
    uint64_t *v; /* the caller frees it */
    size_t n;
};
/* Runs a bound statement whose first column is a sequence, to its end. */
TRAP_NODISCARD enum trap_err seqlist_read(struct store_db *db, sqlite3_stmt *st, uint32_t limit, struct seqlist *out);

#endif
