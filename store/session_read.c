/* Readers of session records, with their attempts to log in, and of counter rows. */
#include "hit_parts.h"
#include "seqlist.h"

#include <store/hit_log.h>

#include <stdlib.h>

#define SESSION_COLUMNS                                                                                  \
    "seq, at_us, session, client, local, local_port, duration_ms, helo, flags, commands, errors, hits, " \
    "refused_unknown, refused_relay, refused_limit, auth_attempts, attempt_class, attempt_address, "     \
    "first_command_ms, helo_class, tls_version, tls_cipher, ja4, sni FROM session "

static const char sql_each[] = "SELECT " SESSION_COLUMNS "WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_get[] = "SELECT " SESSION_COLUMNS "WHERE seq = ?1";
static const char sql_last[] = "SELECT max(seq) FROM session";
static const char sql_by_client[] =
    "SELECT seq FROM session INDEXED BY session_by_client WHERE seq >> 12 = ?1 "
    "AND client BETWEEN ?3 AND ?4 AND ?5 IN (0, length(client)) ORDER BY seq DESC LIMIT ?2";
static const char sql_auths[] =
    "SELECT mechanism, user, secret FROM auth WHERE session_seq = ?1 ORDER BY n LIMIT ?2";
static const char sql_counters[] =
    "SELECT sender, hour, count, first_us, last_us FROM counter "
    "WHERE sender BETWEEN ?1 AND ?2 AND ?3 IN (0, length(sender)) ORDER BY hour DESC, sender LIMIT ?4";
static const char sql_all_counters[] =
    "SELECT sender, hour, count, first_us, last_us FROM counter WHERE (sender, hour) > (?1, ?2) "
    "ORDER BY sender, hour";
static const char sql_counter_rows[] = "SELECT count(*) FROM counter";
static const char sql_counter_sum[] = "SELECT total(count) FROM counter";

/* ---- attempts to log in ---- */

struct auths {
    struct auth_attempt v[AUTH_KEPT_MAX];
    size_t n;
    struct buf text;
};

/* Their text is copied: a column lives only until the next step. */
static enum trap_err read_auths(struct store_db *db, uint64_t seq, struct auths *a)
{
    sqlite3_stmt *st = NULL;
    size_t at = 0;
    enum trap_err err = db_statement(db, sql_auths, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    db_bind_int(st, 2, AUTH_KEPT_MAX);
    while ((err = db_step(db, st)) == TRAP_OK) {
        struct auth_attempt *one = &a->v[a->n++];
        const struct bytes mechanism = db_column_bytes(st, 0), user = db_column_bytes(st, 1);
        const struct bytes secret = db_column_bytes(st, 2);

        *one = (struct auth_attempt){ .mechanism.n = mechanism.n, .user.n = user.n };
        if (secret.n == sizeof one->secret)
            memcpy(one->secret, secret.p, secret.n);
        buf_add(&a->text, mechanism);
        buf_add(&a->text, user);
    }
    (void)sqlite3_reset(st);
    if (err != TRAP_ENOENT)
        return err;
    if (a->text.err != TRAP_OK)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < a->n; i++) {
        a->v[i].mechanism.p = a->text.p + at;
        at += a->v[i].mechanism.n;
        a->v[i].user.p = a->text.p + at;
        at += a->v[i].user.n;
    }
    return TRAP_OK;
}

/* ---- records ---- */

struct walk {
    session_fn *fn;
    void *arg;
};

static enum trap_err give_with_auths(struct store_db *db, struct session_record *s, const struct walk *w)
{
    struct auths auths = { .n = 0 };
    enum trap_err err = TRAP_OK;

    buf_init(&auths.text, (size_t)AUTH_KEPT_MAX * (AUTH_MECHANISM_MAX + AUTH_USER_MAX));
    if (s->auth_attempts > 0)
        err = read_auths(db, s->seq, &auths);
    s->auths = auths.v;
    s->auth_count = auths.n;
    if (err == TRAP_OK)
        err = w->fn(s, w->arg);
    buf_free(&auths.text);
    return err;
}

static enum trap_err give(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    struct session_record s = {
        .seq = (uint64_t)sqlite3_column_int64(st, 0),
        .at = { sqlite3_column_int64(st, 1) },
        .session = (uint64_t)sqlite3_column_int64(st, 2),
        .local_port = (uint16_t)sqlite3_column_int(st, 5),
        .duration_ms = (uint32_t)sqlite3_column_int64(st, 6),
        .helo = db_column_bytes(st, 7),
        .flags = (uint32_t)sqlite3_column_int64(st, 8),
        .commands = (uint32_t)sqlite3_column_int64(st, 9),
        .errors = (uint32_t)sqlite3_column_int64(st, 10),
        .hits = (uint32_t)sqlite3_column_int64(st, 11),
        .refused_unknown = (uint32_t)sqlite3_column_int64(st, 12),
        .refused_relay = (uint32_t)sqlite3_column_int64(st, 13),
        .refused_limit = (uint32_t)sqlite3_column_int64(st, 14),
        .auth_attempts = (uint32_t)sqlite3_column_int64(st, 15),
        .attempt_class = (uint8_t)sqlite3_column_int(st, 16),
        .attempt_address = db_column_bytes(st, 17),
        .first_command_ms = hit_column_ms(st, 18),
        .helo_class = (uint8_t)sqlite3_column_int(st, 19),
        .tls_version = (uint16_t)sqlite3_column_int(st, 20),
        .tls_cipher = db_column_bytes(st, 21),
        .ja4 = db_column_bytes(st, 22),
        .sni = db_column_bytes(st, 23),
    };
    enum trap_err err = db_column_ip(st, 3, &s.client);

    if (err == TRAP_OK)
        err = db_column_ip(st, 4, &s.local);
    return err == TRAP_OK ? give_with_auths(db, &s, arg) : err;
}

