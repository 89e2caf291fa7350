#include "seqlist.h"
#include "visit_row.h"

#include <store/visit_log.h>

#include <stdlib.h>

#define COLUMNS                                                                               \
    "v.seq, v.at_us, v.client, s.text, p.text, a.text, v.recipe, v.flags, n.seq IS NOT NULL " \
    "FROM visit v LEFT JOIN page p ON p.id = v.page LEFT JOIN site s ON s.id = p.site "       \
    "LEFT JOIN agent a ON a.id = v.agent LEFT JOIN not_shown n ON n.seq = v.seq "

static const char sql_each[] = "SELECT " COLUMNS "WHERE v.seq > ?1 ORDER BY v.seq LIMIT ?2";
static const char sql_get[] = "SELECT " COLUMNS "WHERE v.seq = ?1";
static const char sql_by_client[] =
    "SELECT seq FROM visit INDEXED BY visit_by_client WHERE seq >> 12 = ?1 "
    "AND client BETWEEN ?3 AND ?4 AND ?5 IN (0, length(client)) ORDER BY seq DESC LIMIT ?2";
static const char sql_facts[] =
    "SELECT at_us, client, recipe, flags, EXISTS (SELECT 1 FROM not_shown WHERE seq = ?1) "
    "FROM visit WHERE seq = ?1";
static const char sql_facts_each[] =
    "SELECT v.seq, v.at_us, v.client, v.recipe, v.flags, n.seq IS NOT NULL FROM visit v "
    "LEFT JOIN not_shown n ON n.seq = v.seq WHERE v.seq > ?1 ORDER BY v.seq LIMIT ?2";
static const char sql_epochs[] = "SELECT epoch, first_seq, started_us FROM epoch ORDER BY epoch";
static const char sql_last[] = "SELECT max(seq) FROM visit";

/* ---- epochs ---- */

enum trap_err visit_epochs(struct store_db *db, struct visit_epoch **list_out, size_t *n_out)
{
    struct visit_epoch *list = NULL;
    size_t n = 0, room = 0;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_epochs, &st);

    if (err != TRAP_OK)
        return err;
    while ((err = db_step(db, st)) == TRAP_OK) {
        if (n == room) {
            struct visit_epoch *more;

            room = room == 0 ? 16 : room * 2;
            more = realloc(list, room * sizeof *list);
            if (more == NULL) {
                err = TRAP_ENOMEM;
                break;
            }
            list = more;
        }
        list[n++] = (struct visit_epoch){ .epoch = (uint32_t)sqlite3_column_int64(st, 0),
                                          .first_seq = (uint64_t)sqlite3_column_int64(st, 1),
                                          .started = { sqlite3_column_int64(st, 2) } };
    }
    (void)sqlite3_reset(st);
    if (err == TRAP_ENOENT)
        err = n == 0 ? TRAP_ECORRUPT : TRAP_OK;
    if (err != TRAP_OK) {
        free(list);
        return err;
    }
    *list_out = list;
    *n_out = n;
    return TRAP_OK;
}

/* The list is small and nearly never changes, but every visit needs it: kept with the connection. An epoch
 * that is not in it begins behind the last visit that was on record before it was read. */
static enum trap_err load_epochs(struct store_db *db)
{
    struct visit_epoch *list = NULL;
    uint64_t last = 0, erased = 0;
    size_t n = 0;
    enum trap_err err = visit_bounds(db, &last, &erased);

    if (err == TRAP_OK)
        err = visit_epochs(db, &list, &n);
    if (err != TRAP_OK)
        return err;
    free(db->epochs.v);
    db->epochs.v = list;
    db->epochs.n = n;
    db->epochs.upto = last;
    return TRAP_OK;
}

/* The newest epoch that begins at or before the visit: two that begin at the same one are an epoch raised
 * before any visit. */
static enum trap_err set_epoch(struct store_db *db, struct visit *v)
{
    const struct visit_epoch *e;
    enum trap_err err = v->seq <= db->epochs.upto ? TRAP_OK : load_epochs(db);

    if (err != TRAP_OK)
        return err;
    e = db->epochs.v;
    for (size_t i = db->epochs.n; i-- > 0;) {
        if (e[i].first_seq > v->seq)
            continue;
        v->epoch = e[i].epoch;
        v->serial = (uint32_t)(v->seq - e[i].first_seq);
        return TRAP_OK;
    }
    return TRAP_ECORRUPT;
}

/* 0: no visit has it, as far as the list knows. */
static uint64_t seq_of_serial(const struct store_db *db, uint32_t epoch, uint32_t serial)
{
    const struct visit_epoch *e = db->epochs.v;

    for (size_t i = 0; i < db->epochs.n; i++) {
        const uint64_t seq = e[i].first_seq + serial;

        if (e[i].epoch == epoch)
            return seq > db->epochs.upto || (i + 1 < db->epochs.n && seq >= e[i + 1].first_seq) ? 0 : seq;
    }
    return 0;
}

/* ---- rows ---- */

static enum trap_err row(struct store_db *db, sqlite3_stmt *st, struct visit *v)
{
    *v = (struct visit){
        .seq = (uint64_t)sqlite3_column_int64(st, 0),
        .at = { sqlite3_column_int64(st, 1) },
        .site = db_column_bytes(st, 3),
        .page = db_column_bytes(st, 4),
        .agent = db_column_bytes(st, 5),
        .recipe = (uint64_t)sqlite3_column_int64(st, 6),
        .flags = (uint32_t)sqlite3_column_int64(st, 7),
    };
    if (sqlite3_column_int(st, 8) != 0)
        v->flags |= VISIT_NOT_SHOWN;
    if ((v->flags & VISIT_BATCH) == 0 && visit_client_get(db_column_bytes(st, 2), v) != TRAP_OK)
        return TRAP_ECORRUPT;
    return set_epoch(db, v);
}

