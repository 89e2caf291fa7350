#include "intern.h"

#include <stdlib.h>

enum trap_err intern_init(struct intern *t, const char *sql_find, const char *sql_add)
{
    *t = (struct intern){ .sql_find = sql_find, .sql_add = sql_add };
    keyed_random(t->key.k, sizeof t->key.k);
    t->slots = calloc(INTERN_SLOTS, sizeof *t->slots);
    t->text = malloc(INTERN_BYTES);
    if (t->slots != NULL && t->text != NULL)
        return TRAP_OK;
    intern_free(t);
    return TRAP_ENOMEM;
}

void intern_free(struct intern *t)
{
    free(t->slots);
    free(t->text);
    t->slots = NULL;
    t->text = NULL;
}

void intern_clear(struct intern *t)
{
    if (t->count != 0)
        memset(t->slots, 0, INTERN_SLOTS * sizeof *t->slots);
    t->count = 0;
    t->text_used = 0;
}

static struct intern_slot *slot_of(struct intern *t, uint64_t hash, struct bytes text, int64_t owner)
{
    size_t i = hash % INTERN_SLOTS;

    /* A quarter of the slots is always empty. */
    while (t->slots[i].id != 0) {
        const struct intern_slot *s = &t->slots[i];

        if (s->hash == hash && s->owner == owner && bytes_eq(text, bytes_of(t->text + s->offset, s->length)))
            break;
        i = (i + 1) % INTERN_SLOTS;
    }
    return &t->slots[i];
}

static enum trap_err from_file(struct intern *t, struct store_db *db, struct bytes text, int64_t owner,
                               int64_t *id_out)
{
    const char *const sql[2] = { t->sql_find, t->sql_add };
    enum trap_err err = TRAP_ENOENT;

    for (unsigned i = 0; i < 2; i++) {
        sqlite3_stmt *st = NULL;

        err = db_statement(db, sql[i], &st);
        if (err != TRAP_OK)
            return err;
        db_bind_bytes(st, 1, text);
        if (sqlite3_bind_parameter_count(st) == 2)
            db_bind_int(st, 2, owner);
        err = db_step(db, st);
        if (err == TRAP_OK)
            *id_out = sqlite3_column_int64(st, 0);
        (void)sqlite3_reset(st);
        if (i == 1 && err == TRAP_ENOENT) {
            *id_out = sqlite3_last_insert_rowid(db->sq);
            err = TRAP_OK;
        }
        if (err != TRAP_ENOENT)
            break;
    }
    return err;
}

enum trap_err intern_id(struct intern *t, struct store_db *db, struct bytes text, int64_t owner,
                        int64_t *id_out)
{
    const uint64_t hash = keyed_hash(&t->key, text) + (uint64_t)owner * 0x9e3779b97f4a7c15u;
    struct intern_slot *s = slot_of(t, hash, text, owner);
    int64_t id = 0;

    if (s->id == 0) {
        const enum trap_err err = from_file(t, db, text, owner, &id);

        if (err != TRAP_OK)
            return err;
        if (t->count == INTERN_TEXTS || text.n > INTERN_BYTES - t->text_used) {
            intern_clear(t);
            s = slot_of(t, hash, text, owner);
        }
        if (text.n != 0)
            memcpy(t->text + t->text_used, text.p, text.n);
        *s = (struct intern_slot){ hash, owner, id, (uint32_t)t->text_used, (uint32_t)text.n };
        t->text_used += text.n;
        t->count++;
    }
    *id_out = s->id;
    return TRAP_OK;
}
