/* keep_age.c - records that are older than their clock allows. */
#include "keeper.h"

#include <base/log.h>

#include <stddef.h>

/* A log in order of sequence: seq, at_us, whether this rule means the record. */
static const char sql_visits[] = "SELECT seq, at_us, 1 FROM visit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_hits[] = "SELECT seq, at_us, 1 FROM hit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_plain[] =
    "SELECT seq, at_us, attempt_class = 0 FROM session WHERE seq > ?1 ORDER BY seq LIMIT ?2";
static const char sql_attempts[] =
    "SELECT seq, at_us, attempt_class <> 0 FROM session WHERE seq > ?1 ORDER BY seq LIMIT ?2";

static const struct rule {
    enum store_file file;
    uint8_t kind; /* enum erasure_kind */
    const char *sql, *mark;
    enum keep_op op;
    size_t keep; /* in struct conf_keep */
    bool changes;
} rules[] = {
    { STORE_VISITS, ERASURE_CLIENT, sql_visits, "client_done", KEEP_TRUNCATE,
      offsetof(struct conf_keep, visitor_ip), true },
    { STORE_VISITS, ERASURE_VISIT, sql_visits, "visit_erased", KEEP_VISITS,
      offsetof(struct conf_keep, visits), true },
    { STORE_HITS, ERASURE_HIT, sql_hits, "hit_erased", KEEP_HITS, offsetof(struct conf_keep, hits), true },
    { STORE_HITS, ERASURE_SESSION, sql_plain, "plain_done", KEEP_SESSIONS,
      offsetof(struct conf_keep, sessions), false },
    { STORE_HITS, ERASURE_ATTEMPT, sql_attempts, "attempt_done", KEEP_SESSIONS,
      offsetof(struct conf_keep, attempts), true },
};

wall_t keep_horizon(wall_t now, span_t keep)
{
    enum { STEPS = 12 };
    const int64_t week_us = 7 * WALL_US_PER_DAY, keep_us = keep.ms * 1000;
    int64_t step = keep_us / STEPS < week_us ? keep_us / STEPS : week_us;

    if (keep.ms == 0 || now.us <= keep_us)
        return (wall_t){ 0 };
    if (step < WALL_US_PER_S)
        step = WALL_US_PER_S;
    return (wall_t){ (now.us - keep_us) / step * step };
}

/* ---- which records ---- */

struct scan {
    wall_t before;
    struct keep_job *job; /* NULL: only how far */
    uint64_t upto;        /* the last one that is old enough, meant or not */
    uint64_t bound;
    size_t meant;
    bool ended;
};

static enum trap_err look(struct store_db *db, sqlite3_stmt *st, void *arg)
{
    struct scan *s = arg;
    const uint64_t seq = (uint64_t)sqlite3_column_int64(st, 0);

    (void)db;
    if (sqlite3_column_int64(st, 1) >= s->before.us || seq > s->bound ||
        (s->job != NULL && s->job->n == KEEP_LIST)) {
        s->ended = true;
        return TRAP_ERANGE;
    }
    s->upto = seq;
    if (sqlite3_column_int(st, 2) == 0)
        return TRAP_OK;
    s->meant++;
    if (s->job != NULL)
        s->job->seqs[s->job->n++] = seq;
    return TRAP_OK;
}

/* From `after` on; the first record that is too young ends it, whatever stands behind it. */
static enum trap_err scan(struct keeping *k, const struct rule *r, uint64_t after, struct scan *s)
{
    enum { PAGE = 5000 };
    uint64_t before;
    enum trap_err err = TRAP_OK;

    s->upto = after;
    do {
        before = after;
        err = db_each(k->reader, r->sql, &after, PAGE, look, s);
        if (err == TRAP_ERANGE && s->ended)
            return TRAP_OK;
    } while (err == TRAP_OK && after != before && !atomic_load(&k->stop));
    return err;
}

/* ---- one rule ---- */

static enum trap_err take(struct keeping *k, const struct rule *r, uint64_t after, uint64_t upto)
{
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && after < upto) {
        struct scan s = { .before = { INT64_MAX }, .job = &k->job, .bound = upto };

        if (atomic_load(&k->stop))
            return TRAP_ECLOSED;
        k->job.n = 0;
        err = scan(k, r, after, &s);
        if (err != TRAP_OK)
            break;
        k->job.forget = false;
        k->job.mark = r->mark;
        k->job.mark_seq = s.upto > after ? s.upto : upto;
        if (k->job.n == 0) {
            k->job.mark_seq = upto;
            err = keep_run(k, KEEP_META);
            break;
        }
        err = keep_run(k, r->op);
        after = k->job.mark_seq;
    }
    return err;
}

/* All sessions up to the lower of the two marks are gone. */
static enum trap_err raise_sessions(struct keeping *k)
{
    int64_t plain = 0, attempts = 0, erased = 0;
    enum trap_err err = db_meta_get(k->reader, "plain_done", 0, &plain);

    if (err == TRAP_OK)
        err = db_meta_get(k->reader, "attempt_done", 0, &attempts);
    if (err == TRAP_OK)
        err = db_meta_get(k->reader, db_log_session.erased, 0, &erased);
    if (err != TRAP_OK || (plain < attempts ? plain : attempts) <= erased)
        return err;
    k->job.mark = db_log_session.erased;
    k->job.mark_seq = (uint64_t)(plain < attempts ? plain : attempts);
    return keep_run(k, KEEP_META);
}

