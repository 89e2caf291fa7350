#include "erasure_row.h"

static const char sql_each[] = "SELECT id, kind, upto, before_us, at_us, records FROM erasure ORDER BY id";
static const char sql_put[] = "INSERT INTO erasure (kind, upto, before_us, at_us, records) "
                              "VALUES (?1, ?2, ?3, ?4, ?5)";
static const char sql_count[] = "UPDATE erasure SET records = records + ?2 WHERE id = ?1";

const char *erasure_kind_name(uint8_t kind)
{
    static const char *const names[] = { "none",    "client",  "visit",   "hit",
                                         "session", "attempt", "counter", "forget" };

    return kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

enum trap_err erasure_each(struct store_db *db, erasure_fn *fn, void *arg)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_each, &st);

    if (err != TRAP_OK)
        return err;
    while ((err = db_step(db, st)) == TRAP_OK) {
        const struct erasure e = { .id = (uint64_t)sqlite3_column_int64(st, 0),
                                   .kind = (uint8_t)sqlite3_column_int(st, 1),
                                   .upto = (uint64_t)sqlite3_column_int64(st, 2),
                                   .before = { sqlite3_column_int64(st, 3) },
                                   .at = { sqlite3_column_int64(st, 4) },
                                   .records = (uint64_t)sqlite3_column_int64(st, 5) };

        err = fn(&e, arg);
        if (err != TRAP_OK)
            break;
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err erasure_change(struct store_db *db, uint64_t *out)
{
    int64_t n = 0;
    const enum trap_err err = db_meta_get(db, ERASURE_CHANGE, 0, &n);

    if (err == TRAP_OK)
        *out = (uint64_t)n;
    return err;
}

enum trap_err erasure_mark(struct store_db *hits, struct store_db *visits, uint64_t *out)
{
    uint64_t of_hits = 0, of_visits = 0;
    enum trap_err err = erasure_change(hits, &of_hits);

    if (err == TRAP_OK)
        err = erasure_change(visits, &of_visits);
    if (err == TRAP_OK)
        *out = (of_visits & 0x7fffffff) << 32 | (of_hits & 0xffffffff);
    return err;
}

enum trap_err erasure_put(struct store_db *db, const struct erasure *e, uint64_t *id_out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_put, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, e->kind);
    db_bind_int(st, 2, (int64_t)e->upto);
    db_bind_int(st, 3, e->before.us);
    db_bind_int(st, 4, e->at.us);
    db_bind_int(st, 5, (int64_t)e->records);
    err = db_run(db, st);
    if (err == TRAP_OK)
        *id_out = (uint64_t)sqlite3_last_insert_rowid(db->sq);
    return err;
}

enum trap_err erasure_count(struct store_db *db, uint64_t id, uint64_t records)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_count, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)id);
    db_bind_int(st, 2, (int64_t)records);
    return db_run(db, st);
}

enum trap_err erasure_changed(struct store_db *db)
{
    int64_t n = 0;
    const enum trap_err err = db_meta_get(db, ERASURE_CHANGE, 0, &n);

    return err == TRAP_OK ? db_meta_set(db, ERASURE_CHANGE, n + 1) : err;
}

enum trap_err erasure_floor(struct store_db *db, const char *name, uint64_t seq)
{
    int64_t known = 0;
    const enum trap_err err = db_meta_get(db, name, 0, &known);

    return err != TRAP_OK || known >= (int64_t)seq ? err : db_meta_set(db, name, (int64_t)seq);
}
