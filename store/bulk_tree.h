/* bulk_tree.h - the pages of one table or index of an SQLite file, made from rows that come in order.
 *
 * Why:     an INSERT costs a microsecond a row even where rows come in order; a rebuild has tens of millions. A B-tree
 *          whose rows are known in order is a stream of full pages (docs/adr/0019).
 * Source:  https://www.sqlite.org/fileformat2.html sections 1.6 (B-trees) and 2.1 (records): a format that SQLite
 *          promises to keep. Payloads are short: no overflow pages.
 * Form:    leaves are filled to nine tenths, so that rows that come later find room.
 * Use:     an SQLite file with the (empty) tables in it, of FILE_PAGE_BYTES, without auto_vacuum, that nobody has open.
 *          Several trees may grow at once: pages are numbered when they are written.
 * Errors:  stick in struct bulk_file. Threads: one per tree; several may fill trees of one file.
 * Tests:   tests/unit/store/test_bulk_tree.c
 */
#ifndef STORE_BULK_TREE_H
#define STORE_BULK_TREE_H

#include "db.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- a record ---- */

enum { BULK_RECORD_MAX = 160, BULK_COLUMNS_MAX = 15 };
struct bulk_record {
    uint8_t head[BULK_COLUMNS_MAX + 1], body[BULK_RECORD_MAX]; /* head[0]: its length */
    size_t body_n;
};
void bulk_record_begin(struct bulk_record *r);
void bulk_record_int(struct bulk_record *r, int64_t v);
void bulk_record_blob(struct bulk_record *r, struct bytes v); /* at most 50 bytes */
void bulk_record_null(struct bulk_record *r);

/* ---- the file ---- */

struct bulk_file {
    int fd;
    pthread_mutex_t lock; /* the three below */
    uint32_t pages;       /* that there are */
    uint8_t *waiting;     /* the last ones, not written yet */
    size_t waiting_n;
    _Atomic enum trap_err err; /* the first one stays */
};
/* fd: borrowed, of an SQLite file. */
TRAP_NODISCARD enum trap_err bulk_file_begin(struct bulk_file *f, int fd);
/* Writes what waits, and the size into the header; frees. */
TRAP_NODISCARD enum trap_err bulk_file_end(struct bulk_file *f);

/* ---- a tree ---- */

struct bulk_tree;
/* root: the page of the empty table or index. by_rowid: an ordinary table; otherwise an index, or a table WITHOUT
 * ROWID. */
TRAP_NODISCARD enum trap_err bulk_tree_new(struct bulk_file *f, uint32_t root, bool by_rowid,
                                           struct bulk_tree **out);
/* Ascending, no two alike. rowid: of a table by rowid (its column in the record is NULL), else 0. */
void bulk_tree_add(struct bulk_tree *t, int64_t rowid, const struct bulk_record *r);
/* Ends the tree and frees it. */
void bulk_tree_end(struct bulk_tree **t);

#endif
