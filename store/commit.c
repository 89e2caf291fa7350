/* The writer's life: drain, begin, apply each, commit (fsync), tell each, tell all, again.
 *
 * An apply() that refuses its record (TRAP_EINVAL, TRAP_ERANGE, …) ends the cheap way: the transaction is
 * rolled back and the batch is done once more with a savepoint around each job. Disk, memory and damage fail
 * the whole batch at once. */
#include "checkpoint.h"
#include "wal_room.h"

#include <base/log.h>
#include <store/budget.h>
#include <store/commit.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A batch of so many says that records come in numbers. */
enum { BUSY_FROM = 4 };

struct commit {
    struct commit_options o;
    struct store_db *db;
    struct mpsc queue;
    pthread_t writer;
    struct checkpoint *checkpoint;
    struct commit_job **batch; /* batch_max places */
    struct timespec begun; /* the last batch */
    size_t last_batch;     /* its jobs */
    struct wal_room wal_room;
    struct budget budget;
    bool failing;
    atomic_size_t expected;
    atomic_uint_fast64_t jobs, batches, failed_batches, wal_bytes, wal_bytes_max, longest_commit_us;
};

static void keep_max(atomic_uint_fast64_t *max, uint64_t v)
{
    if (v > atomic_load(max)) /* one writer thread: no race */
        atomic_store(max, v);
}

static uint64_t us_since(struct timespec then)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - then.tv_sec) * 1000000 + (now.tv_nsec - then.tv_nsec) / 1000);
}

/* SQLite calls it after each commit, on the writer thread, with the pages that the WAL holds. */
static int on_wal(void *arg, sqlite3 *sq, const char *name, int pages)
{
    struct commit *c = arg;
    const uint64_t bytes = 32 + (uint64_t)pages * (FILE_PAGE_BYTES + 24);

    (void)sq;
    (void)name;
    atomic_store(&c->wal_bytes, bytes);
    keep_max(&c->wal_bytes_max, bytes);
    checkpoint_poke(c->checkpoint, bytes);
    return SQLITE_OK;
}

static bool fails_whole_batch(enum trap_err err)
{
    return err == TRAP_EFULL || err == TRAP_EIO || err == TRAP_ENOMEM || err == TRAP_ECORRUPT ||
           err == TRAP_EBUSY;
}

static void roll_back(struct commit *c)
{
    /* Some failures have rolled back already. */
    if (sqlite3_get_autocommit(c->db->sq) == 0)
        (void)sqlite3_exec(c->db->sq, "ROLLBACK", NULL, NULL, NULL);
    if (c->o.rolled_back != NULL)
        c->o.rolled_back(c->o.log);
}

/* The cheap way. *refused_out: a job's own record was refused. */
static enum trap_err apply_all(struct commit *c, size_t n, bool *refused_out)
{
    for (size_t i = 0; i < n; i++) {
        const enum trap_err err = c->batch[i]->apply(c->batch[i], c->o.log);

        if (err != TRAP_OK) {
            *refused_out = !fails_whole_batch(err);
            return err;
        }
        c->batch[i]->result = TRAP_OK;
    }
    return TRAP_OK;
}

