#include "seqlist.h"

#include <store/published.h>

#include <stdlib.h>

enum { PREFIX_BLOB = 17 };
struct place { /* behind which a walk goes on; n = 0: at the beginning */
    uint8_t b[PREFIX_BLOB];
    size_t n;
};

static const char sql_last[] =
    "SELECT serial, as_of_us, at_us, entries FROM published ORDER BY serial DESC LIMIT 1";
static const char sql_set[] =
    "INSERT INTO published (serial, as_of_us, at_us, policy_digest, manifest_digest, entries) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char sql_zone_find[] = "SELECT id FROM zone WHERE name = ?1";
static const char sql_zone_add[] = "INSERT INTO zone (name) VALUES (?1)";
static const char sql_change[] =
    "INSERT INTO change (serial, zone, prefix, kind, reason, until_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char sql_member_add[] =
    "INSERT OR REPLACE INTO member (zone, prefix, change) VALUES (?1, ?2, ?3)";
static const char sql_member_remove[] = "DELETE FROM member WHERE zone = ?1 AND prefix = ?2";
#define CHANGE_COLUMNS "c.serial, z.name, c.prefix, c.kind, c.reason, c.until_us "
static const char sql_members[] =
    "SELECT " CHANGE_COLUMNS "FROM member m JOIN change c ON c.id = m.change "
    "JOIN zone z ON z.id = m.zone WHERE m.zone = ?1 AND m.prefix > ?2 ORDER BY m.prefix";
static const char sql_get[] =
    "SELECT " CHANGE_COLUMNS "FROM change c JOIN zone z ON z.id = c.zone WHERE c.id = ?1";
static const char sql_inside[] =
    "SELECT id FROM change WHERE prefix BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3";
static const char sql_exact[] = "SELECT id FROM change WHERE prefix = ?1 ORDER BY id DESC LIMIT ?2";

static const char sql_saved[] = "SELECT count(*) FROM change WHERE kind = 3";
_Static_assert(PUBLISHED_SAVED == 3, "the statement names it by number");

/* ---- rows ---- */

static void prefix_put(struct prefix p, uint8_t out[PREFIX_BLOB])
{
    memcpy(out, p.ip.b, 16);
    out[16] = p.len;
}

static enum trap_err parse(sqlite3_stmt *st, struct published_change *c)
{
    const struct bytes blob = db_column_bytes(st, 2);

    if (blob.n != PREFIX_BLOB || blob.p[16] > 128)
        return TRAP_ECORRUPT;
    *c = (struct published_change){ .serial = (uint32_t)sqlite3_column_int64(st, 0),
                                    .zone = db_column_bytes(st, 1),
                                    .kind = (uint8_t)sqlite3_column_int(st, 3),
                                    .reason = db_column_bytes(st, 4),
                                    .until = { sqlite3_column_int64(st, 5) } };
    memcpy(c->prefix.ip.b, blob.p, 16);
    c->prefix.len = blob.p[16];
    return TRAP_OK;
}

/* ---- appending ---- */

static enum trap_err zone_id(struct store_db *db, struct bytes name, bool make, int64_t *out)
{
    const char *const sql[2] = { sql_zone_find, sql_zone_add };
    enum trap_err err = TRAP_ENOENT;

    for (unsigned i = 0; i < (make ? 2u : 1u); i++) {
        sqlite3_stmt *st = NULL;

        err = db_statement(db, sql[i], &st);
        if (err != TRAP_OK)
            return err;
        db_bind_bytes(st, 1, name);
        err = db_step(db, st);
        if (err == TRAP_OK)
            *out = sqlite3_column_int64(st, 0);
        (void)sqlite3_reset(st);
        if (i == 1 && err == TRAP_ENOENT) {
            *out = sqlite3_last_insert_rowid(db->sq);
            err = TRAP_OK;
        }
        if (err != TRAP_ENOENT)
            break;
    }
    return err;
}

static enum trap_err put_set(struct store_db *db, const struct published_set *set)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_set, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, set->serial);
    db_bind_int(st, 2, set->as_of.us);
    db_bind_int(st, 3, set->at.us);
    db_bind_bytes(st, 4, set->policy_digest);
    db_bind_bytes(st, 5, set->manifest_digest);
    db_bind_int(st, 6, (int64_t)set->entries);
    return db_run(db, st);
}

