/* Is a file whole? By rows, while it is used; by SQLite's own check, when it is not. */
#include "db.h"

#include <store/backup.h>

#include <stdio.h>
#include <stdlib.h>

/* By stretches of keys: the rows of the table, each read to its last column, and the entries of each
 * index. */
struct stretch_rule {
    const char *sum;        /* ?1 < key <= ?2: number of rows, after all of their columns were read */
    const char *indexes[3]; /* the same number, from the index */
    const char *last;       /* highest key */
};

static const struct stretch_rule visit_rules[] = {
    { "SELECT count(*), total(length(seq + at_us + recipe + flags + page + coalesce(agent, 0)) + "
      "coalesce(length(client), 0)) "
      "FROM visit NOT INDEXED WHERE seq > ?1 AND seq <= ?2",
      { "SELECT count(*) FROM visit INDEXED BY visit_by_client WHERE seq >> 12 = ?2 >> 12 AND client IS NOT "
        "NULL "
        "AND seq > ?1 AND seq <= ?2",
        "SELECT count(*) FROM visit NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND client IS NOT NULL" },
      "SELECT max(seq) FROM visit" },
};
static const struct stretch_rule hit_rules[] = {
    { "SELECT count(*), total(length(at_us + session + flags + size + digest + class) + length(sender) + "
      "length(helo) + "
      "length(reverse_path) + length(address) + length(dsn) + length(rcpt_dsn)) FROM hit NOT INDEXED WHERE "
      "seq > ?1 AND seq <= ?2",
      { "SELECT count(*) FROM hit INDEXED BY hit_by_sender WHERE seq >> 12 = ?2 >> 12 AND seq > ?1 AND seq "
        "<= ?2",
        "SELECT count(*) FROM hit INDEXED BY hit_by_address WHERE seq >> 12 = ?2 >> 12 AND seq > ?1 AND seq "
        "<= ?2",
        "SELECT count(*) FROM hit NOT INDEXED WHERE seq > ?1 AND seq <= ?2" },
      "SELECT max(seq) FROM hit" },
    { "SELECT count(*), total(length(helo) + length(client) + length(sni)) FROM session NOT INDEXED WHERE "
      "seq > ?1 AND seq <= ?2",
      { "SELECT count(*) FROM session INDEXED BY session_by_client WHERE seq >> 12 = ?2 >> 12 AND seq > ?1 "
        "AND seq <= ?2",
        "SELECT count(*) FROM session NOT INDEXED WHERE seq > ?1 AND seq <= ?2" },
      "SELECT max(seq) FROM session" },
};
static const struct stretch_rule sample_rules[] = {
    { "SELECT count(*), total(length(data) + length(sender)) FROM sample NOT INDEXED WHERE hit > ?1 AND hit "
      "<= ?2",
      { NULL },
      "SELECT max(hit) FROM sample" },
};
static const struct {
    const struct stretch_rule *v;
    size_t n;
} rules[STORE_FILES] = {
    [STORE_VISITS] = { visit_rules, 1 },
    [STORE_HITS] = { hit_rules, 2 },
    [STORE_SAMPLES] = { sample_rules, 1 },
};

static enum trap_err damaged(struct store_db *db, const char *what, uint64_t from, struct err_text *why)
{
    err_text_set(
        why, "%s: damaged (%s, records from %llu on); stop the daemons, keep the file and restore a backup",
        db->path, what, (unsigned long long)from + 1);
    return TRAP_ECORRUPT;
}

static enum trap_err number(struct store_db *db, const char *sql, uint64_t after, uint64_t upto, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)after);
    db_bind_int(st, 2, (int64_t)upto);
    err = db_step(db, st);
    if (err == TRAP_OK)
        *out = sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    return err;
}

