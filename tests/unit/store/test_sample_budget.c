/* samples.db within its byte budget: floods, what left the file, readers that stay, a budget made smaller. */
#include "sample_scratch.h"

#include <sqlite3.h>

static uint64_t random_of(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

enum { POUR = 10 };
struct noise {
    uint64_t x;
    uint8_t octets[POUR][65536];
};

/* POUR hits with samples that do not compress, of all sizes, in one batch. */
static void pour(struct hit_log *l, struct noise *noise, unsigned from)
{
    struct job jobs[POUR];
    struct waiter w;

    waiter_init(&w);
    waiter_add(&w, POUR);
    for (unsigned i = 0; i < POUR; i++) {
        const size_t max = random_of(&noise->x) % 4 == 0 ? sizeof noise->octets[i] : 3000;
        const size_t size = 1 + random_of(&noise->x) % (max - 1);

        for (size_t b = 0; b < size; b++)
            noise->octets[i][b] = (uint8_t)random_of(&noise->x);
        jobs[i] =
            (struct job){ .hit = { .job = { .done = on_done },
                                   .hit = plain(from + i, from + i + 1, bytes_of(noise->octets[i], size)) },
                          .waiter = &w };
        assert_int_equal(hit_log_submit(l, &jobs[i].hit), TRAP_OK);
    }
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
}

static void check_size(const struct scratch *s, uint64_t budget)
{
    const uint64_t file = scratch_size(s, "samples.db"), wal = scratch_size(s, "samples.db-wal");

    if (file + wal > budget)
        fail_msg("%llu + %llu > %llu", (unsigned long long)file, (unsigned long long)wal,
                 (unsigned long long)budget);
}

/* A disk that is slower than we pour would make the log drop samples: it may lag behind, by less than it lets wait. */
static void catch_up(const struct scratch *s, uint64_t seq)
{
    struct store_db *db = open_reader(s, STORE_SAMPLES);
    struct sample sample;
    enum trap_err err = TRAP_ENOENT;

    for (unsigned i = 0; i < 6000 && err == TRAP_ENOENT; i++) {
        err = sample_get(db, seq, &sample);
        if (err == TRAP_ENOENT)
            (void)usleep(10000);
    }
    assert_int_equal(err, TRAP_OK);
    sample_free(&sample);
    store_close(&db);
}

static void test_budget_holds(void **state)
{
    static const uint64_t budgets[] = { 1 << 20, 3 << 20, 20 << 20 };
    struct noise *noise = calloc(1, sizeof *noise);

    (void)state;
    for (size_t b = 0; b < COUNT(budgets); b++) {
        struct conf_store conf = scratch_conf();
        struct scratch s;
        struct hit_log *l;
        const unsigned n = (unsigned)(budgets[b] / 6000 / POUR * POUR);
        uint64_t bytes;

        conf.samples_max_bytes = budgets[b];
        scratch_begin(&s, true);
        l = open_log(&s, &conf);
        for (unsigned i = 0; i < n; i += POUR) {
            pour(l, noise, i);
            check_size(&s, budgets[b]);
            if (i / POUR % 32 == 31)
                catch_up(&s, i + POUR);
        }
        hit_log_close(&l);
        check_size(&s, budgets[b]);
        bytes = scratch_size(&s, "samples.db");
        printf("budget %llu: %llu bytes, %llu samples\n", (unsigned long long)budgets[b],
               (unsigned long long)bytes, (unsigned long long)kept_in_all(&s));
        assert_true(bytes > budgets[b] / 2); /* and it is used */
        {
            struct store_db *db = open_reader(&s, STORE_SAMPLES);
            struct sample sample;

            assert_int_equal(sample_get(db, 1, &sample), TRAP_ENOENT);
            assert_int_equal(sample_get(db, n, &sample), TRAP_OK);
            sample_free(&sample);
            store_close(&db);
        }
        scratch_end(&s);
    }
    free(noise);
}

/* What went for the budget may come back. */
static void test_gone_is_forgotten(void **state)
{
    struct conf_store conf = scratch_conf();
    struct noise *noise = calloc(1, sizeof *noise);
    const struct hit first = plain(7, 4711, BYTES("A: b\r\n\r\nfirst"));
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct sample sample;

    (void)state;
    conf.samples_max_bytes = 1 << 20;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    add(l, &first);
    for (unsigned i = 0; i < 400; i += POUR)
        pour(l, noise, 5000 + i);
    db = open_reader(&s, STORE_SAMPLES);
    for (unsigned i = 0; i < 6000 && sample_by_digest(db, 4711, &sample) == TRAP_OK; i++) {
        sample_free(&sample);
        (void)usleep(10000);
    }
    assert_int_equal(sample_by_digest(db, 4711, &sample), TRAP_ENOENT);
    store_close(&db);
    add(l, &first); /* the same process, its memory included */
    hit_log_close(&l);
    db = open_reader(&s, STORE_SAMPLES);
    assert_int_equal(sample_by_digest(db, 4711, &sample), TRAP_OK);
    assert_int_equal(sample.hit, 402);
    sample_free(&sample);
    store_close(&db);
    scratch_end(&s);
    free(noise);
}

/* A reader that stays keeps the WAL from being used again: samples are dropped, the budget holds. */
static void test_reader_that_stays(void **state)
{
    struct conf_store conf = scratch_conf();
    struct noise *noise = calloc(1, sizeof *noise);
    const struct hit last = plain(7, 4711, BYTES("A: b\r\n\r\nlast"));
    char path[PATH_TEXT_MAX];
    sqlite3 *sq = NULL;
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct sample sample;

    (void)state;
    conf.samples_max_bytes = 2 << 20;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    pour(l, noise, 0);
    assert_int_equal(sqlite3_open(scratch_path(&s, "samples.db", path), &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, "BEGIN; SELECT count(*) FROM sample", NULL, NULL, NULL), SQLITE_OK);
    for (unsigned i = 0; i < 300; i += POUR) {
        pour(l, noise, 100 + i);
        check_size(&s, conf.samples_max_bytes);
    }
    assert_int_equal(sqlite3_exec(sq, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(sq);
    settle(&l, &s, &conf);
    add(l, &last);
    hit_log_close(&l);
    db = open_reader(&s, STORE_SAMPLES);
    assert_int_equal(sample_by_digest(db, 4711, &sample), TRAP_OK);
    sample_free(&sample);
    store_close(&db);
    scratch_end(&s);
    free(noise);
}

static void test_smaller_budget(void **state)
{
    struct conf_store conf = scratch_conf();
    struct noise *noise = calloc(1, sizeof *noise);
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct sample sample;

    (void)state;
    conf.samples_max_bytes = 32 << 20;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (unsigned i = 0; i < 1000; i += POUR)
        pour(l, noise, i);
    hit_log_close(&l);
    assert_true(scratch_size(&s, "samples.db") > 4 << 20);
    conf.samples_max_bytes = 2 << 20;
    l = open_log(&s, &conf);
    hit_log_close(&l);
    check_size(&s, conf.samples_max_bytes);
    db = open_reader(&s, STORE_SAMPLES);
    assert_int_equal(sample_get(db, 1, &sample), TRAP_ENOENT);
    assert_int_equal(sample_get(db, 1000, &sample), TRAP_OK); /* the newest stay */
    sample_free(&sample);
    store_close(&db);
    conf.samples_max_bytes = (1 << 20) - 1; /* under 1 MB: none */
    l = open_log(&s, &conf);
    pour(l, noise, 2000);
    hit_log_close(&l);
    assert_int_equal(kept_in_all(&s), 0);
    check_size(&s, 1 << 18);
    scratch_end(&s);
    free(noise);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_holds),
        cmocka_unit_test(test_gone_is_forgotten),
        cmocka_unit_test(test_reader_that_stays),
        cmocka_unit_test(test_smaller_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
