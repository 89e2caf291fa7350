/* Writer of hits.db. Runs on the commit thread but for open, submit and close. */
#include "db.h"
#include "hit_key.h"
#include "sample_log.h"

#include <store/hit_log.h>

#include <stdlib.h>

enum { HELO_MAX = 255, GATHER_US = 2000, PATH_MAX_BYTES = 320, CIPHER_MAX = 63, JA4_MAX = 36, SNI_MAX = 255 };

struct hit_log {
    struct store_db *db;
    struct commit *commit;
    struct sample_log *samples;
    void (*batch_done)(void *);
    void *batch_arg;
    bool loaded; /* the two below are what the file says */
    uint64_t next_hit, next_session;
    struct {
        struct sample_job *job;
        uint64_t seq;
    } * copies; /* of the present batch: batch_max places */
    size_t copy_count, copy_max;
};

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
    "INSERT INTO counter (sender, hour, count, first_us, last_us) VALUES (?1, ?2, ?3, ?4, ?4) "
    "ON CONFLICT (sender, hour) DO UPDATE SET count = count + excluded.count, "
    "first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us)";

/* ---- what the file says ---- */

static enum trap_err load(struct hit_log *l)
{
    uint64_t last_hit = 0, last_session = 0, erased = 0;
    enum trap_err err = hit_bounds(l->db, &last_hit, &erased);

    if (err == TRAP_OK)
        err = session_bounds(l->db, &last_session, &erased);
    if (err != TRAP_OK)
        return err;
    l->next_hit = last_hit + 1;
    l->next_session = last_session + 1;
    l->loaded = true;
    return TRAP_OK;
}

static void forget(void *log)
{
    struct hit_log *l = log;

    l->loaded = false;
    while (l->copy_count > 0)
        sample_drop(l->samples, l->copies[--l->copy_count].job);
}

/* After done() of each: the samples of what is durable now go their own way. */
static void on_batch_done(void *log)
{
    struct hit_log *l = log;

    if (l->batch_done != NULL)
        l->batch_done(l->batch_arg);
    for (size_t i = 0; i < l->copy_count; i++)
        sample_offer(l->samples, l->copies[i].job, l->copies[i].seq);
    l->copy_count = 0;
}

/* NULL stands for "not known". */
static void bind_first_command(sqlite3_stmt *st, int index, uint32_t ms)
{
    if (ms == UINT32_MAX)
        TRAP_BUG_ON(sqlite3_bind_null(st, index) != SQLITE_OK);
    else
        db_bind_int(st, index, ms);
}

/* ---- hits ---- */

static enum trap_err insert_rcpts(struct hit_log *l, const struct hit *h)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = TRAP_OK;

    for (size_t i = 1; i < h->rcpt_count && err == TRAP_OK; i++) {
        const struct bytes address = bytes_take(h->rcpts[i].address, PATH_MAX_BYTES);

        err = db_statement(l->db, sql_rcpt, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, (int64_t)l->next_hit);
        db_bind_int(st, 2, (int64_t)i);
        db_bind_int(st, 3, h->rcpts[i].klass);
        db_bind_bytes(st, 4, address);
        db_bind_int(st, 5, hit_address_key(address));
        db_bind_bytes(st, 6, bytes_take(h->rcpts[i].dsn, DSN_MAX));
        err = db_run(l->db, st);
    }
    return err;
}

static enum trap_err insert_hit(struct hit_log *l, const struct hit *h, uint32_t flags)
{
    const struct bytes address = bytes_take(h->rcpts[0].address, PATH_MAX_BYTES);
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(l->db, sql_hit, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)l->next_hit);
    db_bind_int(st, 2, h->at.us);
    db_bind_int(st, 3, (int64_t)h->session);
    db_bind_ip(st, 4, h->sender);
    db_bind_ip(st, 5, h->local);
    db_bind_int(st, 6, h->local_port);
    db_bind_bytes(st, 7, bytes_take(h->helo, HELO_MAX));
    db_bind_bytes(st, 8, bytes_take(h->reverse_path, PATH_MAX_BYTES));
    db_bind_int(st, 9, flags);
    db_bind_int(st, 10, (int64_t)h->size);
    db_bind_int(st, 11, (int64_t)h->digest);
    db_bind_int(st, 12, (int64_t)h->rcpt_count);
    db_bind_int(st, 13, h->rcpts[0].klass);
    db_bind_bytes(st, 14, address);
    db_bind_int(st, 15, hit_address_key(address));
    bind_first_command(st, 16, h->first_command_ms);
    db_bind_bytes(st, 17, bytes_take(h->dsn, DSN_MAX));
    db_bind_bytes(st, 18, bytes_take(h->rcpts[0].dsn, DSN_MAX));
    err = db_run(l->db, st);
    return err == TRAP_OK ? insert_rcpts(l, h) : err;
}

static void copy_sample(struct hit_log *l, const struct hit *h)
{
    struct sample_job *job;

    if (l->copy_count == l->copy_max)
        return;
    job = sample_copy(l->samples, h);
    if (job == NULL)
        return;
    l->copies[l->copy_count].job = job;
    l->copies[l->copy_count++].seq = l->next_hit;
}

static bool is_cut(const struct hit *h)
{
    bool cut = h->helo.n > HELO_MAX || h->reverse_path.n > PATH_MAX_BYTES || h->dsn.n > DSN_MAX;

    for (size_t i = 0; i < h->rcpt_count && !cut; i++)
        cut = h->rcpts[i].address.n > PATH_MAX_BYTES || h->rcpts[i].dsn.n > DSN_MAX;
    return cut;
}

