/* evidence_batch.h - what a struct derived_batch holds: shared by evidence_write.c (rows into the database, batch by
 * batch), derived_bulk.c (all of it anew) and derived_changes.c (whose rows).
 */
#ifndef STORE_EVIDENCE_BATCH_H
#define STORE_EVIDENCE_BATCH_H

#include "db.h"

#include <store/evidence.h>

struct rows {
    void *v;
    size_t n, room;
};
struct derived_bulk;
struct derived_batch {
    struct rows evidence, links, visitors, networks, pending, dropped, marks;
    wall_t newest;
    enum trap_err err;         /* sticky */
    struct derived_bulk *bulk; /* NULL: rows of all kinds wait here for derived_commit() */
};

struct network {
    uint64_t source;
    wall_t first;
};
/* Errors stick. */
void batch_add(struct derived_batch *b, struct rows *rows, const void *row, size_t size);
void batch_add_network(struct derived_batch *b, const struct network *net);

/* ---- derived_changes.c: nothing where nobody watches ---- */
void watch_all(struct store_db *db);
void watch_sender(struct store_db *db, struct prefix sender);
void watch_harvester(struct store_db *db, struct prefix client);
void watch_batch(struct store_db *db, const struct derived_batch *b);

/* ---- derived_bulk.c ---- */
/* Evidence, links, visitors go here instead, and so do their errors. */
void bulk_add_evidence(struct derived_bulk *b, const struct evidence_row *r);
void bulk_add_link(struct derived_bulk *b, const struct link_row *r);
void bulk_add_visitor(struct derived_bulk *b, const struct visitor_row *r);
/* The file under construction: pending rows go into it when there are many. NULL: of a part. */
struct store_db *bulk_scratch(struct derived_bulk *b);
/* First visits of networks that have no visitor: behind the rows of the spools, which make that table, too. */
TRAP_NODISCARD enum trap_err batch_put_networks(struct store_db *db, struct derived_batch *b);
/* What spools do not hold: pending rows, such networks and the newest time. */
void batch_take_pending(struct derived_batch *into, const struct derived_batch *from);
void bulk_free(struct derived_bulk **b);

#endif