enum trap_err session_bounds(struct store_db *db, uint64_t *last_out, uint64_t *erased_out)
{
    return db_bounds(db, sql_last, &db_log_session, last_out, erased_out);
}

enum trap_err session_each(struct store_db *db, uint64_t after, uint32_t limit, session_fn *fn, void *arg,
                           uint64_t *last_out)
{
    struct walk w = { fn, arg };
    const enum trap_err err = db_each(db, sql_each, &after, limit, give, &w);

    if (err == TRAP_OK)
        *last_out = after;
    return err;
}

/* ---- by client ---- */

/* Those of the list that are still there. */
static enum trap_err give_list(struct store_db *db, struct seqlist *list, struct walk *w)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < list->n && err == TRAP_OK; i++) {
        sqlite3_stmt *st = NULL;

        err = db_statement(db, sql_get, &st);
        if (err != TRAP_OK)
            break;
        db_bind_int(st, 1, (int64_t)list->v[i]);
        err = db_step(db, st);
        if (err == TRAP_OK)
            err = give(db, st, w);
        else if (err == TRAP_ENOENT)
            err = TRAP_OK;
        (void)sqlite3_reset(st);
    }
    free(list->v);
    return err;
}

enum trap_err session_by_client(struct store_db *db, struct prefix p, uint32_t limit, session_fn *fn,
                                void *arg)
{
    const struct db_range range = db_range_of(p);
    struct seqlist_query query = { .sql = sql_by_client, .bind = seqlist_bind_range, .arg = &range };
    struct walk w = { fn, arg };
    struct seqlist list = { NULL, 0 };
    enum trap_err err = session_bounds(db, &query.last, &query.erased);

    limit = limit < DB_READ_ROWS_MAX ? limit : DB_READ_ROWS_MAX;
    if (err == TRAP_OK)
        err = stretch_set_of_range(db, FILTER_SESSION_CLIENT, &range, &query.maybe);
    if (err == TRAP_OK)
        err = seqlist_newest(db, &query, limit, &list);
    stretch_set_free(&query.maybe);
    return err == TRAP_OK ? give_list(db, &list, &w) : err;
}

/* ---- counter rows ---- */

/* Keys are 4 or 8 bytes: of an IPv6 address the first half. */
static struct db_range key_range(struct prefix p)
{
    struct db_range r = db_range_of(p);

    if (r.length == 16)
        r.low_n = r.high_n = r.length = 8;
    return r;
}

static enum trap_err counter_of_row(sqlite3_stmt *st, struct counter_row *c)
{
    *c = (struct counter_row){ .hour = (uint32_t)sqlite3_column_int64(st, 1),
                               .count = (uint64_t)sqlite3_column_int64(st, 2),
                               .first = { sqlite3_column_int64(st, 3) },
                               .last = { sqlite3_column_int64(st, 4) } };
    return ip_key_get(db_column_bytes(st, 0), &c->sender) == TRAP_OK ? TRAP_OK : TRAP_ECORRUPT;
}

enum trap_err counter_by_sender(struct store_db *db, struct prefix p, uint32_t limit, counter_fn *fn,
                                void *arg)
{
    const struct db_range range = key_range(p);
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_counters, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_range(st, 1, &range);
    db_bind_int(st, 4, limit < DB_READ_ROWS_MAX ? limit : DB_READ_ROWS_MAX);
    for (;;) {
        struct counter_row c;

        err = db_step(db, st);
        if (err != TRAP_OK)
            break;
        err = counter_of_row(st, &c);
        if (err == TRAP_OK)
            err = fn(&c, arg);
        if (err != TRAP_OK) {
            (void)sqlite3_reset(st);
            return err;
        }
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

struct walk_counters {
    counter_fn *fn;
    void *arg;
};

/* One stretch behind *last; TRAP_ENOENT: there are no more. */
static enum trap_err counter_stretch(struct store_db *db, struct counter_row *last, struct walk_counters *w)
{
    struct db_walk walk;
    uint8_t key[16];
    const size_t n = last->count == 0 ? 0 : ip_key_put(last->sender, key);
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_all_counters, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, bytes_of(key, n));
    db_bind_int(st, 2, last->hour);
    db_walk_begin(&walk);
    do {
        err = db_step(db, st);
        if (err == TRAP_OK)
            err = counter_of_row(st, last);
        if (err == TRAP_OK)
            err = w->fn(last, w->arg);
    } while (err == TRAP_OK && !db_walk_is_due(&walk));
    (void)sqlite3_reset(st);
    return err;
}

enum trap_err counter_each(struct store_db *db, counter_fn *fn, void *arg)
{
    struct walk_counters w = { fn, arg };
    struct counter_row last = { .count = 0 };
    enum trap_err err;

    do
        err = counter_stretch(db, &last, &w);
    while (err == TRAP_OK);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err counter_total(struct store_db *db, uint64_t *rows_out, uint64_t *messages_out)
{
    int64_t rows = 0, messages = 0;
    enum trap_err err = db_int(db, sql_counter_rows, &rows);

    if (err == TRAP_OK)
        err = db_int(db, sql_counter_sum, &messages);
    if (err != TRAP_OK)
        return err;
    *rows_out = (uint64_t)rows;
    *messages_out = (uint64_t)messages;
    return TRAP_OK;
}