struct walk {
    visit_fn *fn;
    void *arg;
};

static enum trap_err give(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    const struct walk *w = arg;
    struct visit v;
    const enum trap_err err = row(db, st, &v);

    return err == TRAP_OK ? w->fn(&v, w->arg) : err;
}

enum trap_err visit_each(struct store_db *db, uint64_t after, uint32_t limit, visit_fn *fn, void *arg,
                         uint64_t *last_out)
{
    struct walk w = { fn, arg };
    const enum trap_err err = db_each(db, sql_each, &after, limit, give, &w);

    if (err == TRAP_OK)
        *last_out = after;
    return err;
}

/* *found_out tells a record that is not there from a callback that says TRAP_ENOENT. */
static enum trap_err get(struct store_db *db, uint64_t seq, visit_fn *fn, void *arg, bool *found_out)
{
    struct visit v;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_get, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    err = db_step(db, st);
    *found_out = err != TRAP_ENOENT;
    if (err == TRAP_OK)
        err = row(db, st, &v);
    if (err == TRAP_OK)
        err = fn(&v, arg);
    (void)sqlite3_reset(st);
    return err;
}

enum trap_err visit_get(struct store_db *db, uint64_t seq, visit_fn *fn, void *arg)
{
    bool found;

    return get(db, seq, fn, arg, &found);
}

enum trap_err visit_by_serial(struct store_db *db, uint32_t epoch, uint32_t serial, visit_fn *fn, void *arg)
{
    uint64_t seq = seq_of_serial(db, epoch, serial);

    if (seq == 0) {
        const enum trap_err err = load_epochs(db);

        if (err != TRAP_OK)
            return err;
        seq = seq_of_serial(db, epoch, serial);
    }
    return seq == 0 ? TRAP_ENOENT : visit_get(db, seq, fn, arg);
}

enum trap_err visit_by_client(struct store_db *db, struct prefix p, uint32_t limit, visit_fn *fn, void *arg)
{
    const struct db_range range = db_range_of(p);
    struct seqlist_query query = { .sql = sql_by_client, .bind = seqlist_bind_range, .arg = &range };
    struct seqlist list = { NULL, 0 };
    enum trap_err err = visit_bounds(db, &query.last, &query.erased);

    limit = limit < DB_READ_ROWS_MAX ? limit : DB_READ_ROWS_MAX;
    if (err == TRAP_OK)
        err = stretch_set_of_range(db, FILTER_VISIT_CLIENT, &range, &query.maybe);
    if (err == TRAP_OK)
        err = seqlist_newest(db, &query, limit, &list);
    stretch_set_free(&query.maybe);
    for (size_t i = 0; i < list.n && err == TRAP_OK; i++) {
        bool found = false;

        err = get(db, list.v[i], fn, arg, &found);
        if (!found) /* erased since */
            err = TRAP_OK;
    }
    free(list.v);
    return err;
}

enum trap_err visit_facts(struct store_db *db, uint64_t seq, struct visit *out)
{
    struct visit v = { .seq = seq };
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_facts, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    err = db_step(db, st);
    if (err == TRAP_OK) {
        v.at = (wall_t){ sqlite3_column_int64(st, 0) };
        v.recipe = (uint64_t)sqlite3_column_int64(st, 2);
        v.flags = (uint32_t)sqlite3_column_int64(st, 3);
        if (sqlite3_column_int(st, 4) != 0)
            v.flags |= VISIT_NOT_SHOWN;
        if ((v.flags & VISIT_BATCH) == 0)
            err = visit_client_get(db_column_bytes(st, 1), &v);
    }
    (void)sqlite3_reset(st);
    if (err == TRAP_OK)
        err = set_epoch(db, &v);
    if (err == TRAP_OK)
        *out = v;
    return err;
}

static enum trap_err give_facts(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    const struct walk *w = arg;
    struct visit v = { .seq = (uint64_t)sqlite3_column_int64(st, 0),
                       .at = { sqlite3_column_int64(st, 1) },
                       .recipe = (uint64_t)sqlite3_column_int64(st, 3),
                       .flags = (uint32_t)sqlite3_column_int64(st, 4) };
    enum trap_err err = TRAP_OK;

    if (sqlite3_column_int(st, 5) != 0)
        v.flags |= VISIT_NOT_SHOWN;
    if ((v.flags & VISIT_BATCH) == 0)
        err = visit_client_get(db_column_bytes(st, 2), &v);
    if (err == TRAP_OK)
        err = set_epoch(db, &v);
    return err == TRAP_OK ? w->fn(&v, w->arg) : err;
}

enum trap_err visit_facts_each(struct store_db *db, uint64_t after, uint32_t limit, visit_fn *fn, void *arg,
                               uint64_t *last_out)
{
    struct walk w = { fn, arg };
    const enum trap_err err = db_each(db, sql_facts_each, &after, limit, give_facts, &w);

    if (err == TRAP_OK)
        *last_out = after;
    return err;
}

enum trap_err visit_bounds(struct store_db *db, uint64_t *last_out, uint64_t *erased_out)
{
    return db_bounds(db, sql_last, &db_log_visit, last_out, erased_out);
}