static enum trap_err apply_each_alone(struct commit *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum trap_err err = db_exec(c->db, "SAVEPOINT job");

        if (err != TRAP_OK)
            return err;
        err = c->batch[i]->apply(c->batch[i], c->o.log);
        if (fails_whole_batch(err))
            return err;
        c->batch[i]->result = err;
        if (err != TRAP_OK) {
            err = db_exec(c->db, "ROLLBACK TO job");
            if (c->o.rolled_back != NULL)
                c->o.rolled_back(c->o.log);
        }
        if (err == TRAP_OK)
            err = db_exec(c->db, "RELEASE job");
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

/* Prepared once, unlike db_exec(). */
static enum trap_err run_sql(struct commit *c, const char *sql)
{
    sqlite3_stmt *st;
    const enum trap_err err = db_statement(c->db, sql, &st);

    return err == TRAP_OK ? db_run(c->db, st) : err;
}

static enum trap_err transaction(struct commit *c, size_t n, bool alone, bool *refused_out)
{
    static const char sql_begin[] = "BEGIN IMMEDIATE", sql_commit[] = "COMMIT";
    enum trap_err err = run_sql(c, sql_begin);

    if (err == TRAP_OK)
        err = alone ? apply_each_alone(c, n) : apply_all(c, n, refused_out);
    if (err == TRAP_OK && c->o.before_commit != NULL)
        c->o.before_commit(c->o.log);
    if (err == TRAP_OK)
        err = run_sql(c, sql_commit);
    return err;
}

static const char *failure_text(struct commit *c)
{
    if (budget_is_full(&c->budget))
        return budget_text(&c->budget);
    return sqlite3_errcode(c->db->sq) == SQLITE_OK ? "see the line before" : db_error_text(c->db);
}

static enum trap_err commit_batch(struct commit *c, size_t n)
{
    bool refused = false;
    const bool refuse = !c->batch[0]->frees && budget_is_full(&c->budget);
    enum trap_err err = refuse ? TRAP_EFULL : transaction(c, n, false, &refused);

    if (err != TRAP_OK && refused) {
        roll_back(c);
        err = transaction(c, n, true, &refused);
    }
    if (err == TRAP_OK) {
        if (c->failing)
            log_info("store.commit.recovered", LOG_STR("file", c->db->path));
        c->failing = false;
        return TRAP_OK;
    }
    /* Once for a run of failures: a full disk would fill the log, too. */
    if (!c->failing)
        log_error("store.commit.failed", LOG_STR("file", c->db->path), LOG_STR("result", err_name(err)),
                  LOG_STR("error", failure_text(c)));
    c->failing = true;
    roll_back(c);
    atomic_fetch_add(&c->failed_batches, 1);
    return err == TRAP_EFULL ? TRAP_EFULL : TRAP_EIO;
}

static void run_batch(struct commit *c, size_t n)
{
    enum trap_err err;

    (void)clock_gettime(CLOCK_MONOTONIC, &c->begun);
    c->last_batch = n;
    checkpoint_enter(c->checkpoint);
    err = commit_batch(c, n);
    checkpoint_leave(c->checkpoint);
    keep_max(&c->longest_commit_us, us_since(c->begun));
    atomic_fetch_add(&c->batches, 1);
    atomic_fetch_add(&c->jobs, n);
    for (size_t i = 0; i < n; i++) {
        struct commit_job *job = c->batch[i];

        job->done(job, err == TRAP_OK ? job->result : err);
    }
    if (c->o.batch_done != NULL)
        c->o.batch_done(c->o.batch_arg);
    if (c->last_batch >= BUSY_FROM && !budget_is_full(&c->budget))
        wal_room_ahead(&c->wal_room, c->db, atomic_load(&c->wal_bytes));
}

/* A commit costs an fsync and two writes a page, however many records share them. Where records come in
 * numbers they are let come together: half of those that are under way, so that the other half has the
 * processor meanwhile, and at most gather_us since the last commit began. Who comes alone never waits. */
static void gather(struct commit *c, struct mpsc_node *last, size_t count)
{
    enum { PAUSE_NS = 250 * 1000 };
    const struct timespec pause = { .tv_nsec = PAUSE_NS };
    const size_t half = atomic_load_explicit(&c->expected, memory_order_relaxed) / 2;
    const size_t wanted = half < c->o.batch_max ? half : c->o.batch_max;
    const mono_t past = { 0 };
    struct mpsc_node *more;
    size_t more_count;

    if (c->last_batch < BUSY_FROM)
        return;
    while (count < wanted && us_since(c->begun) < c->o.gather_us) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        if (mpsc_drain_wait(&c->queue, past, &more, &more_count) != TRAP_OK)
            continue;
        while (last->next != NULL)
            last = last->next;
        last->next = more;
        count += more_count;
    }
}