static enum trap_err apply_rule(struct keeping *k, const struct rule *r, wall_t now)
{
    const span_t keep = *(const span_t *)(const void *)((const unsigned char *)k->log.conf + r->keep);
    struct scan far = { .before = keep_horizon(now, keep), .bound = UINT64_MAX };
    int64_t after = 0;
    const struct erasure e = { .kind = r->kind, .before = far.before, .at = now };
    struct erasure begun = e;
    enum trap_err err = db_meta_get(k->reader, r->mark, 0, &after);

    if (err == TRAP_OK && far.before.us > 0)
        err = scan(k, r, (uint64_t)after, &far);
    if (err != TRAP_OK || far.upto <= (uint64_t)after || atomic_load(&k->stop))
        return err;
    if (far.meant == 0) {
        k->job.mark = r->mark;
        k->job.mark_seq = far.upto;
        return keep_run(k, KEEP_META);
    }
    begun.upto = far.upto;
    err = keep_begin(k, &begun);
    if (err == TRAP_OK)
        err = take(k, r, (uint64_t)after, k->job.erasure.upto);
    if (err == TRAP_OK)
        err = keep_end(k, r->changes, NULL, 0);
    if (err == TRAP_OK)
        log_info("store.retention", LOG_STR("file", store_file_name(r->file)),
                 LOG_STR("what", erasure_kind_name(r->kind)), LOG_U64("records", far.meant),
                 LOG_U64("upto", far.upto));
    return err;
}

/* ---- counter rows: no sequence; a range of senders at a time ---- */

static enum trap_err next_range(struct keeping *k)
{
    static const char sql[] =
        "SELECT sender FROM counter WHERE sender > ?1 ORDER BY sender LIMIT 1 OFFSET 200";
    static const char sql_last[] = "SELECT max(sender) FROM counter WHERE sender > ?1";
    const char *const both[] = { sql, sql_last };
    enum trap_err err = TRAP_ENOENT;

    for (size_t i = 0; i < 2 && err == TRAP_ENOENT; i++) {
        sqlite3_stmt *st = NULL;

        err = db_statement(k->reader, both[i], &st);
        if (err != TRAP_OK)
            return err;
        db_bind_bytes(st, 1, bytes_of(k->job.low, k->job.low_n));
        err = db_step(k->reader, st);
        if (err == TRAP_OK && sqlite3_column_type(st, 0) == SQLITE_NULL)
            err = TRAP_ENOENT;
        if (err == TRAP_OK) {
            const struct bytes sender = bytes_take(db_column_bytes(st, 0), sizeof k->job.high);

            memcpy(k->job.high, sender.p, sender.n);
            k->job.high_n = sender.n;
        }
        (void)sqlite3_reset(st);
    }
    return err;
}

static enum trap_err counters(struct keeping *k, wall_t now)
{
    static const char sql_old[] = "SELECT min(hour) FROM counter";
    const wall_t before = keep_horizon(now, k->log.conf->hits);
    const struct erasure e = { .kind = ERASURE_COUNTER, .before = before, .at = now };
    int64_t oldest = 0;
    enum trap_err err = before.us == 0 ? TRAP_ENOENT : db_int(k->reader, sql_old, &oldest);

    if (err == TRAP_ENOENT || (err == TRAP_OK && oldest >= (int64_t)wall_hour(before)))
        return TRAP_OK;
    if (err == TRAP_OK)
        err = keep_begin(k, &e);
    k->job.low_n = 0;
    k->job.before_hour = wall_hour(before);
    k->job.length = 0;
    while (err == TRAP_OK && (err = next_range(k)) == TRAP_OK) {
        if (atomic_load(&k->stop))
            return TRAP_ECLOSED;
        err = keep_run(k, KEEP_COUNTERS);
        memcpy(k->job.low, k->job.high, sizeof k->job.low);
        k->job.low_n = k->job.high_n;
    }
    return err == TRAP_ENOENT ? keep_end(k, false, NULL, 0) : err;
}

enum trap_err keep_believe(struct keeping *k, wall_t now, bool *believed_out)
{
    int64_t last = 0;
    enum trap_err err = db_meta_get(k->reader, "kept_us", 0, &last);
    const span_t since = last == 0 ? SPAN_MS(0) : wall_diff(now, (wall_t){ last });

    if (err != TRAP_OK)
        return err;
    *believed_out =
        since.ms < SPAN_D(KEEP_JUMP_DAYS).ms || mono_diff(mono_now(), k->begun).ms >= SPAN_H(KEEP_DOUBT_H).ms;
    if (*believed_out) {
        k->job.mark = "kept_us";
        k->job.mark_seq = (uint64_t)now.us;
        return keep_run(k, KEEP_META);
    }
    log_error("store.retention.doubt", LOG_STR("file", k->log.db->path),
              LOG_U64("days", (uint64_t)(since.ms / SPAN_D(1).ms)),
              LOG_STR("reason", "so long since the last look, or the clock is wrong"),
              LOG_STR("effect", "nothing is erased by age within a day of the start"));
    return TRAP_OK;
}

enum trap_err keep_by_age(struct keeping *k, wall_t now)
{
    const bool hits = k->log.samples != NULL;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && err == TRAP_OK; i++)
        if ((rules[i].file == STORE_HITS) == hits)
            err = apply_rule(k, &rules[i], now);
    if (err == TRAP_OK && hits)
        err = raise_sessions(k);
    if (err == TRAP_OK && hits)
        err = counters(k, now);
    if (err == TRAP_OK && hits)
        err = sample_log_erase(k->log.samples, keep_horizon(now, k->log.conf->samples), NULL, 0);
    return err;
}
