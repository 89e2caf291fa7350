#include "db.h"

#include <errno.h>

/* A file size limit and a quota say "full" in their own words, and SQLite calls them an I/O error. The file
 * that was written to is the WAL: its own last errno is asked for (the connection's is overwritten while it
 * rolls back). */
static bool is_full(struct store_db *db)
{
    sqlite3_file *wal = NULL;
    int e = 0;

    if (db->sq == NULL ||
        sqlite3_file_control(db->sq, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) != SQLITE_OK ||
        wal == NULL || wal->pMethods == NULL ||
        wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &e) != SQLITE_OK)
        return false;
    return e == ENOSPC || e == EFBIG || e == EDQUOT;
}

enum trap_err db_error(struct store_db *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return TRAP_OK;
    case SQLITE_FULL:
        return TRAP_EFULL;
    case SQLITE_NOMEM:
        return TRAP_ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
        return TRAP_ECORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TRAP_EBUSY;
    case SQLITE_CONSTRAINT:
        return TRAP_EEXIST;
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return TRAP_EINVAL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return TRAP_EPERM;
    case SQLITE_IOERR:
        return rc == SQLITE_IOERR_WRITE && is_full(db) ? TRAP_EFULL : TRAP_EIO;
    default:
        return TRAP_EIO;
    }
}

const char *db_error_text(struct store_db *db)
{
    return db->sq == NULL ? "out of memory" : sqlite3_errmsg(db->sq);
}

enum trap_err db_exec(struct store_db *db, const char *sql)
{
    return db_error(db, sqlite3_exec(db->sq, sql, NULL, NULL, NULL));
}

enum trap_err db_statement(struct store_db *db, const char *sql, sqlite3_stmt **out)
{
    sqlite3_stmt *st = NULL;
    size_t i = 0;
    int rc;

    while (i < db->statement_count && db->statements[i].sql != sql)
        i++;
    if (i < db->statement_count) {
        TRAP_BUG_ON(sqlite3_stmt_busy(db->statements[i].st));
        *out = db->statements[i].st;
        return TRAP_OK;
    }
    TRAP_BUG_ON(i == DB_STATEMENTS_MAX);
    rc = sqlite3_prepare_v3(db->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (rc != SQLITE_OK) {
        /* A table that is not there, in a file that says it is ours. */
        return (rc & 0xff) == SQLITE_ERROR ? TRAP_ECORRUPT : db_error(db, rc);
    }
    db->statements[i].sql = sql;
    db->statements[i].st = st;
    db->statement_count++;
    *out = st;
    return TRAP_OK;
}

enum trap_err db_step(struct store_db *db, sqlite3_stmt *st)
{
    const int rc = sqlite3_step(st);

    if (rc == SQLITE_ROW)
        return TRAP_OK;
    return rc == SQLITE_DONE ? TRAP_ENOENT : db_error(db, rc);
}

enum trap_err db_run(struct store_db *db, sqlite3_stmt *st)
{
    int rc;

    do
        rc = sqlite3_step(st);
    while (rc == SQLITE_ROW);
    {
        const enum trap_err err = db_error(db, rc);

        (void)sqlite3_reset(st);
        return err;
    }
}

enum trap_err db_int(struct store_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql, &st);

    if (err != TRAP_OK)
        return err;
    err = db_step(db, st);
    if (err == TRAP_OK) {
        if (sqlite3_column_type(st, 0) == SQLITE_NULL)
            err = TRAP_ENOENT;
        else
            *out = sqlite3_column_int64(st, 0);
    }
    (void)sqlite3_reset(st);
    return err;
}

/* Binding fails on a wrong index alone: our own mistake. */
void db_bind_int(sqlite3_stmt *st, int index, int64_t v)
{
    TRAP_BUG_ON(sqlite3_bind_int64(st, index, v) != SQLITE_OK);
}

void db_bind_bytes(sqlite3_stmt *st, int index, struct bytes v)
{
    /* A null pointer would bind NULL, not the empty blob. */
    TRAP_BUG_ON(sqlite3_bind_blob64(st, index, v.n == 0 ? "" : (const void *)v.p, v.n, SQLITE_STATIC) !=
                SQLITE_OK);
}

void db_bind_ip(sqlite3_stmt *st, int index, struct ip a)
{
    uint8_t blob[16];
    const size_t n = ip_put(a, blob);

    TRAP_BUG_ON(sqlite3_bind_blob(st, index, blob, (int)n, SQLITE_TRANSIENT) == SQLITE_RANGE);
}

struct bytes db_column_bytes(sqlite3_stmt *st, int column)
{
    const void *p = sqlite3_column_blob(st, column);

    return bytes_of(p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(st, column));
}

enum trap_err db_column_ip(sqlite3_stmt *st, int column, struct ip *out)
{
    return ip_get(db_column_bytes(st, column), out) == TRAP_OK ? TRAP_OK : TRAP_ECORRUPT;
}