/* While there is no room, what makes room goes by itself: the others are refused. */
static size_t take_batch(struct commit *c, struct mpsc_node **list)
{
    const bool full = budget_is_full(&c->budget);
    size_t n = 0;

    while (*list != NULL && n < c->o.batch_max) {
        struct commit_job *job = MPSC_OWNER(*list, struct commit_job, node);

        if (full && job->frees && n > 0)
            break;
        c->batch[n++] = job;
        *list = (*list)->next;
        if (full && job->frees)
            break;
    }
    return n;
}

static void *writer_main(void *arg)
{
    struct commit *c = arg;
    struct mpsc_node *list = NULL;
    size_t count = 0;

    while (mpsc_drain_wait(&c->queue, MPSC_FOREVER, &list, &count) == TRAP_OK) {
        gather(c, list, count);
        while (list != NULL) {
            run_batch(c, take_batch(c, &list));
        }
    }
    return NULL;
}

static enum trap_err prepare_file(struct commit *c)
{
    char pragma[96];

    (void)snprintf(pragma, sizeof pragma, "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = %llu",
                   (unsigned long long)c->o.wal_max_bytes);
    return db_exec(c->db, pragma);
}

enum trap_err commit_start(struct store_db *db, const struct commit_options *o, struct commit **out,
                           struct err_text *why)
{
    struct commit *c = calloc(1, sizeof *c);
    enum trap_err err = c == NULL ? TRAP_ENOMEM : TRAP_OK;

    TRAP_BUG_ON(o->queue_max == 0 || o->batch_max == 0 || db->mode == STORE_READ);
    if (err == TRAP_OK) {
        c->o = *o;
        c->db = db;
        c->budget = (struct budget){ .dir = db->dir, .total_max = o->total_max_bytes, .free_min = o->free_min_bytes };
        c->batch = calloc(o->batch_max, sizeof(struct commit_job *));
        err = c->batch == NULL ? TRAP_ENOMEM : mpsc_init(&c->queue, o->queue_max);
    }
    if (err != TRAP_OK) {
        err_text_set(why, "%s: out of memory", db->path);
        goto fail;
    }
    err = prepare_file(c);
    if (err != TRAP_OK)
        err_text_set(why, "%s: %s", db->path, db_error_text(db));
    else
        err = checkpoint_start(db, o->wal_max_bytes, &c->checkpoint, why);
    if (err == TRAP_OK) {
        (void)sqlite3_wal_hook(db->sq, on_wal, c);
        if (pthread_create(&c->writer, NULL, writer_main, c) == 0) {
            *out = c;
            return TRAP_OK;
        }
        (void)sqlite3_wal_hook(db->sq, NULL, NULL);
        err_text_set(why, "%s: the writer thread cannot start", db->path);
        err = TRAP_ENOMEM;
    }
    checkpoint_stop(&c->checkpoint);
    mpsc_destroy(&c->queue);
fail:
    if (c != NULL)
        free(c->batch);
    free(c);
    return err;
}

enum trap_err commit_submit(struct commit *c, struct commit_job *job)
{
    return mpsc_push(&c->queue, &job->node);
}

void commit_expect(struct commit *c, size_t n)
{
    atomic_store_explicit(&c->expected, n, memory_order_relaxed);
}

void commit_stop(struct commit **cp)
{
    struct commit *c = *cp;

    if (c == NULL)
        return;
    mpsc_close(&c->queue);
    (void)pthread_join(c->writer, NULL);
    *cp = NULL; /* not before: the last done() may submit, and must be told TRAP_ECLOSED */
    (void)sqlite3_wal_hook(c->db->sq, NULL, NULL);
    checkpoint_stop(&c->checkpoint);
    mpsc_destroy(&c->queue);
    free(c->batch);
    free(c);
}

void commit_stats(struct commit *c, struct commit_stats *out)
{
    out->jobs = atomic_load(&c->jobs);
    out->batches = atomic_load(&c->batches);
    out->failed_batches = atomic_load(&c->failed_batches);
    out->checkpoints = checkpoint_count(c->checkpoint);
    out->wal_bytes = atomic_load(&c->wal_bytes);
    out->wal_bytes_max = atomic_load(&c->wal_bytes_max);
    out->longest_commit_us = atomic_load(&c->longest_commit_us);
    out->queued = (uint32_t)mpsc_count(&c->queue);
}
