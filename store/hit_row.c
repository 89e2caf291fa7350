/* Rows of hits.db, as they go in: by its writer, and by an import. */
#include "hit_row.h"

#include "hit_key.h"

enum { HELO_MAX = 255, PATH_MAX_BYTES = 320, CIPHER_MAX = 63, JA4_MAX = 36, SNI_MAX = 255 };

static const char sql_hit[] =
    "INSERT INTO hit (seq, at_us, session, sender, local, local_port, helo, reverse_path, flags, size, "
    "digest, rcpt_count, "
    "class, address, address_key, first_command_ms, dsn, rcpt_dsn) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
static const char sql_rcpt[] =
    "INSERT INTO hit_rcpt (hit, n, class, address, address_key, dsn) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char sql_session[] =
    "INSERT INTO session (seq, at_us, session, client, local, local_port, duration_ms, helo, flags, "
    "commands, errors, hits, "
    "refused_unknown, refused_relay, refused_limit, auth_attempts, attempt_class, helo_class, tls_version, "
    "attempt_address, first_command_ms, tls_cipher, ja4, sni) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, "
    "?22, ?23, ?24)";
static const char sql_auth[] =
    "INSERT INTO auth (session_seq, n, mechanism, user, secret) VALUES (?1, ?2, ?3, ?4, ?5)";
static const char sql_counter[] =
    "INSERT INTO counter (sender, hour, count, first_us, last_us) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (sender, hour) DO UPDATE SET count = count + excluded.count, "
    "first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)";

/* NULL stands for "not known". */
static void bind_first_command(sqlite3_stmt *st, int index, uint32_t ms)
{
    if (ms == UINT32_MAX)
        TRAP_BUG_ON(sqlite3_bind_null(st, index) != SQLITE_OK);
    else
        db_bind_int(st, index, ms);
}

/* ---- hits ---- */

static bool is_cut(const struct hit *h)
{
    bool cut = h->helo.n > HELO_MAX || h->reverse_path.n > PATH_MAX_BYTES || h->dsn.n > DSN_MAX;

    for (size_t i = 0; i < h->rcpt_count && !cut; i++)
        cut = h->rcpts[i].address.n > PATH_MAX_BYTES || h->rcpts[i].dsn.n > DSN_MAX;
    return cut;
}

static enum trap_err insert_rcpts(struct store_db *db, uint64_t seq, const struct hit *h)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = TRAP_OK;

    for (size_t i = 1; i < h->rcpt_count && err == TRAP_OK; i++) {
        const struct bytes address = bytes_take(h->rcpts[i].address, PATH_MAX_BYTES);

        err = db_statement(db, sql_rcpt, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, (int64_t)seq);
        db_bind_int(st, 2, (int64_t)i);
        db_bind_int(st, 3, h->rcpts[i].klass);
        db_bind_bytes(st, 4, address);
        db_bind_int(st, 5, hit_address_key(address));
        db_bind_bytes(st, 6, bytes_take(h->rcpts[i].dsn, DSN_MAX));
        err = db_run(db, st);
    }
    return err;
}

enum trap_err hit_row_insert(struct store_db *db, uint64_t seq, const struct hit *h)
{
    struct bytes address;
    sqlite3_stmt *st = NULL;
    enum trap_err err = h->rcpt_count == 0 ? TRAP_EINVAL /* a hit without a trap is none */
                                           : db_statement(db, sql_hit, &st);

