#include "row_key.h"

#include <store/evidence.h>

#include <stdlib.h>

static const char sql_mark[] = "SELECT seq FROM mark WHERE node = ?1 AND log = ?2";
/* Twice where a callback of the walk over all may ask for one: a statement runs once at a time. */
#define EVIDENCE_ROWS                                                                   \
    "SELECT sender, source, class, hour, node, count, first_us, last_us FROM evidence " \
    "WHERE sender BETWEEN ?1 AND ?2 ORDER BY sender, source, class, hour, node"
static const char sql_evidence[] = EVIDENCE_ROWS;
static const char sql_evidence_in[] = EVIDENCE_ROWS;
#define LINK_COLUMNS \
    ", node, visit, slot, day, technique, count, first_us, last_us, visited_us, visit_flags FROM link "
#define LINK_ROWS                           \
    "SELECT harvester, sender" LINK_COLUMNS \
    "WHERE harvester BETWEEN ?1 AND ?2 ORDER BY harvester, sender, node, visit, slot, day"
static const char sql_link[] = LINK_ROWS;
static const char sql_link_in[] = LINK_ROWS;
static const char sql_link_by_sender[] =
    "SELECT sender, harvester" LINK_COLUMNS "INDEXED BY link_by_sender "
    "WHERE sender BETWEEN ?1 AND ?2 ORDER BY sender, harvester, node, visit, slot, day";
static const char sql_visitor[] =
    "SELECT client, count, first_us, last_us FROM visitor WHERE client BETWEEN ?1 AND ?2 "
    "ORDER BY client";
static const char sql_network[] = "SELECT first_us FROM network WHERE source = ?1";
#define PENDING_COLUMNS "sender, hit_node, hit, n, at_us, node, epoch, serial, slot, sender_ip, class FROM pending "
static const char sql_pending[] =
    "SELECT " PENDING_COLUMNS "WHERE (hit_node, hit, n) > (?1, ?2, ?3) ORDER BY hit_node, hit, n";
static const char sql_pending_by_sender[] = "SELECT " PENDING_COLUMNS "WHERE sender BETWEEN ?1 AND ?2 "
                                            "ORDER BY sender, hit_node, hit, n";

/* ---- marks ---- */

enum trap_err derived_mark_get(struct store_db *db, uint8_t node, enum record_log log, uint64_t *seq_out)
{
    sqlite3_stmt *st = NULL;
    uint64_t seq = 0;
    enum trap_err err = db_statement(db, sql_mark, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, node);
    db_bind_int(st, 2, log);
    err = db_step(db, st);
    if (err == TRAP_OK)
        seq = (uint64_t)sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    if (err != TRAP_OK && err != TRAP_ENOENT)
        return err;
    *seq_out = seq;
    return TRAP_OK;
}

enum trap_err derived_newest(struct store_db *db, wall_t *out)
{
    int64_t us = 0;
    const enum trap_err err = db_meta_get(db, "newest_us", 0, &us);

    if (err == TRAP_OK)
        *out = (wall_t){ us };
    return err;
}

/* ---- rows, one by one or in groups of one key ---- */

struct row_walk {
    const char *sql; /* column 0: the key; ?1 and ?2: its range; ascending */
    size_t row_size;
    enum trap_err (*parse)(sqlite3_stmt *st, void *row_out);
    enum trap_err (*give)(struct prefix key, const void *rows, size_t n, const struct row_walk *w);
    union {
        evidence_fn *evidence;
        link_fn *link;
        link_row_fn *link_row;
        visitor_fn *visitor;
        pending_fn *pending;
    } fn;
    void *arg;
};
struct group {
    uint8_t *rows;
    size_t n, room;
    struct row_key key;
};

static enum trap_err add_row(struct group *g, const struct row_walk *w, sqlite3_stmt *st)
{
    if (g->n == g->room) {
        const size_t room = g->room == 0 ? 64 : g->room * 2;
        uint8_t *more = reallocarray(g->rows, room, w->row_size);

        if (more == NULL)
            return TRAP_ENOMEM;
        g->rows = more;
        g->room = room;
    }
    return w->parse(st, g->rows + g->n++ * w->row_size);
}

