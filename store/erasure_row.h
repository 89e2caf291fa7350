/* erasure_row.h - the writer's side of <store/erasure.h>: inside the caller's transaction.
 *
 * Threads: one.
 */
#ifndef STORE_ERASURE_ROW_H
#define STORE_ERASURE_ROW_H

#include "db.h"

#include <store/erasure.h>

#define ERASURE_CHANGE "erasures"

TRAP_NODISCARD enum trap_err erasure_put(struct store_db *db, const struct erasure *e, uint64_t *id_out);
/* So many records more. */
TRAP_NODISCARD enum trap_err erasure_count(struct store_db *db, uint64_t id, uint64_t records);
/* Evidence has to be made anew. */
TRAP_NODISCARD enum trap_err erasure_changed(struct store_db *db);
/* Raises a number of meta: "visit_erased" (all up to it are gone), "visit_last" (given once). */
TRAP_NODISCARD enum trap_err erasure_floor(struct store_db *db, const char *name, uint64_t seq);

#endif
