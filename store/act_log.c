#include "act_parts.h"
#include "act_row.h"

static const char sql_last[] = "SELECT max(seq) FROM act";
static const char sql_insert[] = "INSERT INTO act (seq, at_us, until_us, kind, subject, detail, who, why) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
static const char sql_each[] = "SELECT seq, at_us, until_us, kind, subject, detail, who, why FROM act "
                               "WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_each_rule[] = "SELECT seq, at_us, until_us, kind, subject, detail, who, why FROM act "
                                    "WHERE kind NOT IN (12, 13) AND seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_revokes[] = "SELECT seq, at_us, until_us, kind, subject, detail, who, why FROM act "
                                  "WHERE kind NOT IN (12, 13) AND kind = 8 AND seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_few[] = "SELECT seq, at_us, until_us, kind, subject, detail, who, why FROM act "
                              "WHERE kind NOT IN (12, 13) AND kind NOT IN (4, 5) AND seq > ?1 ORDER BY seq LIMIT ?2";
_Static_assert(ACT_TRAP_ADD == 4 && ACT_TRAP_RETIRE == 5 && ACT_REVOKE == 8 && ACT_LOOKUP == 12 && ACT_EXTRACT == 13,
               "the statements name kinds by number");
static const char sql_last_rule[] = "SELECT max(seq) FROM act WHERE kind NOT IN (12, 13)";

static enum trap_err newest(struct store_db *db, const char *sql, uint64_t *last_out)
{
    int64_t last = 0;
    const enum trap_err err = db_int(db, sql, &last);

    if (err != TRAP_OK && err != TRAP_ENOENT)
        return err;
    *last_out = (uint64_t)last;
    return TRAP_OK;
}

enum trap_err act_last(struct store_db *db, uint64_t *last_out)
{
    return newest(db, sql_last, last_out);
}

enum trap_err act_last_rule(struct store_db *db, uint64_t *last_out)
{
    return newest(db, sql_last_rule, last_out);
}

enum trap_err act_row_insert(struct store_db *db, uint64_t seq, const struct act *a)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_insert, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    db_bind_int(st, 2, a->at.us);
    db_bind_int(st, 3, a->until.us);
    db_bind_int(st, 4, a->kind);
    db_bind_bytes(st, 5, a->subject);
    db_bind_bytes(st, 6, a->detail);
    db_bind_bytes(st, 7, a->who);
    db_bind_bytes(st, 8, a->why);
    return db_run(db, st);
}

enum trap_err act_append(struct store_db *db, struct act *acts, size_t n, struct err_text *why)
{
    uint64_t last = 0;
    enum trap_err err;

    TRAP_BUG_ON(n > ACT_BATCH_MAX || db->mode == STORE_READ);
    /* IMMEDIATE: the sequence that is read here is still free when the rows go in. */
    err = db_exec(db, "BEGIN IMMEDIATE");
    if (err == TRAP_OK)
        err = act_last(db, &last);
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = act_row_insert(db, last + 1 + i, &acts[i]);
    if (err == TRAP_OK)
        err = db_exec(db, "COMMIT");
    if (err != TRAP_OK) {
        if (err == TRAP_EBUSY)
            err_text_set(why, "%s: another program has been writing for %d s; try again", db->path,
                         DB_BUSY_MS / 1000);
        else
            err_text_set(why, "%s: %s", db->path, db_error_text(db));
        if (sqlite3_get_autocommit(db->sq) == 0)
            (void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
        return err;
    }
    for (size_t i = 0; i < n; i++)
        acts[i].seq = last + 1 + i;
    return TRAP_OK;
}

enum { WALK_PAGE = 10000 };

struct walk {
    act_fn *fn;
    void *arg;
    uint64_t upto;
};

struct act act_of_row(sqlite3_stmt *st)
{
    return (struct act){ .seq = (uint64_t)sqlite3_column_int64(st, 0),
                         .at = { sqlite3_column_int64(st, 1) },
                         .until = { sqlite3_column_int64(st, 2) },
                         .kind = (uint8_t)sqlite3_column_int(st, 3),
                         .subject = db_column_bytes(st, 4),
                         .detail = db_column_bytes(st, 5),
                         .who = db_column_bytes(st, 6),
                         .why = db_column_bytes(st, 7) };
}

static enum trap_err give(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    const struct walk *w = arg;
    const struct act a = act_of_row(st);

    (void)db;
    return a.seq <= w->upto ? w->fn(&a, w->arg) : TRAP_OK;
}

static enum trap_err each(struct store_db *db, const char *sql, uint64_t after, uint32_t limit, struct walk *w,
                          uint64_t *last_out)
{
    const enum trap_err err = db_each(db, sql, &after, limit, give, w);

    if (err == TRAP_OK)
        *last_out = after;
    return err;
}

enum trap_err act_each(struct store_db *db, uint64_t after, uint32_t limit, act_fn *fn, void *arg,
                       uint64_t *last_out)
{
    struct walk w = { fn, arg, UINT64_MAX };

    return each(db, sql_each, after, limit, &w, last_out);
}

enum trap_err act_each_rule(struct store_db *db, uint64_t after, uint32_t limit, act_fn *fn, void *arg,
                            uint64_t *last_out)
{
    struct walk w = { fn, arg, UINT64_MAX };

    return each(db, sql_each_rule, after, limit, &w, last_out);
}

enum trap_err act_walk(struct store_db *db, enum act_choice choice, uint64_t upto, act_fn *fn, void *arg)
{
    static const char *const sql[] = { [ACT_CHOICE_ALL] = sql_each,
                                       [ACT_CHOICE_REVOKES] = sql_revokes,
                                       [ACT_CHOICE_FEW] = sql_few };
    struct walk w = { fn, arg, upto };
    uint64_t after = 0, before;
    enum trap_err err;

    do {
        before = after;
        err = db_each(db, sql[choice], &after, WALK_PAGE, give, &w);
    } while (err == TRAP_OK && after != before && after < upto);
    return err;
}
