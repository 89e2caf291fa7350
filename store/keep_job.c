#include "keep_job.h"

#include "visit_row.h"

#include <time.h>

typedef enum trap_err one_fn(struct keep_job *k, uint64_t seq);

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- one record ---- */

static enum trap_err run_for(struct keep_job *k, const char *sql, uint64_t seq, bool counts)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(k->db, sql, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    err = db_run(k->db, st);
    if (err == TRAP_OK && counts)
        k->records += (size_t)sqlite3_changes(k->db->sq);
    return err;
}

static enum trap_err truncate_one(struct keep_job *k, uint64_t seq)
{
    static const char sql_client[] = "SELECT client FROM visit WHERE seq = ?1 AND client IS NOT NULL";
    static const char sql_update[] = "UPDATE visit SET client = ?2 WHERE seq = ?1";
    static const char sql_agent[] = "UPDATE visit SET agent = NULL WHERE seq = ?1";
    struct visit v = { .flags = 0 };
    uint8_t network[16];
    size_t n;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(k->db, sql_client, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    err = db_step(k->db, st);
    if (err == TRAP_OK)
        err = visit_client_get(db_column_bytes(st, 0), &v);
    (void)sqlite3_reset(st);
    if (err == TRAP_ENOENT || (err == TRAP_OK && (v.flags & VISIT_TRUNCATED) != 0))
        return TRAP_OK;
    if (err == TRAP_OK)
        err = db_statement(k->db, sql_update, &st);
    if (err != TRAP_OK)
        return err;
    v.flags |= VISIT_TRUNCATED;
    n = visit_client_put(&v, network);
    db_bind_int(st, 1, (int64_t)seq);
    db_bind_bytes(st, 2, bytes_of(network, n));
    err = db_run(k->db, st);
    k->records++;
    return err == TRAP_OK && k->forget ? run_for(k, sql_agent, seq, false) : err;
}

static enum trap_err delete_visit(struct keep_job *k, uint64_t seq)
{
    enum trap_err err = run_for(k, "DELETE FROM not_shown WHERE seq = ?1", seq, false);

    if (err == TRAP_OK)
        err = run_for(k, "DELETE FROM visit WHERE seq = ?1", seq, true);
    return err == TRAP_OK ? erasure_floor(k->db, db_log_visit.given, seq) : err;
}

static enum trap_err delete_hit(struct keep_job *k, uint64_t seq)
{
    enum trap_err err = run_for(k, "DELETE FROM hit_rcpt WHERE hit = ?1", seq, false);

    if (err == TRAP_OK)
        err = run_for(k, "DELETE FROM hit WHERE seq = ?1", seq, true);
    return err == TRAP_OK ? erasure_floor(k->db, db_log_hit.given, seq) : err;
}

static enum trap_err delete_session(struct keep_job *k, uint64_t seq)
{
    enum trap_err err = run_for(k, "DELETE FROM auth WHERE session_seq = ?1", seq, false);

    if (err == TRAP_OK)
        err = run_for(k, "DELETE FROM session WHERE seq = ?1", seq, true);
    return err == TRAP_OK ? erasure_floor(k->db, db_log_session.given, seq) : err;
}

static one_fn *const each[] = { [KEEP_TRUNCATE] = truncate_one,
                                [KEEP_VISITS] = delete_visit,
                                [KEEP_HITS] = delete_hit,
                                [KEEP_SESSIONS] = delete_session };

/* ---- jobs ---- */

static enum trap_err apply_list(struct keep_job *k)
{
    enum { LOOK_EVERY = 8 };
    const uint64_t begun = now_us();
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && k->at < k->n) {
        err = each[k->op](k, k->seqs[k->at++]);
        if (k->at % LOOK_EVERY == 0 && now_us() - begun > KEEP_APPLY_US)
            break;
    }
    if (err == TRAP_OK && k->at == k->n && k->mark != NULL)
        err = erasure_floor(k->db, k->mark, k->mark_seq);
    return err;
}

static enum trap_err apply_counters(struct keep_job *k)
{
    static const char sql[] = "DELETE FROM counter WHERE sender > ?1 AND sender <= ?2 AND hour < ?3";
    static const char sql_subject[] =
        "DELETE FROM counter WHERE sender BETWEEN ?1 AND ?2 AND length(sender) = ?3";
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(k->db, k->length == 0 ? sql : sql_subject, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, bytes_of(k->low, k->low_n));
    db_bind_bytes(st, 2, bytes_of(k->high, k->high_n));
    db_bind_int(st, 3, k->length == 0 ? (int64_t)k->before_hour : (int64_t)k->length);
    err = db_run(k->db, st);
    k->records = (size_t)sqlite3_changes(k->db->sq);
    return err;
}

/* The moment of an erasure is that of its end: what came before met the records. */
static enum trap_err apply_end(struct keep_job *k)
{
    static const char sql[] = "UPDATE erasure SET at_us = ?2 WHERE id = ?1";
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(k->db, sql, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)k->erasure.id);
    db_bind_int(st, 2, wall_now().us);
    err = db_run(k->db, st);
    if (err == TRAP_OK && k->changes)
        err = erasure_changed(k->db);
    if (err == TRAP_OK && k->mark != NULL)
        err = db_meta_set(k->db, k->mark, (int64_t)k->mark_seq);
    return err == TRAP_OK ? db_meta_set(k->db, KEEP_UNDER_WAY, 0) : err;
}

static enum trap_err apply(struct commit_job *job, void *log)
{
    struct keep_job *k = MPSC_OWNER(job, struct keep_job, job);
    enum trap_err err;

    (void)log;
    k->at = k->begun_at;
    k->records = 0;
    switch (k->op) {
    case KEEP_BEGIN:
        err = erasure_put(k->db, &k->erasure, &k->erasure.id);
        return err == TRAP_OK ? db_meta_set(k->db, KEEP_UNDER_WAY, (int64_t)k->erasure.id) : err;
    case KEEP_END:
        return apply_end(k);
    case KEEP_META:
        return db_meta_set(k->db, k->mark, (int64_t)k->mark_seq);
    case KEEP_COUNTERS:
        err = apply_counters(k);
        break;
    default:
        err = apply_list(k);
        break;
    }
    if (err == TRAP_OK && k->records > 0)
        err = erasure_count(k->db, k->erasure.id, k->records);
    return err;
}

static void done(struct commit_job *job, enum trap_err result)
{
    struct keep_job *k = MPSC_OWNER(job, struct keep_job, job);

    job->result = result;
    (void)sem_post(&k->done);
}

static void rest(unsigned ms)
{
    const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

enum trap_err keep_job_run(struct commit *commit, struct keep_job *k, unsigned pause_ms)
{
    enum { QUEUE_FULL_MS = 50 };
    enum trap_err err = TRAP_OK;
    size_t records = 0;

    k->begun_at = k->at = 0;
    k->job = (struct commit_job){ .apply = apply, .done = done, .frees = true };
    if (sem_init(&k->done, 0, 0) == -1)
        return TRAP_EIO;
    do {
        while ((err = commit_submit(commit, &k->job)) == TRAP_EFULL)
            rest(QUEUE_FULL_MS);
        if (err != TRAP_OK)
            break;
        while (sem_wait(&k->done) == -1)
            continue;
        err = k->job.result;
        records += k->records;
        k->begun_at = k->at;
        rest(pause_ms);
    } while (err == TRAP_OK && k->at < k->n);
    (void)sem_destroy(&k->done);
    k->records = records;
    return err;
}
