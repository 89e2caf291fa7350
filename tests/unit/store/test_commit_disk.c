/* Group commit and the disk: full, nearly full, and a WAL that readers hold. */
#include "commit_scratch.h"

#include <base/log.h>

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

/* ---- a disk that is full ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
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
    assert_true(stats.longest_commit_us < 30000000); /* it does not wait for the reader */
    assert_int_equal(sqlite3_exec(sq, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
    for (unsigned i = 0; i < 3000 && stats.wal_bytes >= blocked; i++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_full_and_recovery),
        cmocka_unit_test(test_little_free_disk),
        cmocka_unit_test(test_wal_stays_short),
        cmocka_unit_test(test_blocked_by_a_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