static enum trap_err put_member(struct store_db *db, int64_t zone, const uint8_t blob[PREFIX_BLOB],
                                uint8_t kind)
{
    const int64_t change = sqlite3_last_insert_rowid(db->sq);
    sqlite3_stmt *st = NULL;
    enum trap_err err;

    if (kind == PUBLISHED_SAVED)
        return TRAP_OK; /* it never was on the zone */
    err = db_statement(db, kind == PUBLISHED_ADDED ? sql_member_add : sql_member_remove, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, zone);
    db_bind_bytes(st, 2, bytes_of(blob, PREFIX_BLOB));
    if (kind == PUBLISHED_ADDED)
        db_bind_int(st, 3, change);
    return db_run(db, st);
}

static enum trap_err put_change(struct store_db *db, const struct published_change *c, uint32_t serial)
{
    uint8_t blob[PREFIX_BLOB];
    int64_t zone = 0;
    sqlite3_stmt *st = NULL;
    enum trap_err err = zone_id(db, c->zone, true, &zone);

    if (err == TRAP_OK)
        err = db_statement(db, sql_change, &st);
    if (err != TRAP_OK)
        return err;
    prefix_put(c->prefix, blob);
    db_bind_int(st, 1, serial);
    db_bind_int(st, 2, zone);
    db_bind_bytes(st, 3, bytes_of(blob, sizeof blob));
    db_bind_int(st, 4, c->kind);
    db_bind_bytes(st, 5, c->reason);
    db_bind_int(st, 6, c->until.us);
    err = db_run(db, st);
    return err == TRAP_OK ? put_member(db, zone, blob, c->kind) : err;
}

static enum trap_err put_all(struct store_db *db, const struct published_set *set,
                             const struct published_change *changes, size_t n, struct err_text *why)
{
    struct published_set last = { 0 };
    enum trap_err err = published_last(db, &last);

    if (err == TRAP_OK && set->serial <= last.serial) {
        err_text_set(why, "%s: serial %u is not above the last one, %u", db->path, set->serial, last.serial);
        return TRAP_EINVAL;
    }
    if (err == TRAP_OK || err == TRAP_ENOENT)
        err = put_set(db, set);
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = put_change(db, &changes[i], set->serial);
    if (err == TRAP_OK)
        err = db_exec(db, "COMMIT");
    if (err != TRAP_OK)
        err_text_set(why, "%s: %s", db->path, db_error_text(db));
    return err;
}

enum trap_err published_append(struct store_db *db, const struct published_set *set,
                               const struct published_change *changes, size_t n, struct err_text *why)
{
    enum trap_err err = db_exec(db, "BEGIN IMMEDIATE");

    if (err != TRAP_OK) {
        err_text_set(why, "%s: %s", db->path, db_error_text(db));
        return err;
    }
    err = put_all(db, set, changes, n, why);
    if (err != TRAP_OK && sqlite3_get_autocommit(db->sq) == 0)
        (void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* ---- reading ---- */

enum trap_err published_last(struct store_db *db, struct published_set *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_last, &st);

    if (err != TRAP_OK)
        return err;
    err = db_step(db, st);
    if (err == TRAP_OK)
        *out = (struct published_set){ .serial = (uint32_t)sqlite3_column_int64(st, 0),
                                       .as_of = { sqlite3_column_int64(st, 1) },
                                       .at = { sqlite3_column_int64(st, 2) },
                                       .entries = (uint64_t)sqlite3_column_int64(st, 3) };
    (void)sqlite3_reset(st);
    return err;
}

/* One stretch inside one read transaction: *last moves to what was given. */
static enum trap_err members_stretch(struct store_db *db, int64_t zone, struct place *last, published_fn *fn,
                                     void *arg, bool *end_out)
{
    const struct place from = *last; /* the statement's own */
    struct db_walk walk;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_members, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, zone);
    db_bind_bytes(st, 2, bytes_of(from.b, from.n));
    db_walk_begin(&walk);
    do {
        struct published_change c;

        err = db_step(db, st);
        if (err == TRAP_ENOENT) {
            *end_out = true;
            err = TRAP_OK;
            break;
        }
        if (err == TRAP_OK)
            err = parse(st, &c);
        if (err == TRAP_OK)
            err = fn(&c, arg);
        if (err == TRAP_OK) {
            prefix_put(c.prefix, last->b);
            last->n = PREFIX_BLOB;
        }
    } while (err == TRAP_OK && !db_walk_is_due(&walk));
    (void)sqlite3_reset(st);
    return err;
}

