#include "counter_copy.h"
#include "file_parts.h"

#include <base/buf.h>
#include <base/log.h>
#include <store/backup.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const enum store_file store_backup_files[STORE_BACKUP_FILES] = { STORE_ACTS, STORE_PUBLISHED, STORE_SAMPLES,
                                                                 STORE_HITS, STORE_VISITS };

struct copy {
    struct store_db *from, *to;
    const struct store_progress *progress;
    uint64_t bound; /* rows with a higher key stay behind */
    bool over;
    sqlite3_stmt *insert, *insert_child; /* of the table under way */
};

/* ---- rows ---- */

/* A table: first column its key. child: another table of which rows belong to one of its rows, when column
 * child_if is above child_above. */
struct table {
    const char *name, *select;
    const char *child_name, *child_select;
    int child_if, child_above;
};

/* As many columns as the row has: those of the newest schema, whatever it is. */
static enum trap_err prepare_insert(struct copy *c, const char *table, int columns, sqlite3_stmt **out)
{
    struct buf sql;
    const char *text;
    enum trap_err err = TRAP_ENOMEM;

    buf_init(&sql, 1024);
    buf_addf(&sql, "INSERT OR REPLACE INTO %s VALUES (?", table);
    for (int i = 1; i < columns; i++)
        buf_add_str(&sql, ", ?");
    buf_add_str(&sql, ")");
    text = buf_cstr(&sql);
    if (text != NULL)
        err = db_error(c->to, sqlite3_prepare_v2(c->to->sq, text, -1, out, NULL));
    buf_free(&sql);
    return err;
}

static enum trap_err put(struct copy *c, const char *table, sqlite3_stmt **insert, sqlite3_stmt *row)
{
    const int columns = sqlite3_column_count(row);
    const enum trap_err err = *insert == NULL ? prepare_insert(c, table, columns, insert) : TRAP_OK;

    if (err != TRAP_OK)
        return err;
    for (int i = 0; i < columns; i++)
        if (sqlite3_bind_value(*insert, i + 1, sqlite3_column_value(row, i)) != SQLITE_OK)
            return TRAP_ENOMEM;
    return db_run(c->to, *insert);
}

static enum trap_err put_children(struct copy *c, const struct table *t, int64_t key)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(c->from, t->child_select, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, key);
    while ((err = db_step(c->from, st)) == TRAP_OK)
        if ((err = put(c, t->child_name, &c->insert_child, st)) != TRAP_OK)
            break;
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

struct table_walk {
    struct copy *copy;
    const struct table *table;
};

static enum trap_err on_row(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    const struct table_walk *w = arg;
    const int64_t key = sqlite3_column_int64(st, 0);
    enum trap_err err;

    (void)db;
    if ((uint64_t)key > w->copy->bound) {
        w->copy->over = true;
        return TRAP_ERANGE;
    }
    err = put(w->copy, w->table->name, &w->copy->insert, st);
    if (err == TRAP_OK && w->table->child_select != NULL &&
        sqlite3_column_int(st, w->table->child_if) > w->table->child_above)
        err = put_children(w->copy, w->table, key);
    return err;
}

/* Each turn is a transaction of the copy, and several short ones of the file. */
static enum trap_err copy_table(struct copy *c, const struct table *t, uint64_t bound)
{
    enum { TURN = 10000 };
    struct table_walk w = { c, t };
    uint64_t after = 0, before;
    enum trap_err err = TRAP_OK;

    c->bound = bound;
    c->over = false;
    do {
        before = after;
        err = db_exec(c->to, "BEGIN");
        if (err == TRAP_OK)
            err = db_each(c->from, t->select, &after, TURN, on_row, &w);
        if (err == TRAP_ERANGE && c->over)
            err = TRAP_OK;
        if (err == TRAP_OK)
            err = db_exec(c->to, "COMMIT");
        if (err == TRAP_OK && c->progress->tell != NULL && bound != INT64_MAX)
            c->progress->tell(store_file_name(c->from->file), c->over ? bound : after, bound,
                              c->progress->arg);
    } while (err == TRAP_OK && !c->over && after != before);
    if (err != TRAP_OK && sqlite3_get_autocommit(c->to->sq) == 0)
        (void)sqlite3_exec(c->to->sq, "ROLLBACK", NULL, NULL, NULL);
    (void)sqlite3_finalize(c->insert);
    (void)sqlite3_finalize(c->insert_child);
    c->insert = c->insert_child = NULL;
    return err;
}

/* ---- files ---- */

#define TABLE(table, key)                                                                               \
    {                                                                                                   \
        .name = table, .select = "SELECT * FROM " table " WHERE " key " > ?1 ORDER BY " key " LIMIT ?2" \
    }

static const struct table visit_table = TABLE("visit", "seq");
static const struct table visit_others[] = {
    TABLE("epoch", "epoch"), TABLE("site", "id"),    TABLE("page", "id"),
    TABLE("agent", "id"),    TABLE("erasure", "id"),
};
static const struct table not_shown_table = TABLE("not_shown", "seq");
static const struct table hit_table = {
    .name = "hit",
    .select = "SELECT * FROM hit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    .child_name = "hit_rcpt",
    .child_select = "SELECT * FROM hit_rcpt WHERE hit = ?1",
    .child_if = 11, /* rcpt_count */
    .child_above = 1,
};
static const struct table session_table = {
    .name = "session",
    .select = "SELECT * FROM session WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    .child_name = "auth",
    .child_select = "SELECT * FROM auth WHERE session_seq = ?1",
    .child_if = 15, /* auth_attempts */
};
static const struct table hit_erasures = TABLE("erasure", "id");
static const struct table sample_table = TABLE("sample", "hit");

