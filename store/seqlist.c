#include "seqlist.h"

#include <stdlib.h>

static enum trap_err append_rows(struct store_db *db, sqlite3_stmt *st, uint32_t limit, struct seqlist *list,
                                 size_t *room)
{
    enum trap_err err = TRAP_OK;

    while (list->n < limit && (err = db_step(db, st)) == TRAP_OK) {
        if (list->n == *room) {
            const size_t more_room = *room == 0 ? 64 : *room * 2;
            uint64_t *more = reallocarray(list->v, more_room, sizeof *more);

            if (more == NULL) {
                err = TRAP_ENOMEM;
                break;
            }
            list->v = more;
            *room = more_room;
        }
        list->v[list->n++] = (uint64_t)sqlite3_column_int64(st, 0);
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static enum trap_err give(struct seqlist *list, enum trap_err err, struct seqlist *out)
{
    if (err != TRAP_OK) {
        free(list->v);
        return err;
    }
    *out = *list;
    return TRAP_OK;
}

enum trap_err seqlist_read(struct store_db *db, sqlite3_stmt *st, uint32_t limit, struct seqlist *out)
{
    struct seqlist list = { NULL, 0 };
    size_t room = 0;

    return give(&list, append_rows(db, st, limit, &list, &room), out);
}

/* From stretch *s_io - 1 downwards, as many as a read transaction has time for. */
static enum trap_err some_stretches(struct store_db *db, const struct seqlist_query *q, uint64_t oldest,
                                    uint64_t *s_io, uint32_t limit, struct seqlist *list, size_t *room)
{
    struct db_walk walk;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, q->sql, &st);

    if (err != TRAP_OK)
        return err;
    q->bind(st, q->arg);
    db_walk_begin(&walk);
    while (*s_io > oldest && list->n < limit && err == TRAP_OK) {
        (*s_io)--;
        if (!stretch_may_have(&q->maybe, *s_io))
            continue;
        db_bind_int(st, 1, (int64_t)*s_io);
        db_bind_int(st, 2, (int64_t)(limit - list->n));
        err = append_rows(db, st, limit, list, room);
        if (db_walk_is_due(&walk))
            break;
    }
    return err;
}

enum trap_err seqlist_newest(struct store_db *db, const struct seqlist_query *q, uint32_t limit,
                             struct seqlist *out)
{
    struct seqlist list = { NULL, 0 };
    size_t room = 0;
    const uint64_t oldest = (q->erased + 1) >> SEQLIST_STRETCH_BITS;
    uint64_t s = (q->last >> SEQLIST_STRETCH_BITS) + 1;
    /* A log of ten million records has 2,400 stretches: to take the locks for each costs more than to look. */
    const bool own = sqlite3_get_autocommit(db->sq) != 0;
    enum trap_err err = TRAP_OK;

    while (s > oldest && list.n < limit && err == TRAP_OK) {
        err = own ? db_exec(db, "BEGIN") : TRAP_OK;
        if (err == TRAP_OK)
            err = some_stretches(db, q, oldest, &s, limit, &list, &room);
        if (own && sqlite3_get_autocommit(db->sq) == 0) {
            const enum trap_err ended = db_exec(db, "COMMIT");

            err = err == TRAP_OK ? ended : err;
        }
    }
    return give(&list, err, out);
}

void seqlist_bind_range(sqlite3_stmt *st, const void *range)
{
    db_bind_range(st, 3, range);
}
