/* derived_rows.h - rows of derived.db as bytes that sort as they stand (spool.h), and as records of its pages
 * (bulk_tree.h).
 *
 * Form:    numbers highest byte first; an address is its family and 4 or 8 bytes; the parts of a key stand close
 *          together, zeros fill it up. So memcmp gives the order of the database.
 * Threads: any, one per struct row_writer. Tests: tests/unit/store/test_derived_bulk.c
 */
#ifndef STORE_DERIVED_ROWS_H
#define STORE_DERIVED_ROWS_H

#include "bulk_tree.h"
#include "spool.h"

#include <store/evidence.h>

enum {
    KEY_V4 = 5,
    KEY_MAX = 9,                       /* family and address */
    E_COUNT = KEY_MAX + 8 + 1 + 4 + 1, /* behind sender, source, class, hour, node */
    E_BYTES = E_COUNT + 20,
    L_COUNT = 2 * KEY_MAX + 1 + 8 + 1 + 4, /* behind harvester, sender, node, visit, slot, day */
    L_TECHNIQUE = L_COUNT + 20,
    L_VISITED = L_TECHNIQUE + 1,
    L_FLAGS = L_VISITED + 8,
    L_BYTES = L_FLAGS + 4,
    V_COUNT = KEY_MAX,
    V_BYTES = V_COUNT + 24
};
extern const struct spool_kind row_kind_evidence, row_kind_link, row_kind_by_sender, row_kind_visitor;

void row_pack_evidence(const struct evidence_row *r, uint8_t row[E_BYTES]);
void row_pack_link(const struct link_row *r, uint8_t row[L_BYTES]);
void row_pack_visitor(const struct visitor_row *r, uint8_t row[V_BYTES]);

struct row_writer {
    struct bulk_file *file;
    struct spool *by_sender; /* links with sender and harvester swapped are put there */
    struct bulk_tree *tree, *networks;
    struct { /* of the visitors at hand */
        uint64_t source;
        int64_t first_us;
    } network;
};
/* Each is a spool_fn; arg is the row_writer. */
enum trap_err row_write_evidence(const uint8_t *row, void *arg);
enum trap_err row_write_link(const uint8_t *row, void *arg);
enum trap_err row_write_by_sender(const uint8_t *row, void *arg);
enum trap_err row_write_visitor(const uint8_t *row, void *arg); /* networks, too */
void row_write_network(struct row_writer *w);                   /* the last one, behind the last visitor */

#endif
