#include "scratch.h"

#include <base/log.h>
#include <store/hit_log.h>

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* Jobs are real hits, so that apply() is the log's own. */
static struct hit hit_of(unsigned producer, unsigned number)
{
    static const struct hit_rcpt rcpt = { .klass = RCPT_MINTED, .address = BYTES_INIT("a@quellwerft.example") };

    return (struct hit){ .at = { 1 },
                         .session = producer,
                         .sender = ip_v4(9, 9, 9, 9),
                         .local = ip_v4(9, 9, 9, 8),
                         .size = number,
                         .rcpts = &rcpt,
                         .rcpt_count = 1 };
}

struct hit_work {
    struct hit_job job;
    struct waiter *waiter;
    enum trap_err result;
    atomic_uint *order;
    unsigned done_at;
};

static void on_done(struct commit_job *job, enum trap_err result)
{
    struct hit_work *w = MPSC_OWNER(job, struct hit_work, job.job);

    w->result = result;
    if (w->order != NULL)
        w->done_at = atomic_fetch_add(w->order, 1);
    waiter_done(w->waiter, result);
}

static atomic_uint batches_seen;

static void on_batch(void *arg)
{
    (void)arg;
    atomic_fetch_add(&batches_seen, 1);
}

static struct hit_log *open_log(const struct scratch *s, const struct conf_store *conf)
{
    struct hit_log *l = NULL;
    struct err_text why = { "" };

    atomic_store(&batches_seen, 0);
    assert_trap_ok(hit_log_open(s->dir, conf, on_batch, NULL, &l, &why), why);
    return l;
}

static void submit(struct hit_log *l, struct hit_work *w, struct waiter *waiter, const struct hit *h)
{
    w->job = (struct hit_job){ .job = { .done = on_done }, .hit = *h };
    w->waiter = waiter;
    waiter_add(waiter, 1);
    assert_int_equal(hit_log_submit(l, &w->job), TRAP_OK);
}

static int64_t count(const struct scratch *s)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };
    uint64_t last = 0, erased = 0;

    assert_trap_ok(store_open(s->dir, STORE_HITS, STORE_READ, &db, &why), why);
    assert_int_equal(hit_bounds(db, &last, &erased), TRAP_OK);
    store_close(&db);
    return (int64_t)last;
}

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

/* ---- a disk that is full ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static enum trap_err one(struct hit_log *l, struct hit_work *work)
{
    const struct hit h = hit_of(1, 0);
    struct waiter w;

    waiter_init(&w);
    submit(l, work, &w, &h);
    waiter_wait(&w);
    return w.last;
}

static void test_disk_full_and_recovery(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct commit_stats stats;
    struct hit_work work = { 0 };
    struct scratch s;
    struct hit_log *l;
    uint64_t good = 0;
    unsigned tries = 0;

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    log_init("test", LOG_ERROR);
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (; good < 5; good++)
        assert_int_equal(one(l, &work), TRAP_OK);
    limit_files(scratch_size(&s, "hits.db-wal") + 20000);
    while (one(l, &work) == TRAP_OK && tries++ < 100)
        good++;
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(one(l, &work), TRAP_EFULL);
    commit_stats(hit_log_commit(l), &stats);
    assert_int_equal(stats.failed_batches, 21);
    limit_files(RLIM_INFINITY);
    assert_int_equal(one(l, &work), TRAP_OK);
    assert_int_equal(work.job.hit.seq, good + 1);
    hit_log_close(&l);
    assert_int_equal(count(&s), (int64_t)good + 1);
    scratch_end(&s);
}

static void test_little_free_disk(void **state)
{
    struct conf_store conf = scratch_conf();
    struct hit_work work = { 0 };
    struct scratch s;
    struct hit_log *l;

    (void)state;
    scratch_begin(&s, true);
    conf.free_min_bytes = UINT64_MAX;
    l = open_log(&s, &conf);
    assert_int_equal(one(l, &work), TRAP_EFULL);
    hit_log_close(&l);
    assert_int_equal(count(&s), 0);
    scratch_end(&s);
}

/* ---- checkpoints ---- */

struct reader {
    const struct scratch *s;
    atomic_bool stop;
    atomic_uint rounds;
};

static enum trap_err slow(const struct hit *h, void *arg)
{
    (void)h;
    (void)arg;
    return TRAP_OK;
}