static enum trap_err give_group(struct group *g, const struct row_walk *w)
{
    struct prefix key;
    const size_t n = g->n;
    const enum trap_err err = n == 0 ? TRAP_OK : row_key_get(row_key_bytes(&g->key), &key);

    g->n = 0;
    return n == 0 || err != TRAP_OK ? err : w->give(key, g->rows, n, w);
}

/* One stretch inside one read transaction; it ends between two keys. *low moves behind what was given;
 * *end_out: all was. */
static enum trap_err stretch(struct store_db *db, sqlite3_stmt *st, const struct row_walk *w, struct group *g,
                             struct row_key *low, bool *end_out)
{
    struct db_walk walk;
    enum trap_err err;

    db_walk_begin(&walk);
    g->n = 0;
    while ((err = db_step(db, st)) == TRAP_OK) {
        const struct bytes key = db_column_bytes(st, 0);

        if (g->n > 0 && !bytes_eq(key, row_key_bytes(&g->key))) {
            err = give_group(g, w);
            *low = row_key_after(row_key_bytes(&g->key));
            if (err != TRAP_OK || db_walk_is_due(&walk))
                return err;
        }
        if (key.n > sizeof g->key.b)
            return TRAP_ECORRUPT;
        if (g->n == 0) {
            memcpy(g->key.b, key.p, key.n);
            g->key.n = key.n;
        }
        err = add_row(g, w, st);
        if (err != TRAP_OK)
            return err;
    }
    if (err != TRAP_ENOENT)
        return err;
    *end_out = true;
    return give_group(g, w);
}

static enum trap_err walk_rows(struct store_db *db, const struct row_walk *w, struct row_range range)
{
    struct group g = { NULL, 0, 0, { .n = 0 } };
    bool end = false;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && !end) {
        sqlite3_stmt *st = NULL;

        err = db_statement(db, w->sql, &st);
        if (err != TRAP_OK)
            break;
        {
            /* The statement's own copy of the lower end: *low moves while it runs. */
            const struct row_key low = range.low;

            db_bind_bytes(st, 1, row_key_bytes(&low));
            db_bind_bytes(st, 2, row_key_bytes(&range.high));
            err = stretch(db, st, w, &g, &range.low, &end);
            (void)sqlite3_reset(st);
        }
    }
    free(g.rows);
    return err;
}

/* ---- evidence ---- */