    if (err != TRAP_OK)
        return err;
    address = bytes_take(h->rcpts[0].address, PATH_MAX_BYTES);
    db_bind_int(st, 1, (int64_t)seq);
    db_bind_int(st, 2, h->at.us);
    db_bind_int(st, 3, (int64_t)h->session);
    db_bind_ip(st, 4, h->sender);
    db_bind_ip(st, 5, h->local);
    db_bind_int(st, 6, h->local_port);
    db_bind_bytes(st, 7, bytes_take(h->helo, HELO_MAX));
    db_bind_bytes(st, 8, bytes_take(h->reverse_path, PATH_MAX_BYTES));
    db_bind_int(st, 9, h->flags | (is_cut(h) ? (uint32_t)HIT_CUT : 0));
    db_bind_int(st, 10, (int64_t)h->size);
    db_bind_int(st, 11, (int64_t)h->digest);
    db_bind_int(st, 12, (int64_t)h->rcpt_count);
    db_bind_int(st, 13, h->rcpts[0].klass);
    db_bind_bytes(st, 14, address);
    db_bind_int(st, 15, hit_address_key(address));
    bind_first_command(st, 16, h->first_command_ms);
    db_bind_bytes(st, 17, bytes_take(h->dsn, DSN_MAX));
    db_bind_bytes(st, 18, bytes_take(h->rcpts[0].dsn, DSN_MAX));
    err = db_run(db, st);
    return err == TRAP_OK ? insert_rcpts(db, seq, h) : err;
}

/* ---- session records ---- */

static enum trap_err insert_auths(struct store_db *db, uint64_t seq, const struct session_record *s)
{
    static const uint8_t none[AUTH_SECRET_BYTES];
    sqlite3_stmt *st = NULL;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < s->auth_count && i < AUTH_KEPT_MAX && err == TRAP_OK; i++) {
        const struct auth_attempt *a = &s->auths[i];
        const bool given = memcmp(a->secret, none, sizeof none) != 0;

        err = db_statement(db, sql_auth, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, (int64_t)seq);
        db_bind_int(st, 2, (int64_t)i);
        db_bind_bytes(st, 3, bytes_take(a->mechanism, AUTH_MECHANISM_MAX));
        db_bind_bytes(st, 4, bytes_take(a->user, AUTH_USER_MAX));
        db_bind_bytes(st, 5, bytes_of(a->secret, given ? sizeof a->secret : 0));
        err = db_run(db, st);
    }
    return err;
}

enum trap_err session_row_insert(struct store_db *db, uint64_t seq, const struct session_record *s)
{
    const int64_t counts[] = { s->commands,      s->errors,        s->hits,          s->refused_unknown,
                               s->refused_relay, s->refused_limit, s->auth_attempts, s->attempt_class,
                               s->helo_class,    s->tls_version };
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(db, sql_session, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    db_bind_int(st, 2, s->at.us);
    db_bind_int(st, 3, (int64_t)s->session);
    db_bind_ip(st, 4, s->client);
    db_bind_ip(st, 5, s->local);
    db_bind_int(st, 6, s->local_port);
    db_bind_int(st, 7, s->duration_ms);
    db_bind_bytes(st, 8, bytes_take(s->helo, HELO_MAX));
    db_bind_int(st, 9, s->flags);
    for (int i = 0; i < (int)(sizeof counts / sizeof counts[0]); i++)
        db_bind_int(st, 10 + i, counts[i]);
    db_bind_bytes(st, 20, bytes_take(s->attempt_address, PATH_MAX_BYTES));
    bind_first_command(st, 21, s->first_command_ms);
    db_bind_bytes(st, 22, bytes_take(s->tls_cipher, CIPHER_MAX));
    db_bind_bytes(st, 23, bytes_take(s->ja4, JA4_MAX));
    db_bind_bytes(st, 24, bytes_take(s->sni, SNI_MAX));
    err = db_run(db, st);
    return err == TRAP_OK ? insert_auths(db, seq, s) : err;
}

/* ---- counter rows ---- */

enum trap_err counter_row_add(struct store_db *db, const struct counter_row *c)
{
    uint8_t blob[16];
    const size_t n = ip_key_put(c->sender, blob);
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_counter, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, bytes_of(blob, n));
    db_bind_int(st, 2, c->hour);
    db_bind_int(st, 3, (int64_t)c->count);
    db_bind_int(st, 4, c->first.us);
    db_bind_int(st, 5, c->last.us);
    return db_run(db, st);
}
