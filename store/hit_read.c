#include "hit_key.h"
#include "hit_parts.h"
#include "seqlist.h"

#include <store/hit_log.h>

#include <stdlib.h>

#define HIT_COLUMNS                                                                                         \
    "seq, at_us, session, sender, local, local_port, helo, reverse_path, flags, size, digest, rcpt_count, " \
    "class, address, first_command_ms, dsn, rcpt_dsn FROM hit "

static const char sql_each[] = "SELECT " HIT_COLUMNS "WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_get[] = "SELECT " HIT_COLUMNS "WHERE seq = ?1";
static const char sql_traps[] =
    "SELECT seq, at_us, sender, rcpt_count, class, address, flags FROM hit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_rcpts[] = "SELECT class, address, dsn FROM hit_rcpt WHERE hit = ?1 ORDER BY n";
static const char sql_by_sender[] =
    "SELECT seq FROM hit INDEXED BY hit_by_sender WHERE seq >> 12 = ?1 "
    "AND sender BETWEEN ?3 AND ?4 AND ?5 IN (0, length(sender)) ORDER BY seq DESC LIMIT ?2";
static const char sql_by_rcpt[] =
    "SELECT seq FROM hit INDEXED BY hit_by_address WHERE seq >> 12 = ?1 AND address_key = ?3 "
    "UNION SELECT hit FROM hit_rcpt INDEXED BY hit_rcpt_by_address WHERE hit >> 12 = ?1 AND address_key = ?3 "
    "ORDER BY 1 DESC LIMIT ?2";
static const char sql_last[] = "SELECT max(seq) FROM hit";

/* ---- recipients ---- */

enum { RCPTS_MAX = 100000 }; /* more than any configuration allows: a damaged count */

struct rcpts {
    struct hit_rcpt first;
    struct hit_rcpt *more; /* all of them, where there is more than one */
    struct buf text;
};

static void rcpts_free(struct rcpts *r)
{
    free(r->more);
    buf_free(&r->text);
}

/* Their text is copied: a column lives only until the next step. */
static enum trap_err read_more(struct store_db *db, uint64_t seq, size_t count, struct rcpts *r)
{
    sqlite3_stmt *st = NULL;
    size_t n = 1, at = 0;
    enum trap_err err = db_statement(db, sql_rcpts, &st);

    if (err != TRAP_OK)
        return err;
    r->more = calloc(count, sizeof *r->more);
    if (r->more == NULL)
        return TRAP_ENOMEM;
    r->more[0] = r->first;
    db_bind_int(st, 1, (int64_t)seq);
    while (n < count && (err = db_step(db, st)) == TRAP_OK) {
        const struct bytes address = db_column_bytes(st, 1);
        const struct bytes dsn = db_column_bytes(st, 2);

        r->more[n].klass = (uint8_t)sqlite3_column_int(st, 0);
        r->more[n].address.n = address.n;
        r->more[n++].dsn.n = dsn.n;
        buf_add(&r->text, address);
        buf_add(&r->text, dsn);
    }
    (void)sqlite3_reset(st);
    if (err != TRAP_OK)
        return err == TRAP_ENOENT ? TRAP_ECORRUPT : err;
    if (r->text.err != TRAP_OK)
        return TRAP_ENOMEM;
    for (size_t i = 1; i < count; i++) {
        r->more[i].address.p = r->text.p + at;
        at += r->more[i].address.n;
        r->more[i].dsn.p = r->text.p + at;
        at += r->more[i].dsn.n;
    }
    return TRAP_OK;
}

/* ---- rows ---- */

/* Calls fn with the hit and all its recipients. */
static enum trap_err give_rcpts(struct store_db *db, struct hit *h, struct rcpts *r, size_t count, hit_fn *fn, void *arg)
{
    enum trap_err err = TRAP_OK;

    buf_init(&r->text, (size_t)RCPTS_MAX * (320 + DSN_MAX));
    if (count > 1)
        err = read_more(db, h->seq, count, r);
    h->rcpt_count = count;
    h->rcpts = count > 1 ? r->more : &r->first;
    if (err == TRAP_OK)
        err = fn(h, arg);
    rcpts_free(r);
    return err;
}

/* Calls fn with the hit of the present row. */
static enum trap_err give(struct store_db *db, sqlite3_stmt *st, hit_fn *fn, void *arg)
{
    struct rcpts r = { .first = { .klass = (uint8_t)sqlite3_column_int(st, 12),
                                  .address = db_column_bytes(st, 13),
                                  .dsn = db_column_bytes(st, 16) } };
    const int64_t count = sqlite3_column_int64(st, 11);
    struct hit h = {
        .seq = (uint64_t)sqlite3_column_int64(st, 0),
        .at = { sqlite3_column_int64(st, 1) },
        .session = (uint64_t)sqlite3_column_int64(st, 2),
        .local_port = (uint16_t)sqlite3_column_int(st, 5),
        .helo = db_column_bytes(st, 6),
        .reverse_path = db_column_bytes(st, 7),
        .flags = (uint32_t)sqlite3_column_int64(st, 8),
        .size = (uint64_t)sqlite3_column_int64(st, 9),
        .digest = (uint64_t)sqlite3_column_int64(st, 10),
        .first_command_ms = hit_column_ms(st, 14),
        .dsn = db_column_bytes(st, 15),
    };
    enum trap_err err = db_column_ip(st, 3, &h.sender);

