/* visit_row.h - rows of visits.db, as they go in: by its writer, and by an import.
 *
 * Rule:    inside the caller's transaction; after a rollback visit_texts_clear(), or ids that are not in the
 *          file are remembered.
 * Threads: one.
 */
#ifndef STORE_VISIT_ROW_H
#define STORE_VISIT_ROW_H

#include "intern.h"

#include <store/record.h>

struct visit_texts {
    struct intern sites, pages, agents;
};
TRAP_NODISCARD enum trap_err visit_texts_init(struct visit_texts *t);
void visit_texts_clear(struct visit_texts *t);
void visit_texts_free(struct visit_texts *t); /* also one that is all zero */

/* The column `client`: 4 or 16 bytes, or the 3 or 6 of a network (VISIT_TRUNCATED). */
size_t visit_client_put(const struct visit *v, uint8_t out[16]);
TRAP_NODISCARD enum trap_err visit_client_get(struct bytes blob, struct visit *v);
/* seq is given by the caller; whether it was shown stands elsewhere: */
TRAP_NODISCARD enum trap_err visit_row_insert(struct store_db *db, struct visit_texts *t, uint64_t seq,
                                              const struct visit *v);
TRAP_NODISCARD enum trap_err visit_row_not_shown(struct store_db *db, uint64_t seq);
TRAP_NODISCARD enum trap_err epoch_row_insert(struct store_db *db, uint32_t epoch, uint64_t first_seq,
                                              wall_t started);

#endif
