/* What look-ups said of a subject goes, and an act without its data says so. */
#include "act_row.h"
#include "seqlist.h"

#include <store/act_log.h>

#include <stdlib.h>

static const char sql_lookups[] =
    "SELECT seq, subject FROM act WHERE kind = 12 AND seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_delete[] = "DELETE FROM act WHERE seq = ?1";

struct found {
    struct prefix prefix;
    struct seqlist list;
    size_t room;
};

/* "192.0.2.1", "crawler:192.0.2.1". */
static enum trap_err look(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    struct found *f = arg;
    struct bytes subject = db_column_bytes(st, 1);
    struct ip a;

    (void)db;
    if (ip_parse(subject, &a) != TRAP_OK) {
        subject = bytes_skip(subject, bytes_find(subject, ':') + 1);
        if (ip_parse(subject, &a) != TRAP_OK)
            return TRAP_OK;
    }
    if (!prefix_has(f->prefix, a))
        return TRAP_OK;
    if (f->list.n == f->room) {
        const size_t room = f->room == 0 ? 64 : f->room * 2;
        uint64_t *more = reallocarray(f->list.v, room, sizeof *more);

        if (more == NULL)
            return TRAP_ENOMEM;
        f->list.v = more;
        f->room = room;
    }
    f->list.v[f->list.n++] = (uint64_t)sqlite3_column_int64(st, 0);
    return TRAP_OK;
}

static enum trap_err find(struct store_db *db, struct found *f)
{
    enum { PAGE = 10000 };
    uint64_t after = 0, before;
    enum trap_err err;

    do {
        before = after;
        err = db_each(db, sql_lookups, &after, PAGE, look, f);
    } while (err == TRAP_OK && after != before);
    return err;
}

enum trap_err act_forget(struct store_db *db, struct prefix p, uint64_t *erased_out, struct err_text *why)
{
    struct found f = { .prefix = p };
    enum trap_err err = find(db, &f);

    if (err == TRAP_OK && f.list.n > 0)
        err = db_exec(db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < f.list.n && err == TRAP_OK; i++) {
        sqlite3_stmt *st = NULL;

        err = db_statement(db, sql_delete, &st);
        if (err == TRAP_OK) {
            db_bind_int(st, 1, (int64_t)f.list.v[i]);
            err = db_run(db, st);
        }
    }
    if (err == TRAP_OK && f.list.n > 0)
        err = db_exec(db, "COMMIT");
    if (err != TRAP_OK) {
        err_text_set(why, "%s: %s", db->path, db_error_text(db));
        if (sqlite3_get_autocommit(db->sq) == 0)
            (void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
    } else {
        *erased_out = f.list.n;
    }
    free(f.list.v);
    return err;
}
