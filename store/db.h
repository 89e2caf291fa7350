/* db.h - one open SQLite file, seen by the modules of store/ alone.
 *
 * Why:     one place for errors, prepared statements and bindings; SQL stands beside the function that runs
 *          it.
 * Rule:    a statement is reset before its function returns, whatever happened: an active one would hold its
 *          read transaction.
 * Owns:    struct store_db owns the connection, its statements and the lock.
 * Threads: one at a time.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <base/bytes.h>
#include <base/file.h>
#include <base/ip.h>
#include <base/time.h>
#include <store/file.h>

#include <sqlite3.h>

enum {
    FILE_PAGE_BYTES = 4096,
    DB_STATEMENTS_MAX = 48,
    DB_BUSY_MS = 5000, /* a checkpoint that restarts the WAL, another appender of acts.db */
    DB_READ_MS = 50,   /* a read transaction is ended and begun again after that */
    DB_READ_ROWS_MAX = 10000
};

struct changes_watch;
struct store_db {
    sqlite3 *sq;
    enum store_file file;
    enum store_mode mode;
    uint8_t node;
    bool remove_on_close; /* a private copy */
    struct changes_watch *changes; /* derived.db: NULL, or whose rows changed */
    struct store_db *filter; /* of a log: NULL, or derived.db with its log_filter; borrowed */
    int lock_fd;
    struct {
        void *v; /* struct visit_epoch */
        size_t n;
        uint64_t upto; /* complete for visits up to this sequence */
    } epochs;          /* visits.db: see visit_read.c */
    size_t statement_count;
    struct {
        const char *sql; /* the address is the key: one constant text per statement */
        sqlite3_stmt *st;
    } statements[DB_STATEMENTS_MAX];
    char dir[PATH_TEXT_MAX];
    char path[PATH_TEXT_MAX];
};

/* derived_changes.c */
void watch_end(struct changes_watch **w);

/* What SQLite's code means for a caller; looks at the connection for "disk full". */
enum trap_err db_error(struct store_db *db, int rc);
/* SQLite's own text for the last failure. */
const char *db_error_text(struct store_db *db);

TRAP_NODISCARD enum trap_err db_exec(struct store_db *db, const char *sql);
/* The prepared statement of a constant text, reset and ready for new bindings. Never one that is in use. */
TRAP_NODISCARD enum trap_err db_statement(struct store_db *db, const char *sql, sqlite3_stmt **out);
/* TRAP_OK: a row; TRAP_ENOENT: no more. */
TRAP_NODISCARD enum trap_err db_step(struct store_db *db, sqlite3_stmt *st);
/* Runs to the end and resets. */
TRAP_NODISCARD enum trap_err db_run(struct store_db *db, sqlite3_stmt *st);
/* One integer from a statement; TRAP_ENOENT: no row or NULL. */
TRAP_NODISCARD enum trap_err db_int(struct store_db *db, const char *sql, int64_t *out);

void db_bind_int(sqlite3_stmt *st, int index, int64_t v);
void db_bind_bytes(sqlite3_stmt *st, int index, struct bytes v); /* borrowed until the reset */
void db_bind_ip(sqlite3_stmt *st, int index, struct ip a);
struct bytes db_column_bytes(sqlite3_stmt *st, int column); /* valid until the next step or reset */
TRAP_NODISCARD enum trap_err db_column_ip(sqlite3_stmt *st, int column, struct ip *out);

/* Numbers of the table meta; `missing` where there is none of that name. */
TRAP_NODISCARD enum trap_err db_meta_get(struct store_db *db, const char *name, int64_t missing,
                                         int64_t *out);
TRAP_NODISCARD enum trap_err db_meta_set(struct store_db *db, const char *name, int64_t value);

/* Numbers of meta that a log has when records were erased: all up to `erased` are gone; `given` is the highest
 * sequence that was given to a record that is gone. Either is missing while nothing was. */
struct db_log {
    const char *erased, *given;
};
extern const struct db_log db_log_visit, db_log_hit, db_log_session;
/* The newest sequence of a log (`sql`: its highest row) and the highest erased one. */
TRAP_NODISCARD enum trap_err db_bounds(struct store_db *db, const char *sql, const struct db_log *log,
                                       uint64_t *last_out, uint64_t *erased_out);

/* The blobs between which all addresses of a prefix lie, and how long they are (0: either length): an index
 * range. */
struct db_range {
    uint8_t low[16], high[16];
    size_t low_n, high_n, length;
};
struct db_range db_range_of(struct prefix p);
/* Binds low, high and length to three places from `index` on: "x BETWEEN ?1 AND ?2 AND ?3 IN (0,
 * length(x))". */
void db_bind_range(sqlite3_stmt *st, int index, const struct db_range *r);

/* A file that nobody else uses, for reading; removed with store_close(), and also on failure. */
TRAP_NODISCARD enum trap_err db_open_private(const char *path, enum store_file f, struct store_db **out,
                                             struct err_text *why);

/* A second connection to the file of `db` for checkpoints by another thread. */
TRAP_NODISCARD enum trap_err db_connect(const char *path, int flags, sqlite3 **out);

/* A walk that ends its read transaction every DB_READ_MS. */
struct db_walk {
    mono_t since;
    uint32_t rows;
};
void db_walk_begin(struct db_walk *w);
/* After each row: is it time to reset the statement and to go on behind the row just seen? */
bool db_walk_is_due(struct db_walk *w);

/* Rows by sequence. The statement: column 0 is the sequence, "> ?1", ascending, LIMIT ?2. */
typedef enum trap_err db_row_fn(struct store_db *db, sqlite3_stmt *st, void *arg);
TRAP_NODISCARD enum trap_err db_each(struct store_db *db, const char *sql, uint64_t *after, uint32_t limit,
                                     db_row_fn *fn, void *arg);

#endif