static enum trap_err apply_hit(struct commit_job *job, void *log)
{
    struct hit_log *l = log;
    struct hit *h = &MPSC_OWNER(job, struct hit_job, job)->hit;
    enum trap_err err = l->loaded ? TRAP_OK : load(l);
    uint32_t flags = h->flags;

    if (err != TRAP_OK)
        return err;
    if (h->rcpt_count == 0)
        return TRAP_EINVAL; /* a hit without a trap is none */
    if (is_cut(h))
        flags |= HIT_CUT;
    err = insert_hit(l, h, flags);
    if (err != TRAP_OK)
        return err;
    copy_sample(l, h);
    h->seq = l->next_hit++;
    return TRAP_OK;
}

/* ---- session records ---- */

static enum trap_err insert_auths(struct hit_log *l, const struct session_record *s)
{
    static const uint8_t none[AUTH_SECRET_BYTES];
    sqlite3_stmt *st = NULL;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < s->auth_count && i < AUTH_KEPT_MAX && err == TRAP_OK; i++) {
        const struct auth_attempt *a = &s->auths[i];
        const bool given = memcmp(a->secret, none, sizeof none) != 0;

        err = db_statement(l->db, sql_auth, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, (int64_t)l->next_session);
        db_bind_int(st, 2, (int64_t)i);
        db_bind_bytes(st, 3, bytes_take(a->mechanism, AUTH_MECHANISM_MAX));
        db_bind_bytes(st, 4, bytes_take(a->user, AUTH_USER_MAX));
        db_bind_bytes(st, 5, bytes_of(a->secret, given ? sizeof a->secret : 0));
        err = db_run(l->db, st);
    }
    return err;
}

static enum trap_err apply_session(struct commit_job *job, void *log)
{
    struct hit_log *l = log;
    struct session_record *s = &MPSC_OWNER(job, struct session_job, job)->session;
    const int64_t counts[] = { s->commands,      s->errors,        s->hits,          s->refused_unknown,
                               s->refused_relay, s->refused_limit, s->auth_attempts, s->attempt_class,
                               s->helo_class,    s->tls_version };
    sqlite3_stmt *st = NULL;
    enum trap_err err = l->loaded ? TRAP_OK : load(l);

    if (err == TRAP_OK)
        err = db_statement(l->db, sql_session, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)l->next_session);
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
    err = db_run(l->db, st);
    if (err == TRAP_OK)
        err = insert_auths(l, s);
    if (err == TRAP_OK)
        s->seq = l->next_session++;
    return err;
}

/* ---- counter rows ---- */

static enum trap_err apply_counter(struct commit_job *job, void *log)
{
    struct hit_log *l = log;
    const struct counter_job *c = MPSC_OWNER(job, struct counter_job, job);
    uint8_t blob[16];
    const size_t n = ip_key_put(ip_key(c->sender), blob);
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(l->db, sql_counter, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, bytes_of(blob, n));
    db_bind_int(st, 2, wall_hour(c->at));
    db_bind_int(st, 3, c->n);
    db_bind_int(st, 4, c->at.us);
    return db_run(l->db, st);
}

enum trap_err hit_log_submit(struct hit_log *l, struct hit_job *job)
{
    job->job.apply = apply_hit;
    return commit_submit(l->commit, &job->job);
}

enum trap_err hit_log_submit_session(struct hit_log *l, struct session_job *job)
{
    job->job.apply = apply_session;
    return commit_submit(l->commit, &job->job);
}

enum trap_err hit_log_submit_counter(struct hit_log *l, struct counter_job *job)
{
    job->job.apply = apply_counter;
    return commit_submit(l->commit, &job->job);
}

/* ---- open and close ---- */

static enum trap_err start(struct hit_log *l, const struct conf_store *conf, struct err_text *why)
{
    const struct commit_options o = {
        .queue_max = conf->queue_max,
        .batch_max = conf->batch_max,
        .gather_us = GATHER_US,
        .wal_max_bytes = conf->wal_max_bytes,
        .free_min_bytes = conf->free_min_bytes,
        .log = l,
        .rolled_back = forget,
        .batch_done = on_batch_done,
        .batch_arg = l,
    };
    const enum trap_err err = load(l);

    if (err != TRAP_OK) {
        err_text_set(why, "%s: %s", l->db->path, db_error_text(l->db));
        return err;
    }
    return commit_start(l->db, &o, &l->commit, why);
}

enum trap_err hit_log_open(const char *dir, const struct conf_store *conf, void (*batch_done)(void *),
                           void *batch_arg, struct hit_log **out, struct err_text *why)
{
    struct hit_log *l = calloc(1, sizeof *l);
    enum trap_err err = TRAP_OK;

    if (l != NULL)
        l->copies = calloc(conf->batch_max, sizeof *l->copies);
    if (l == NULL || l->copies == NULL) {
        err_text_set(why, "%s/%s: out of memory", dir, store_file_name(STORE_HITS));
        err = TRAP_ENOMEM;
        goto fail;
    }
    l->copy_max = conf->batch_max;
    l->batch_done = batch_done;
    l->batch_arg = batch_arg;
    err = store_open(dir, STORE_HITS, STORE_WRITE, &l->db, why);
    if (err == TRAP_OK)
        err = sample_log_open(dir, conf, &l->samples, why);
    if (err == TRAP_OK)
        err = start(l, conf, why);
    if (err == TRAP_OK) {
        *out = l;
        return TRAP_OK;
    }
fail:
    hit_log_close(&l);
    return err;
}

void hit_log_close(struct hit_log **lp)
{
    struct hit_log *l = *lp;

    *lp = NULL;
    if (l == NULL)
        return;
    commit_stop(&l->commit);
    sample_log_close(&l->samples);
    store_close(&l->db);
    free(l->copies);
    free(l);
}

struct commit *hit_log_commit(struct hit_log *l)
{
    return l->commit;
}
