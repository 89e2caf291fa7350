/* seqlist.h - a bounded list of sequences, newest first: read at once, so that no callback runs inside the
 * read transaction.
 *
 * Threads: one.
 */
#ifndef STORE_SEQLIST_H
#define STORE_SEQLIST_H

#include "log_filter_read.h"

struct seqlist {
    uint64_t *v; /* the caller frees it */
    size_t n;
};
/* Runs a bound statement whose first column is a sequence, to its end. */
TRAP_NODISCARD enum trap_err seqlist_read(struct store_db *db, sqlite3_stmt *st, uint32_t limit,
                                          struct seqlist *out);

/* The same over the stretches of 4,096 sequences by which the indexes of visits and hits are cut, newest
 * stretch first.
 * The statement: ?1 = the stretch, ?2 = the limit, the rest bound by `bind`. A read transaction lasts
 * DB_READ_MS at most. */
enum { SEQLIST_STRETCH_BITS = 12 };
typedef void seqlist_bind_fn(sqlite3_stmt *st, const void *arg);
struct seqlist_query {
    const char *sql;
    uint64_t last, erased; /* sequences from erased + 1 to last */
    struct stretch_set maybe; /* the caller frees it */
    seqlist_bind_fn *bind;
    const void *arg;
};
TRAP_NODISCARD enum trap_err seqlist_newest(struct store_db *db, const struct seqlist_query *q,
                                            uint32_t limit, struct seqlist *out);
/* A seqlist_bind_fn: ?3 to ?5 of a struct db_range. */
void seqlist_bind_range(sqlite3_stmt *st, const void *range);

#endif