static void *read_for_ever(void *arg)
{
    struct reader *r = arg;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    uint64_t after = 0, last = 0;

    assert_trap_ok(store_open(r->s->dir, STORE_HITS, STORE_READ, &db, &why), why);
    while (!atomic_load(&r->stop)) {
        assert_int_equal(hit_each(db, after, 1000, slow, NULL, &last), TRAP_OK);
        after = last == after ? 0 : last;
        atomic_fetch_add(&r->rounds, 1);
    }
    store_close(&db);
    return NULL;
}

/* A reader that never stops and a writer that never rests: the WAL stays near its limit. */
static void test_wal_stays_short(void **state)
{
    enum { ROUNDS = 150, N = 500 };
    struct conf_store conf = scratch_conf();
    struct hit_work *work = calloc(N, sizeof *work);
    struct reader reader = { .stop = false };
    struct commit_stats stats;
    struct scratch s;
    struct hit_log *l;
    struct waiter w;
    pthread_t thread;

    (void)state;
    scratch_begin(&s, true);
    conf.wal_max_bytes = 512 << 10;
    conf.batch_max = 100;
    reader.s = &s;
    l = open_log(&s, &conf);
    waiter_init(&w);
    assert_int_equal(pthread_create(&thread, NULL, read_for_ever, &reader), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < N; i++) {
            const struct hit h = hit_of(round, i);

            submit(l, &work[i], &w, &h);
        }
        waiter_wait(&w);
    }
    commit_stats(hit_log_commit(l), &stats);
    atomic_store(&reader.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    printf("wal: limit 512 kB, longest %llu kB, %llu checkpoints, longest commit %llu us, %u reads\n",
           (unsigned long long)stats.wal_bytes_max >> 10, (unsigned long long)stats.checkpoints,
           (unsigned long long)stats.longest_commit_us, atomic_load(&reader.rounds));
    assert_true(stats.checkpoints > 0);
    /* Without a restart it would be 40 MB. How much is written while the disk syncs depends on the
     * machine. */
    assert_true(stats.wal_bytes_max < 40 * conf.wal_max_bytes);
    hit_log_close(&l);
    assert_int_equal(count(&s), ROUNDS * N);
    free(work);
    scratch_end(&s);
}

/* A reader that keeps its transaction open: commits go on, and the WAL begins anew once it has ended. */
static void test_blocked_by_a_reader(void **state)
{
    enum { N = 20000 };
    struct conf_store conf = scratch_conf();
    struct hit_work *work = calloc(N, sizeof *work);
    struct commit_stats stats;
    struct scratch s;
    struct hit_log *l;
    struct waiter w;
    char path[PATH_TEXT_MAX];
    sqlite3 *sq = NULL;
    uint64_t blocked;

    (void)state;
    scratch_begin(&s, true);
    conf.wal_max_bytes = 256 << 10;
    l = open_log(&s, &conf);
    assert_int_equal(one(l, &work[0]), TRAP_OK);
    assert_int_equal(sqlite3_open(scratch_path(&s, "hits.db", path), &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, "BEGIN; SELECT count(*) FROM hit", NULL, NULL, NULL), SQLITE_OK);
    waiter_init(&w);
    for (unsigned i = 0; i < N; i++) {
        const struct hit h = hit_of(1, i);

        submit(l, &work[i], &w, &h);
    }
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
    commit_stats(hit_log_commit(l), &stats);
    blocked = stats.wal_bytes;
    assert_true(blocked > 4 * conf.wal_max_bytes);
    assert_true(stats.longest_commit_us < 2000000);
    assert_int_equal(sqlite3_exec(sq, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
    for (unsigned i = 0; i < 200 && stats.wal_bytes >= blocked; i++) {
        (void)usleep(20000);
        assert_int_equal(one(l, &work[0]), TRAP_OK);
        commit_stats(hit_log_commit(l), &stats);
        blocked = stats.wal_bytes > blocked ? stats.wal_bytes : blocked;
    }
    assert_true(stats.wal_bytes < blocked);
    hit_log_close(&l);
    free(work);
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
        cmocka_unit_test(test_queue_full_and_closed), cmocka_unit_test(test_disk_full_and_recovery),
        cmocka_unit_test(test_little_free_disk),      cmocka_unit_test(test_wal_stays_short),
        cmocka_unit_test(test_blocked_by_a_reader),   cmocka_unit_test(test_sequences_go_on),
        cmocka_unit_test(test_submit_while_closing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