enum trap_err published_members(struct store_db *db, struct bytes zone, published_fn *fn, void *arg)
{
    struct place last = { { 0 }, 0 };
    int64_t id = 0;
    bool end = false;
    enum trap_err err = zone_id(db, zone, false, &id);

    if (err == TRAP_ENOENT)
        return TRAP_OK; /* nothing was ever on it */
    while (err == TRAP_OK && !end)
        err = members_stretch(db, id, &last, fn, arg, &end);
    return err;
}

static int newest_first(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

static enum trap_err append_list(struct seqlist *all, const struct seqlist *more)
{
    uint64_t *v;

    if (more->n == 0)
        return TRAP_OK;
    v = reallocarray(all->v, all->n + more->n, sizeof *v);
    if (v == NULL)
        return TRAP_ENOMEM;
    memcpy(v + all->n, more->v, more->n * sizeof *v);
    all->v = v;
    all->n += more->n;
    return TRAP_OK;
}

/* Changes of prefixes inside p (p itself among them), then of each that covers p. */
static enum trap_err ids_of(struct store_db *db, struct prefix p, uint32_t limit, struct seqlist *all)
{
    uint8_t low[PREFIX_BLOB], high[PREFIX_BLOB];
    enum trap_err err = TRAP_OK;

    for (int len = p.len; len >= 0 && err == TRAP_OK; len--) {
        const bool inside = len == p.len;
        struct seqlist some = { NULL, 0 };
        sqlite3_stmt *st = NULL;

        err = db_statement(db, inside ? sql_inside : sql_exact, &st);
        if (err != TRAP_OK)
            return err;
        prefix_put(prefix_of(p.ip, (uint8_t)len), low);
        db_bind_bytes(st, 1, bytes_of(low, PREFIX_BLOB));
        if (inside) {
            prefix_put(p, high);
            for (unsigned bit = p.len; bit < 128; bit++)
                high[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
            high[16] = 128;
            db_bind_bytes(st, 2, bytes_of(high, PREFIX_BLOB));
        }
        db_bind_int(st, inside ? 3 : 2, limit);
        err = seqlist_read(db, st, limit, &some);
        if (err == TRAP_OK)
            err = append_list(all, &some);
        free(some.v);
    }
    return err;
}

enum trap_err published_history(struct store_db *db, struct prefix p, uint32_t limit, published_fn *fn,
                                void *arg)
{
    struct seqlist all = { NULL, 0 };
    enum trap_err err;

    limit = limit < DB_READ_ROWS_MAX ? limit : DB_READ_ROWS_MAX;
    err = ids_of(db, p, limit, &all);
    if (all.n > 1)
        qsort(all.v, all.n, sizeof *all.v, newest_first);
    for (size_t i = 0; i < all.n && i < limit && err == TRAP_OK; i++) {
        struct published_change c;
        sqlite3_stmt *st = NULL;

        err = db_statement(db, sql_get, &st);
        if (err != TRAP_OK)
            break;
        db_bind_int(st, 1, (int64_t)all.v[i]);
        err = db_step(db, st);
        if (err == TRAP_OK)
            err = parse(st, &c);
        else if (err == TRAP_ENOENT)
            err = TRAP_ECORRUPT; /* rows are never removed */
        if (err == TRAP_OK)
            err = fn(&c, arg);
        (void)sqlite3_reset(st);
    }
    free(all.v);
    return err;
}

enum trap_err published_saved(struct store_db *db, uint64_t *out)
{
    int64_t n = 0;
    const enum trap_err err = db_int(db, sql_saved, &n);

    if (err == TRAP_OK)
        *out = (uint64_t)n;
    return err;
}
