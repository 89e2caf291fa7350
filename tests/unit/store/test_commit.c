/* Group commit: every job once and in order, the queue's two ends, restarts. */
#include "commit_scratch.h"

#include <pthread.h>
#include <sqlite3.h>

/* ---- many producers: every job once, in the order of each producer ---- */

enum { PRODUCERS = 8, EACH = 500 };
struct producer {
    struct hit_log *log;
    struct waiter *waiter;
    unsigned number;
    struct hit_work *work;
};

static void *produce(void *arg)
{
    struct producer *p = arg;

    for (unsigned i = 0; i < EACH; i++) {
        const struct hit h = hit_of(p->number, i);

        submit(p->log, &p->work[i], p->waiter, &h);
    }
    return NULL;
}

static void test_many_producers(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct hit_work *work = calloc(PRODUCERS * EACH, sizeof *work);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    struct commit_stats stats;
    struct scratch s;
    struct hit_log *l;
    struct waiter w;
    atomic_uint order = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    commit_expect(hit_log_commit(l), PRODUCERS * EACH); /* batches are gathered */
    waiter_init(&w);
    for (unsigned i = 0; i < PRODUCERS * EACH; i++)
        work[i].order = &order;
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){ l, &w, i, work + i * EACH };
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
    for (unsigned p = 0; p < PRODUCERS; p++)
        for (unsigned i = 0; i < EACH; i++) {
            const struct hit_work *job = &work[p * EACH + i];

            /* done() comes in the order of sequences, and those in each producer's order */
            assert_int_equal(job->job.hit.seq, job->done_at + 1);
            assert_true(i == 0 || job->done_at > job[-1].done_at);
        }
    commit_stats(hit_log_commit(l), &stats);
    assert_int_equal(stats.jobs, PRODUCERS * EACH);
    assert_int_equal(stats.failed_batches, 0);
    assert_true(stats.batches >= 1 && stats.batches <= PRODUCERS * EACH);
    assert_true(stats.longest_commit_us > 0);
    hit_log_close(&l);
    assert_int_equal(atomic_load(&batches_seen), stats.batches);
    assert_int_equal(count(&s), PRODUCERS * EACH);
    free(work);
    scratch_end(&s);
}

/* ---- an apply that refuses is undone alone ---- */

static void test_refused_alone(void **state)
{
    enum { N = 300 };
    struct conf_store conf = scratch_conf();
    struct hit_work *work = calloc(N, sizeof *work);
    struct scratch s;
    struct hit_log *l;
    struct waiter w;
    uint64_t expected = 1;

    (void)state;
    scratch_begin(&s, true);
    conf.batch_max = 50;
    l = open_log(&s, &conf);
    waiter_init(&w);
    for (unsigned i = 0; i < N; i++) {
        struct hit h = hit_of(1, i);

        if (i % 7 == 3)
            h.rcpt_count = 0; /* a hit without a trap: TRAP_EINVAL */
        submit(l, &work[i], &w, &h);
    }
    waiter_wait(&w);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(work[i].result, i % 7 == 3 ? TRAP_EINVAL : TRAP_OK);
        if (i % 7 != 3)
            assert_int_equal(work[i].job.hit.seq, expected++); /* no gaps */
    }
    hit_log_close(&l);
    assert_int_equal(count(&s), expected - 1);
    free(work);
    scratch_end(&s);
}

/* ---- the queue's end ---- */

static void test_queue_full_and_closed(void **state)
{
    enum { MAX = 10 };
    struct conf_store conf = scratch_conf();
    struct hit_work work[MAX + 1] = { 0 };
    struct scratch s;
    struct hit_log *l;
    struct waiter w;
    sqlite3 *sq = NULL;
    char path[PATH_TEXT_MAX];
    struct commit_stats stats;
    enum trap_err err = TRAP_OK;
    unsigned n = 0;

    (void)state;
    scratch_begin(&s, true);
    conf.queue_max = MAX;
    l = open_log(&s, &conf);
    waiter_init(&w);
    /* Another connection holds the file: the writer waits with its first batch, the queue fills up behind
     * it. */
    assert_int_equal(sqlite3_open(scratch_path(&s, "hits.db", path), &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    {
        const struct hit h = hit_of(1, 0);

        submit(l, &work[n++], &w, &h);
        do { /* until the writer took it */
            (void)usleep(1000);
            commit_stats(hit_log_commit(l), &stats);
        } while (stats.queued > 0);
        while (n < MAX + 1)
            submit(l, &work[n++], &w, &h);
        {
            struct hit_work extra = { .waiter = &w };

            extra.job = (struct hit_job){ .job = { .done = on_done }, .hit = h };
            err = hit_log_submit(l, &extra.job);
            assert_int_equal(err, TRAP_EFULL);
        }
    }
    commit_stats(hit_log_commit(l), &stats);
    assert_int_equal(stats.queued, MAX);
    assert_int_equal(sqlite3_exec(sq, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
    /* Stopped with jobs waiting: all are committed first. */
    hit_log_close(&l);
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
    assert_int_equal(count(&s), MAX + 1);
    scratch_end(&s);
}

/* A page that comes too late is marked from done(): also while the log is being closed. */
struct late_work {
    struct hit_job job, late;
    struct hit_log *log;
    _Atomic int late_result; /* -1: not tried */
};

static void submit_late(struct commit_job *job, enum trap_err result)
{
    struct late_work *w = MPSC_OWNER(job, struct late_work, job.job);

    assert_int_equal(result, TRAP_OK);
    w->late = (struct hit_job){ .job = { .done = on_done }, .hit = w->job.hit };
    atomic_store(&w->late_result, (int)hit_log_submit(w->log, &w->late));
}

static void *close_log(void *arg)
{
    struct hit_log *l = arg;

    hit_log_close(&l);
    return NULL;
}

static void test_submit_while_closing(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct late_work w = { .late_result = -1 };
    struct scratch s;
    sqlite3 *sq = NULL;
    pthread_t closer;
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, true);
    w.log = open_log(&s, &conf);
    assert_int_equal(sqlite3_open(scratch_path(&s, "hits.db", path), &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    w.job = (struct hit_job){ .job = { .done = submit_late }, .hit = hit_of(1, 0) };
    assert_int_equal(hit_log_submit(w.log, &w.job), TRAP_OK);
    assert_int_equal(pthread_create(&closer, NULL, close_log, w.log), 0);
    (void)usleep(100000); /* closing waits for the writer, which waits for the lock */
    assert_int_equal(sqlite3_exec(sq, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
    assert_int_equal(pthread_join(closer, NULL), 0);
    assert_int_equal(atomic_load(&w.late_result), TRAP_ECLOSED);
    assert_int_equal(count(&s), 1);
    scratch_end(&s);
}

/* ---- restart ---- */

static void test_sequences_go_on(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct hit_work work = { 0 };
    struct scratch s;

    (void)state;
    scratch_begin(&s, true);
    for (unsigned i = 1; i <= 3; i++) {
        struct hit_log *l = open_log(&s, &conf);

        assert_int_equal(one(l, &work), TRAP_OK);
        assert_int_equal(work.job.hit.seq, i);
        hit_log_close(&l);
        assert_int_equal(scratch_size(&s, "hits.db-wal"), 0); /* nothing is left for the next start */
    }
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_producers),        cmocka_unit_test(test_refused_alone),
        cmocka_unit_test(test_queue_full_and_closed), cmocka_unit_test(test_submit_while_closing),
        cmocka_unit_test(test_sequences_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