/* All in one read transaction: the file is written meanwhile. */
static enum trap_err check_stretch(struct store_db *db, const struct stretch_rule *r, uint64_t after,
                                   uint64_t upto, struct err_text *why)
{
    int64_t rows = 0, entries[3] = { 0 };
    size_t n = 0;
    enum trap_err err = db_exec(db, "BEGIN");

    if (err == TRAP_OK)
        err = number(db, r->sum, after, upto, &rows);
    for (; n < 3 && r->indexes[n] != NULL && err == TRAP_OK; n++)
        err = number(db, r->indexes[n], after, upto, &entries[n]);
    if (sqlite3_get_autocommit(db->sq) == 0)
        (void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
    if (err == TRAP_ECORRUPT)
        return damaged(db, db_error_text(db), after, why);
    if (err != TRAP_OK) {
        err_text_set(why, "%s: %s", db->path, db_error_text(db));
        return err;
    }
    for (size_t i = 1; i < n; i++)
        if (entries[i] != entries[i - 1])
            return damaged(db, "an index has not as many entries as its table has rows", after, why);
    return TRAP_OK;
}

static enum trap_err check_rule(struct store_db *db, const struct stretch_rule *r,
                                const struct store_progress *progress, struct err_text *why)
{
    enum { STRETCH = 4096 }; /* that of the indexes */
    int64_t last = 0;
    enum trap_err err = db_int(db, r->last, &last);

    if (err == TRAP_ENOENT)
        err = TRAP_OK;
    if (err != TRAP_OK)
        return err == TRAP_ECORRUPT ? damaged(db, db_error_text(db), 0, why) : err;
    for (uint64_t upto = STRETCH - 1, after = 0; err == TRAP_OK; after = upto, upto += STRETCH) {
        err = check_stretch(db, r, after, upto, why);
        if (progress->tell != NULL && (upto >> 12) % 16 == 0)
            progress->tell(store_file_name(db->file), upto < (uint64_t)last ? upto : (uint64_t)last,
                           (uint64_t)last, progress->arg);
        if (upto >= (uint64_t)last)
            break;
    }
    return err;
}

/* ---- SQLite's own ---- */

struct full {
    const struct store_progress *progress;
    const struct store_db *db;
    struct err_text found;
    uint64_t steps;
};

static int on_steps(void *arg)
{
    struct full *f = arg;

    f->steps++;
    if (f->progress->tell != NULL && f->steps % 64 == 0)
        f->progress->tell(store_file_name(f->db->file), f->steps, 0, f->progress->arg);
    return 0;
}

static int first_row(void *arg, int columns, char **values, char **names)
{
    struct full *f = arg;

    (void)names;
    if (f->found.text[0] == '\0')
        err_text_set(&f->found, "%s", columns > 0 && values[0] != NULL ? values[0] : "");
    return 0;
}

static enum trap_err check_full(struct store_db *db, const struct store_progress *progress,
                                struct err_text *why)
{
    enum { STEPS = 1000000 };
    struct full f = { .progress = progress, .db = db };
    int rc;

    sqlite3_progress_handler(db->sq, STEPS, on_steps, &f);
    rc = sqlite3_exec(db->sq, "PRAGMA integrity_check(1)", first_row, &f, NULL);
    sqlite3_progress_handler(db->sq, 0, NULL, NULL);
    if (rc == SQLITE_OK && strcmp(f.found.text, "ok") == 0)
        return TRAP_OK;
    if (rc != SQLITE_OK && db_error(db, rc) != TRAP_ECORRUPT && rc != SQLITE_ERROR) {
        err_text_set(why, "%s: %s", db->path, db_error_text(db));
        return db_error(db, rc);
    }
    return damaged(db, rc == SQLITE_OK ? f.found.text : db_error_text(db), 0, why);
}

enum trap_err store_verify(const char *dir, enum store_file f, bool full,
                           const struct store_progress *progress, struct err_text *why)
{
    struct store_db *db = NULL;
    enum trap_err err = store_open(dir, f, STORE_READ, &db, why);

    /* Files without rules are small: their daemon checked them when it began. */
    if (err == TRAP_OK && (full || rules[f].n == 0))
        err = check_full(db, progress, why);
    for (size_t i = 0; i < rules[f].n && err == TRAP_OK && !full; i++)
        err = check_rule(db, &rules[f].v[i], progress, why);
    store_close(&db);
    return err;
}