    if (err == TRAP_OK)
        err = db_column_ip(st, 4, &h.local);
    if (count < 1 || count > RCPTS_MAX)
        err = TRAP_ECORRUPT;
    if (err != TRAP_OK)
        return err;
    return give_rcpts(db, &h, &r, (size_t)count, fn, arg);
}

/* ---- walks ---- */

struct hit_walk {
    hit_fn *fn;
    void *arg;
};

static enum trap_err on_hit(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    const struct hit_walk *w = arg;

    return give(db, st, w->fn, w->arg);
}

enum trap_err hit_each(struct store_db *db, uint64_t after, uint32_t limit, hit_fn *fn, void *arg,
                       uint64_t *last_out)
{
    struct hit_walk w = { fn, arg };
    const enum trap_err err = db_each(db, sql_each, &after, limit, on_hit, &w);

    if (err == TRAP_OK)
        *last_out = after;
    return err;
}

static enum trap_err on_traps(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    const struct hit_walk *w = arg;
    struct rcpts r = { .first = { .klass = (uint8_t)sqlite3_column_int(st, 4), .address = db_column_bytes(st, 5) } };
    const int64_t count = sqlite3_column_int64(st, 3);
    struct hit h = { .seq = (uint64_t)sqlite3_column_int64(st, 0), .at = { sqlite3_column_int64(st, 1) }, .flags = (uint32_t)sqlite3_column_int64(st, 6) };
    enum trap_err err = db_column_ip(st, 2, &h.sender);

    if (count < 1 || count > RCPTS_MAX)
        err = TRAP_ECORRUPT;
    if (err != TRAP_OK)
        return err;
    return give_rcpts(db, &h, &r, (size_t)count, w->fn, w->arg);
}

enum trap_err hit_traps_each(struct store_db *db, uint64_t after, uint32_t limit, hit_fn *fn, void *arg,
                             uint64_t *last_out)
{
    struct hit_walk w = { fn, arg };
    const enum trap_err err = db_each(db, sql_traps, &after, limit, on_traps, &w);

    if (err == TRAP_OK)
        *last_out = after;
    return err;
}

/* ---- single hits and lists ---- */

/* *found_out tells a record that is not there from a callback that says TRAP_ENOENT. */
static enum trap_err get(struct store_db *db, uint64_t seq, hit_fn *fn, void *arg, bool *found_out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_get, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    err = db_step(db, st);
    *found_out = err != TRAP_ENOENT;
    if (err == TRAP_OK)
        err = give(db, st, fn, arg);
    (void)sqlite3_reset(st);
    return err;
}

enum trap_err hit_get(struct store_db *db, uint64_t seq, hit_fn *fn, void *arg)
{
    bool found;

    return get(db, seq, fn, arg, &found);
}

static enum trap_err give_list(struct store_db *db, struct seqlist *list, hit_fn *fn, void *arg)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < list->n && err == TRAP_OK; i++) {
        bool found = false;

        err = get(db, list->v[i], fn, arg, &found);
        if (!found) /* erased since */
            err = TRAP_OK;
    }
    free(list->v);
    return err;
}

static enum trap_err by_index(struct store_db *db, struct seqlist_query *query, uint32_t limit, hit_fn *fn,
                              void *arg)
{
    struct seqlist list = { NULL, 0 };
    enum trap_err err = hit_bounds(db, &query->last, &query->erased);

    limit = limit < DB_READ_ROWS_MAX ? limit : DB_READ_ROWS_MAX;
    if (err == TRAP_OK)
        err = seqlist_newest(db, query, limit, &list);
    stretch_set_free(&query->maybe);
    return err == TRAP_OK ? give_list(db, &list, fn, arg) : err;
}

enum trap_err hit_by_sender(struct store_db *db, struct prefix p, uint32_t limit, hit_fn *fn, void *arg)
{
    const struct db_range range = db_range_of(p);
    struct seqlist_query query = { .sql = sql_by_sender, .bind = seqlist_bind_range, .arg = &range };
    const enum trap_err err = stretch_set_of_range(db, FILTER_HIT_SENDER, &range, &query.maybe);

    return err != TRAP_OK ? err : by_index(db, &query, limit, fn, arg);
}

struct rcpt_filter {
    struct bytes address;
    hit_fn *fn;
    void *arg;
};

static enum trap_err give_if_named(const struct hit *h, void *arg)
{
    const struct rcpt_filter *f = arg;

    for (size_t i = 0; i < h->rcpt_count; i++)
        if (bytes_ieq(h->rcpts[i].address, f->address))
            return f->fn(h, f->arg);
    return TRAP_OK;
}

static void bind_key(sqlite3_stmt *st, const void *key)
{
    db_bind_int(st, 3, *(const int64_t *)key);
}

enum trap_err hit_by_rcpt(struct store_db *db, struct bytes address, uint32_t limit, hit_fn *fn, void *arg)
{
    const int64_t key = hit_address_key(address);
    struct seqlist_query query = { .sql = sql_by_rcpt, .bind = bind_key, .arg = &key };
    struct rcpt_filter filter = { address, fn, arg };
    const enum trap_err err = stretch_set_of_key(db, FILTER_HIT_ADDRESS, key, &query.maybe);

    return err != TRAP_OK ? err : by_index(db, &query, limit, give_if_named, &filter);
}

enum trap_err hit_bounds(struct store_db *db, uint64_t *last_out, uint64_t *erased_out)
{
    return db_bounds(db, sql_last, &db_log_hit, last_out, erased_out);
}