static const char sql_meta_get[] = "SELECT value FROM meta WHERE name = ?1";
static const char sql_meta_set[] =
    "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

enum trap_err db_meta_get(struct store_db *db, const char *name, int64_t missing, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_meta_get, &st);

    if (err != TRAP_OK)
        return err;
    TRAP_BUG_ON(sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) != SQLITE_OK);
    err = db_step(db, st);
    if (err == TRAP_OK)
        *out = sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    if (err == TRAP_ENOENT) {
        *out = missing;
        err = TRAP_OK;
    }
    return err;
}

enum trap_err db_meta_set(struct store_db *db, const char *name, int64_t value)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_meta_set, &st);

    if (err != TRAP_OK)
        return err;
    TRAP_BUG_ON(sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) != SQLITE_OK);
    db_bind_int(st, 2, value);
    return db_run(db, st);
}

const struct db_log db_log_visit = { "visit_erased", "visit_last" };
const struct db_log db_log_hit = { "hit_erased", "hit_last" };
const struct db_log db_log_session = { "session_erased", "session_last" };

enum trap_err db_bounds(struct store_db *db, const char *sql, const struct db_log *log, uint64_t *last_out,
                        uint64_t *erased_out)
{
    int64_t last = 0, erased = 0, given = 0;
    enum trap_err err = db_int(db, sql, &last);

    if (err == TRAP_ENOENT)
        err = TRAP_OK;
    if (err == TRAP_OK)
        err = db_meta_get(db, log->erased, 0, &erased);
    if (err == TRAP_OK)
        err = db_meta_get(db, log->given, 0, &given);
    if (err != TRAP_OK)
        return err;
    last = last > given ? last : given;
    *last_out = (uint64_t)(last > erased ? last : erased);
    *erased_out = (uint64_t)erased;
    return TRAP_OK;
}

struct db_range db_range_of(struct prefix p)
{
    struct db_range r = { .low_n = 0, .high_n = 16, .length = 0 };
    uint8_t low[16], high[16];
    const size_t skip = ip_is_v4(p.ip) && p.len >= 96 ? 12 : 0;

    memset(r.high, 0xff, sizeof r.high);
    if (p.len == 0)
        return r;
    for (unsigned i = 0; i < 16; i++) {
        const unsigned bits = p.len <= i * 8 ? 0 : p.len - i * 8 >= 8 ? 8 : p.len - i * 8;
        const uint8_t mask = (uint8_t)(0xff00u >> bits);

        low[i] = p.ip.b[i] & mask;
        high[i] = low[i] | (uint8_t)~mask;
    }
    r.low_n = r.high_n = r.length = 16 - skip;
    memcpy(r.low, low + skip, r.length);
    memcpy(r.high, high + skip, r.length);
    return r;
}

void db_bind_range(sqlite3_stmt *st, int index, const struct db_range *r)
{
    db_bind_bytes(st, index, bytes_of(r->low, r->low_n));
    db_bind_bytes(st, index + 1, bytes_of(r->high, r->high_n));
    db_bind_int(st, index + 2, (int64_t)r->length);
}

void db_walk_begin(struct db_walk *w)
{
    w->since = mono_now();
    w->rows = 0;
}

bool db_walk_is_due(struct db_walk *w)
{
    if (++w->rows % 16 != 0 || mono_diff(mono_now(), w->since).ms < DB_READ_MS)
        return false;
    db_walk_begin(w);
    return true;
}

/* One stretch inside one read transaction: at most *left rows. */
static enum trap_err stretch(struct store_db *db, sqlite3_stmt *st, uint64_t *after, uint32_t *left,
                             db_row_fn *fn, void *arg)
{
    struct db_walk walk;
    enum trap_err err;

    db_walk_begin(&walk);
    do {
        uint64_t seq;

        err = db_step(db, st);
        if (err == TRAP_ENOENT) {
            *left = 0;
            return TRAP_OK;
        }
        if (err != TRAP_OK)
            break;
        seq = (uint64_t)sqlite3_column_int64(st, 0);
        err = fn(db, st, arg);
        if (err == TRAP_OK) {
            *after = seq;
            (*left)--;
        }
    } while (err == TRAP_OK && *left > 0 && !db_walk_is_due(&walk));
    return err;
}

enum trap_err db_each(struct store_db *db, const char *sql, uint64_t *after, uint32_t limit, db_row_fn *fn,
                      void *arg)
{
    uint32_t left = limit < DB_READ_ROWS_MAX ? limit : DB_READ_ROWS_MAX;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && left > 0) {
        sqlite3_stmt *st = NULL;

        err = db_statement(db, sql, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, (int64_t)*after);
        db_bind_int(st, 2, left);
        err = stretch(db, st, after, &left, fn, arg);
        (void)sqlite3_reset(st);
    }
    return err;
}