static uint32_t column_u32(sqlite3_stmt *st, int column)
{
    const int64_t v = sqlite3_column_int64(st, column);

    return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static wall_t column_wall(sqlite3_stmt *st, int column)
{
    return (wall_t){ sqlite3_column_int64(st, column) };
}

static enum trap_err parse_evidence(sqlite3_stmt *st, void *out)
{
    struct evidence_row *r = out;

    *r = (struct evidence_row){ .source = (uint64_t)sqlite3_column_int64(st, 1),
                                .klass = (uint8_t)sqlite3_column_int(st, 2),
                                .hour = column_u32(st, 3),
                                .node = (uint8_t)sqlite3_column_int(st, 4),
                                .count = column_u32(st, 5),
                                .first = column_wall(st, 6),
                                .last = column_wall(st, 7) };
    return row_key_get(db_column_bytes(st, 0), &r->sender);
}

static enum trap_err give_evidence(struct prefix key, const void *rows, size_t n, const struct row_walk *w)
{
    return w->fn.evidence(key, rows, n, w->arg);
}

static enum trap_err evidence_walk(struct store_db *db, const char *sql, struct row_range range,
                                   evidence_fn *fn, void *arg)
{
    const struct row_walk w = { .sql = sql,
                                .row_size = sizeof(struct evidence_row),
                                .parse = parse_evidence,
                                .give = give_evidence,
                                .fn.evidence = fn,
                                .arg = arg };

    return walk_rows(db, &w, range);
}

enum trap_err evidence_each(struct store_db *db, evidence_fn *fn, void *arg)
{
    return evidence_walk(db, sql_evidence, row_range_all(), fn, arg);
}

enum trap_err evidence_in(struct store_db *db, struct prefix p, evidence_fn *fn, void *arg)
{
    return evidence_walk(db, sql_evidence_in, row_range_of(p), fn, arg);
}

/* ---- links ---- */

static enum trap_err parse_link(sqlite3_stmt *st, void *out)
{
    struct link_row *r = out;
    enum trap_err err;

    *r = (struct link_row){ .node = (uint8_t)sqlite3_column_int(st, 2),
                            .visit = (uint64_t)sqlite3_column_int64(st, 3),
                            .slot = (uint8_t)sqlite3_column_int(st, 4),
                            .day = column_u32(st, 5),
                            .technique = (uint8_t)sqlite3_column_int(st, 6),
                            .count = column_u32(st, 7),
                            .first = column_wall(st, 8),
                            .last = column_wall(st, 9),
                            .visited = column_wall(st, 10),
                            .visit_flags = column_u32(st, 11) };
    err = row_key_get(db_column_bytes(st, 0), &r->harvester);
    return err == TRAP_OK ? row_key_get(db_column_bytes(st, 1), &r->sender) : err;
}

/* Column 0 is the key of the walk. */
static enum trap_err parse_link_by_sender(sqlite3_stmt *st, void *out)
{
    struct link_row *r = out;
    const enum trap_err err = parse_link(st, r);
    const struct prefix sender = r->harvester;

    r->harvester = r->sender;
    r->sender = sender;
    return err;
}

static enum trap_err give_links(struct prefix key, const void *rows, size_t n, const struct row_walk *w)
{
    return w->fn.link(key, rows, n, w->arg);
}

static enum trap_err give_link_rows(struct prefix key, const void *rows, size_t n, const struct row_walk *w)
{
    const struct link_row *r = rows;
    enum trap_err err = TRAP_OK;

    (void)key;
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = w->fn.link_row(&r[i], w->arg);
    return err;
}

static enum trap_err link_walk(struct store_db *db, const char *sql, struct row_range range, link_fn *fn,
                               void *arg)
{
    const struct row_walk w = { .sql = sql,
                                .row_size = sizeof(struct link_row),
                                .parse = parse_link,
                                .give = give_links,
                                .fn.link = fn,
                                .arg = arg };

    return walk_rows(db, &w, range);
}

enum trap_err link_each(struct store_db *db, link_fn *fn, void *arg)
{
    return link_walk(db, sql_link, row_range_all(), fn, arg);
}

enum trap_err link_in(struct store_db *db, struct prefix harvester, link_fn *fn, void *arg)
{
    return link_walk(db, sql_link_in, row_range_of(harvester), fn, arg);
}

enum trap_err link_by_sender(struct store_db *db, struct prefix sender, link_row_fn *fn, void *arg)
{
    const struct row_walk w = { .sql = sql_link_by_sender,
                                .row_size = sizeof(struct link_row),
                                .parse = parse_link_by_sender,
                                .give = give_link_rows,
                                .fn.link_row = fn,
                                .arg = arg };

    return walk_rows(db, &w, row_range_of(sender));
}

/* ---- visitors and networks ---- */

static enum trap_err parse_visitor(sqlite3_stmt *st, void *out)
{
    struct visitor_row *r = out;

    *r = (struct visitor_row){ .count = (uint64_t)sqlite3_column_int64(st, 1),
                               .first = column_wall(st, 2),
                               .last = column_wall(st, 3) };
    return row_key_get(db_column_bytes(st, 0), &r->client);
}

static enum trap_err give_visitor(struct prefix key, const void *rows, size_t n, const struct row_walk *w)
{
    (void)key;
    (void)n; /* the key is the whole primary key */
    return w->fn.visitor(rows, w->arg);
}

enum trap_err visitor_each(struct store_db *db, visitor_fn *fn, void *arg)
{
    const struct row_walk w = { .sql = sql_visitor,
                                .row_size = sizeof(struct visitor_row),
                                .parse = parse_visitor,
                                .give = give_visitor,
                                .fn.visitor = fn,
                                .arg = arg };

    return walk_rows(db, &w, row_range_all());
}

enum trap_err visitor_get(struct store_db *db, struct prefix client, struct visitor_row *out)
{
    const struct row_key key = row_key_of(ip_key(client.ip));
    struct visitor_row row;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_visitor, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, row_key_bytes(&key));
    db_bind_bytes(st, 2, row_key_bytes(&key));
    err = db_step(db, st);
    if (err == TRAP_OK)
        err = parse_visitor(st, &row);
    (void)sqlite3_reset(st);
    if (err == TRAP_OK)
        *out = row;
    return err;
}

