#include "scratch.h"

#include <store/hit_log.h>

#include <spawn.h>
#include <sys/wait.h>

struct work {
    struct hit_job job;
    struct waiter *waiter;
};

static void on_done(struct commit_job *job, enum trap_err result)
{
    waiter_done(MPSC_OWNER(job, struct work, job.job)->waiter, result);
}

static void submit(struct hit_log *l, struct work *work, struct waiter *waiter, size_t n)
{
    static const struct hit_rcpt rcpt = { RCPT_MINTED, BYTES_INIT("a@quellwerft.example"), { NULL, 0 } };

    for (size_t i = 0; i < n; i++) {
        work[i] = (struct work){ .job = { .job = { .done = on_done },
                                          .hit = { .at = { 1 },
                                                   .sender = ip_v4(9, 9, 9, 9),
                                                   .local = ip_v4(9, 9, 9, 8),
                                                   .rcpts = &rcpt,
                                                   .rcpt_count = 1 } },
                                 .waiter = waiter };
        waiter_add(waiter, 1);
        assert_int_equal(hit_log_submit(l, &work[i].job), TRAP_OK);
    }
    waiter_wait(waiter);
}

static uint64_t count(const struct scratch *s)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };
    uint64_t last = 0, erased = 0;

    assert_trap_ok(store_open(s->dir, STORE_HITS, STORE_READ, &db, &why), why);
    assert_int_equal(hit_bounds(db, &last, &erased), TRAP_OK);
    store_close(&db);
    return last;
}

/* By another process: a close(2) in this one would take SQLite's locks away. */
static void copy_file(const struct scratch *from, const struct scratch *to, const char *name)
{
    char *environment[] = { NULL };
    char source[PATH_TEXT_MAX], target[PATH_TEXT_MAX];
    char cp[] = "cp";
    char *argv[] = { cp, source, target, NULL };
    pid_t pid;
    int status = -1;

    (void)scratch_path(from, name, source);
    (void)scratch_path(to, name, target);
    assert_int_equal(posix_spawnp(&pid, cp, NULL, NULL, argv, environment), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A busy writer finds its WAL long enough already; a quiet one leaves it short. What lies ahead are no
 * frames: a copy of the files, as a power cut would leave them, has all that was committed. */
static void test_wal_room(void **state)
{
    enum { N = 64, ROUNDS = 10, STEP = 1 << 20 };
    const struct conf_store conf = scratch_conf();
    struct err_text why = { "" };
    struct work work[N];
    struct scratch s, cut;
    struct hit_log *l = NULL;
    struct waiter w;

    (void)state;
    scratch_begin(&s, true);
    scratch_begin(&cut, true);
    assert_trap_ok(hit_log_open(s.dir, &conf, NULL, NULL, &l, &why), why);
    waiter_init(&w);
    submit(l, work, &w, 1);
    assert_true(scratch_size(&s, "hits.db-wal") < STEP);
    for (unsigned round = 0; round < ROUNDS; round++)
        submit(l, work, &w, N);
    for (unsigned i = 0; i < 6000 && scratch_size(&s, "hits.db-wal") < STEP; i++)
        (void)usleep(10000); /* it is lengthened behind the commit */
    assert_true(scratch_size(&s, "hits.db-wal") >= STEP);
    assert_true(scratch_size(&s, "hits.db-wal") < 3 * STEP);
    copy_file(&s, &cut, "hits.db");
    copy_file(&s, &cut, "hits.db-wal");
    assert_int_equal(count(&cut), 1 + ROUNDS * N);
    hit_log_close(&l);
    assert_int_equal(count(&s), 1 + ROUNDS * N);
    scratch_end(&cut);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_wal_room) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