/* Few rows, last: what they say of the rows before holds. */
static enum trap_err copy_meta(struct copy *c)
{
    static const char sql[] = "SELECT name, value FROM meta";
    sqlite3_stmt *st = NULL, *insert = NULL;
    enum trap_err err = db_statement(c->from, sql, &st);

    if (err != TRAP_OK)
        return err;
    while ((err = db_step(c->from, st)) == TRAP_OK)
        if ((err = put(c, "meta", &insert, st)) != TRAP_OK)
            break;
    (void)sqlite3_reset(st);
    (void)sqlite3_finalize(insert);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static enum trap_err copy_visits(struct copy *c)
{
    uint64_t last = 0, erased = 0;
    enum trap_err err = visit_bounds(c->from, &last, &erased);

    if (err == TRAP_OK)
        err = db_exec(c->to, "DELETE FROM epoch");
    if (err == TRAP_OK)
        err = copy_table(c, &visit_table, last);
    if (err == TRAP_OK)
        err = copy_table(c, &not_shown_table, last);
    for (size_t i = 0; i < sizeof visit_others / sizeof visit_others[0] && err == TRAP_OK; i++)
        err = copy_table(c, &visit_others[i], INT64_MAX);
    return err == TRAP_OK ? copy_meta(c) : err;
}

static enum trap_err copy_hits(struct copy *c)
{
    uint64_t hits = 0, sessions = 0, erased = 0;
    enum trap_err err = hit_bounds(c->from, &hits, &erased);

    if (err == TRAP_OK)
        err = session_bounds(c->from, &sessions, &erased);
    if (err == TRAP_OK)
        err = copy_table(c, &hit_table, hits);
    if (err == TRAP_OK)
        err = copy_table(c, &session_table, sessions);
    if (err == TRAP_OK)
        err = counter_copy(c->from, c->to);
    if (err == TRAP_OK)
        err = copy_table(c, &hit_erasures, INT64_MAX);
    return err == TRAP_OK ? copy_meta(c) : err;
}

static enum trap_err copy_samples(struct copy *c)
{
    const enum trap_err err = copy_table(c, &sample_table, INT64_MAX);

    return err == TRAP_OK ? copy_meta(c) : err;
}

/* One read transaction: only checkpoints of a file that few write wait for it. */
static enum trap_err copy_pages(struct copy *c)
{
    sqlite3_backup *backup = sqlite3_backup_init(c->to->sq, "main", c->from->sq, "main");
    int rc;

    if (backup == NULL)
        return db_error(c->to, sqlite3_errcode(c->to->sq));
    rc = sqlite3_backup_step(backup, -1);
    (void)sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? TRAP_OK : db_error(c->to, rc);
}

static enum trap_err (*const copiers[STORE_FILES])(struct copy *) = {
    [STORE_VISITS] = copy_visits, [STORE_HITS] = copy_hits,       [STORE_SAMPLES] = copy_samples,
    [STORE_ACTS] = copy_pages,    [STORE_PUBLISHED] = copy_pages,
};

/* The WAL goes with the last connection; then the file alone is all there is. */
static enum trap_err seal(const char *path, struct err_text *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool ok = fd != -1 && fsync(fd) == 0;

    if (!ok)
        err_text_set(why, "%s: %s", path, log_errno_text());
    if (fd != -1)
        (void)close(fd);
    return ok ? TRAP_OK : TRAP_EIO;
}

static enum trap_err copy_file(const char *dir, const char *to, enum store_file f,
                               const struct store_progress *progress, struct err_text *why)
{
    struct copy c = { .progress = progress };
    char path[PATH_TEXT_MAX], lock[PATH_TEXT_MAX];
    enum trap_err err = store_open(dir, f, STORE_READ, &c.from, why);

    if (err == TRAP_OK)
        err = path_join(to, store_file_name(f), path);
    if (err == TRAP_OK && access(path, F_OK) == 0) {
        err_text_set(why, "%s: is there already", path);
        err = TRAP_EEXIST;
    }
    if (err == TRAP_OK)
        err = file_make(to, f, c.from->node, why);
    if (err == TRAP_OK)
        err = store_open(to, f, STORE_WRITE, &c.to, why);
    if (err == TRAP_OK) {
        err = db_exec(c.to, "PRAGMA synchronous = OFF");
        if (err == TRAP_OK)
            err = copiers[f](&c);
        if (err != TRAP_OK)
            err_text_set(why, "%s: cannot be copied: %s; %s", c.from->path, db_error_text(c.from),
                         db_error_text(c.to));
    }
    store_close(&c.to);
    store_close(&c.from);
    if (err == TRAP_OK)
        err = seal(path, why);
    (void)snprintf(lock, sizeof lock, "%.*slock", (int)(strrchr(path, '.') + 1 - path), path);
    (void)unlink(lock);
    return err;
}

enum trap_err store_backup(const char *dir, const char *to, const struct store_progress *progress,
                           struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < STORE_BACKUP_FILES && err == TRAP_OK; i++)
        err = copy_file(dir, to, store_backup_files[i], progress, why);
    return err == TRAP_OK ? dir_sync(to, why) : err;
}