enum trap_err network_first(struct store_db *db, uint64_t source, wall_t *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_network, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)source);
    err = db_step(db, st);
    if (err == TRAP_OK)
        *out = column_wall(st, 0);
    (void)sqlite3_reset(st);
    return err;
}

/* ---- pending ---- */

static enum trap_err parse_pending(sqlite3_stmt *st, void *out)
{
    struct pending_row *r = out;
    enum trap_err err;

    *r = (struct pending_row){ .hit_node = (uint8_t)sqlite3_column_int(st, 1),
                               .hit = (uint64_t)sqlite3_column_int64(st, 2),
                               .n = column_u32(st, 3),
                               .at = column_wall(st, 4),
                               .node = (uint8_t)sqlite3_column_int(st, 5),
                               .epoch = column_u32(st, 6),
                               .serial = column_u32(st, 7),
                               .slot = (uint8_t)sqlite3_column_int(st, 8),
                               .klass = (uint8_t)sqlite3_column_int(st, 10) };
    err = row_key_get(db_column_bytes(st, 0), &r->sender);
    return err == TRAP_OK ? db_column_ip(st, 9, &r->sender_ip) : err;
}

static enum trap_err give_pending(struct prefix key, const void *rows, size_t n, const struct row_walk *w)
{
    const struct pending_row *r = rows;
    enum trap_err err = TRAP_OK;

    (void)key;
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = w->fn.pending(&r[i], w->arg);
    return err;
}

enum trap_err pending_by_sender(struct store_db *db, struct prefix sender, pending_fn *fn, void *arg)
{
    const struct row_walk w = { .sql = sql_pending_by_sender,
                                .row_size = sizeof(struct pending_row),
                                .parse = parse_pending,
                                .give = give_pending,
                                .fn.pending = fn,
                                .arg = arg };

    return walk_rows(db, &w, row_range_of(sender));
}

/* One stretch of pending_each: *last moves to what was given. */
static enum trap_err pending_stretch(struct store_db *db, struct pending_row *last, pending_fn *fn, void *arg,
                                     bool *end_out)
{
    struct db_walk walk;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_pending, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, last->hit_node);
    db_bind_int(st, 2, (int64_t)last->hit);
    db_bind_int(st, 3, last->n);
    db_walk_begin(&walk);
    do {
        struct pending_row row;

        err = db_step(db, st);
        if (err == TRAP_ENOENT) {
            *end_out = true;
            err = TRAP_OK;
            break;
        }
        if (err == TRAP_OK)
            err = parse_pending(st, &row);
        if (err == TRAP_OK)
            err = fn(&row, arg);
        if (err == TRAP_OK)
            *last = row;
    } while (err == TRAP_OK && !db_walk_is_due(&walk));
    (void)sqlite3_reset(st);
    return err;
}

enum trap_err pending_each(struct store_db *db, pending_fn *fn, void *arg)
{
    struct pending_row last = { .hit = 0 }; /* sequences count from 1 */
    bool end = false;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && !end)
        err = pending_stretch(db, &last, fn, arg, &end);
    return err;
}
