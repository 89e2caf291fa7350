/* intern.h - text -> row id, for the few texts that many visits share: user agents, sites, pages.
 *
 * Why:     a user agent of 120 bytes in every row would cost more than the row; finding its id in SQLite
 *          costs 2 us, here 0.2.
 * Limits:  INTERN_TEXTS texts, INTERN_BYTES bytes; when either is reached the memory is emptied and filled
 *          anew from the file.
 * Owns:    its memory.
 * Threads: one (the writer's).
 */
#ifndef STORE_INTERN_H
#define STORE_INTERN_H

#include "db.h"

#include <mail/keyed.h>

enum { INTERN_SLOTS = 1 << 14, INTERN_TEXTS = INTERN_SLOTS / 4 * 3, INTERN_BYTES = 1 << 20 };
struct intern_slot {
    uint64_t hash;
    int64_t owner, id; /* id 0: empty */
    uint32_t offset, length;
};
struct intern {
    const char *sql_find, *sql_add; /* ?1 = text, ?2 = owner where the statement has one */
    struct hash_key key;            /* random: remote text chooses its place */
    struct intern_slot *slots;
    uint8_t *text;
    size_t count, text_used;
};

TRAP_NODISCARD enum trap_err intern_init(struct intern *t, const char *sql_find, const char *sql_add);
void intern_free(struct intern *t);
void intern_clear(struct intern *t);
/* The id of the text, from memory, the file, or a new row. */
TRAP_NODISCARD enum trap_err intern_id(struct intern *t, struct store_db *db, struct bytes text,
                                       int64_t owner, int64_t *id_out);

#endif
