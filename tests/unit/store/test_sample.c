#include "hit_scratch.h"

#include <store/sample.h>

#include <sqlite3.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct hit_rcpt minted = { .klass = RCPT_MINTED, .address = BYTES_INIT("a@quellwerft.example") };
static const struct hit_rcpt typo = { .klass = RCPT_TYPO | RCPT_CATCHALL,
                                      .address = BYTES_INIT("a@exampel.org") };
static const struct hit_rcpt somebody[] = {
    { .klass = RCPT_TYPO, .address = BYTES_INIT("a@exampel.org") },
    { .klass = RCPT_RECYCLED, .address = BYTES_INIT("a@old-brand.example") },
};
static const struct hit_rcpt mixed[] = {
    { .klass = RCPT_RECYCLED, .address = BYTES_INIT("a@old-brand.example") },
    { .klass = RCPT_PRISTINE, .address = BYTES_INIT("a@shop.example") },
};

static struct hit plain(unsigned sender, uint64_t digest, struct bytes sample)
{
    return (struct hit){ .at = { 1772366400000001 },
                         .sender = ip_v4(203, 0, (uint8_t)(sender >> 8), (uint8_t)sender),
                         .helo = BYTES("h"),
                         .digest = digest,
                         .rcpts = &minted,
                         .rcpt_count = 1,
                         .sample = sample };
}

static void add(struct hit_log *l, const struct hit *h)
{
    struct job job;

    assert_int_equal(append(l, &job, h), TRAP_OK);
}

static bool is_kept(struct store_db *db, uint64_t seq, struct bytes expected)
{
    struct sample s;
    const enum trap_err err = sample_get(db, seq, &s);

    if (err == TRAP_ENOENT)
        return false;
    assert_int_equal(err, TRAP_OK);
    assert_int_equal(s.hit, seq);
    assert_true(bytes_eq(buf_bytes(&s.data), expected));
    sample_free(&s);
    return true;
}

static uint64_t kept_in_all(const struct scratch *s)
{
    struct store_db *db = open_reader(s, STORE_SAMPLES);
    uint64_t count = 0, bytes = 0;

    assert_int_equal(sample_count(db, &count, &bytes), TRAP_OK);
    assert_true(bytes == scratch_size(s, "samples.db"));
    store_close(&db);
    return count;
}

/* Waits until what was offered is in the file, or is not going to be. */
static void settle(struct hit_log **l, const struct scratch *s, const struct conf_store *conf)
{
    hit_log_close(l);
    *l = open_log(s, conf);
}

static void test_which_are_kept(void **state)
{
    static const struct {
        unsigned sender;
        uint64_t digest;
        unsigned day;
        bool restart, kept;
    } cases[] = {
        { 1, 100, 0, false, true },  /* new digest */
        { 1, 100, 0, false, false }, /* the same again */
        { 2, 100, 0, false, false }, /* from another sender: still the same mail */
        { 2, 100, 1, false, false }, /* and on another day */
        { 3, 100, 1, true, false },  /* and after a restart */
        { 1, 101, 0, false, true },  /* the sender's second of the day */
        { 1, 102, 0, false, true },  /* its third */
        { 1, 103, 0, false, false }, /* three a day */
        { 1, 104, 0, true, false },  /* also after a restart */
        { 2, 103, 0, false, true },  /* what was not kept of one is kept of another */
        { 1, 103, 0, false, false }, { 1, 105, 1, false, true }, /* next day */
    };
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    char text[COUNT(cases)][64];

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct hit h;

        (void)snprintf(text[i], 64, "Subject: sample number %u\r\n", i);
        h = plain(cases[i].sender, cases[i].digest, bytes_str(text[i]));
        h.at.us += (int64_t)cases[i].day * WALL_US_PER_DAY;
        if (cases[i].restart)
            settle(&l, &s, &conf);
        add(l, &h);
    }
    hit_log_close(&l);
    db = open_reader(&s, STORE_SAMPLES);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct sample sample;
        const bool found = is_kept(db, i + 1, bytes_str(text[i]));

        if (found != cases[i].kept)
            fail_msg("case %u", i);
        /* The campaign's sample is found from each hit. */
        if (cases[i].digest == 100) {
            assert_int_equal(sample_of(db, i + 1, 100, &sample), TRAP_OK);
            assert_int_equal(sample.hit, 1);
            assert_true(bytes_eq(buf_bytes(&sample.data), bytes_str(text[0])));
            sample_free(&sample);
        }
    }
    {
        struct sample sample;

        assert_int_equal(sample_of(db, 9, 104, &sample), TRAP_ENOENT);
    }
    store_close(&db);
    scratch_end(&s);
}

static void test_flood_costs_one_copy(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (unsigned i = 0; i < 400; i++) {
        const struct hit h = plain(i, 4711, BYTES("Subject: the same\r\n\r\nfor all\r\n"));

        if (i % 100 == 0)
            settle(&l, &s, &conf);
        add(l, &h);
    }
    hit_log_close(&l);
    assert_int_equal(kept_in_all(&s), 1);
    scratch_end(&s);
}

static void test_header_only(void **state)
{
#define HEAD "Subject: private\r\nX-A: b\r\n c\r\n"
    static const struct {
        struct bytes wire, kept;
    } cases[] = {
        { BYTES_INIT(HEAD "\r\nbody"), BYTES_INIT(HEAD "\r\n") },
        { BYTES_INIT(HEAD "\nbody"), BYTES_INIT(HEAD "\n") }, /* bare LF ends it, too */
        { BYTES_INIT(HEAD "no field\r\n"), BYTES_INIT(HEAD) },
        { BYTES_INIT(HEAD "..\r\nbody"), BYTES_INIT(HEAD) },
        { BYTES_INIT(HEAD "Cut-in-the-na"), BYTES_INIT(HEAD) }, /* field, or body? */
        { BYTES_INIT(HEAD "\r"), BYTES_INIT(HEAD) },
        { BYTES_INIT(HEAD "Date: cut in the val"), BYTES_INIT(HEAD "Date: cut in the val") },
        { BYTES_INIT("all of it is body"), BYTES_INIT("") },
        { BYTES_INIT("\r\nbody"), BYTES_INIT("\r\n") },
    };
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct hit h = plain(i, i + 1, cases[i].wire);

        h.rcpts = i % 2 == 0 ? &typo : somebody;
        h.rcpt_count = i % 2 == 0 ? 1 : 2;
        add(l, &h);
    }
    hit_log_close(&l);
    db = open_reader(&s, STORE_SAMPLES);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct sample sample;

        assert_int_equal(sample_get(db, i + 1, &sample), TRAP_OK);
        assert_true(sample.header_only);
        if (!bytes_eq(buf_bytes(&sample.data), cases[i].kept))
            fail_msg("case %u: \"%.*s\"", i, (int)sample.data.n, (const char *)sample.data.p);
        sample_free(&sample);
    }
    store_close(&db);
    scratch_end(&s);
}

/* A header gives way to the whole; a header does not take the place of anything. */
static void test_header_becomes_whole(void **state)
{
    static const struct {
        bool header_only, restart;
        uint64_t now; /* the hit whose sample is in the file afterwards */
    } steps[] = { { true, false, 1 },  { true, false, 1 }, { true, true, 1 }, { false, false, 4 },
                  { false, false, 4 }, { true, false, 4 }, { true, true, 4 }, { false, true, 4 } };
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;

    (void)state;
    scratch_begin(&s, true);
    for (unsigned i = 0; i < COUNT(steps); i++) {
        struct hit h = plain(i, 9, BYTES("A: b\r\n\r\nbody"));
        struct store_db *db;
        struct sample sample;

        if (i == 0 || steps[i].restart)
            l = open_log(&s, &conf);
        h.rcpts = steps[i].header_only ? &typo : mixed;
        h.rcpt_count = steps[i].header_only ? 1 : 2;
        add(l, &h);
        if (i + 1 == COUNT(steps) || steps[i + 1].restart)
            hit_log_close(&l);
        else
            continue;
        db = open_reader(&s, STORE_SAMPLES);
        assert_int_equal(sample_of(db, i + 1, 9, &sample), TRAP_OK);
        if (sample.hit != steps[i].now)
            fail_msg("step %u: sample of hit %u", i, (unsigned)sample.hit);
        assert_int_equal(sample.header_only, steps[i].now == 1);
        sample_free(&sample);
        store_close(&db);
    }
    assert_int_equal(kept_in_all(&s), 1);
    scratch_end(&s);
}

static void test_wire_and_content(void **state)
{
    static const struct {
        uint32_t flags;
        struct bytes wire, content;
    } cases[] = {
        { 0, BYTES_INIT("A: b\r\n\r\n..dot\r\n...\r\n.x\r\n"),
          BYTES_INIT("A: b\r\n\r\n.dot\r\n..\r\nx\r\n") },
        { HIT_BDAT, BYTES_INIT("A: b\r\n\r\n..dot\r\n.\r\n\0\n"),
          BYTES_INIT("A: b\r\n\r\n..dot\r\n.\r\n\0\n") },
        { HIT_8BIT, BYTES_INIT("\xff\n.\n\r.\r\0"), BYTES_INIT("\xff\n.\n\r.\r\0") },
    };
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct hit h = plain(i, i + 1, cases[i].wire);

        h.flags = cases[i].flags;
        add(l, &h);
    }
    hit_log_close(&l);
    db = open_reader(&s, STORE_SAMPLES);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct sample sample;
        struct buf content;

        buf_init(&content, 1000);
        assert_int_equal(sample_by_digest(db, i + 1, &sample), TRAP_OK);
        assert_true(bytes_eq(buf_bytes(&sample.data), cases[i].wire));
        assert_int_equal(sample.form, cases[i].flags == HIT_BDAT ? SAMPLE_CHUNKS : SAMPLE_DATA);
        assert_int_equal(sample_content(&sample, &content), TRAP_OK);
        if (!bytes_eq(buf_bytes(&content), cases[i].content))
            fail_msg("case %u", i);
        sample.form = SAMPLE_CONTENT; /* an older file's */
        buf_reset(&content);
        assert_int_equal(sample_content(&sample, &content), TRAP_OK);
        assert_true(bytes_eq(buf_bytes(&content), cases[i].wire));
        sample_free(&sample);
        buf_free(&content);
    }
    store_close(&db);
    scratch_end(&s);
}

/* ---- the budget ---- */

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
    for (unsigned i = 0; i < 500 && sample_by_digest(db, 4711, &sample) == TRAP_OK; i++) {
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
        cmocka_unit_test(test_which_are_kept),    cmocka_unit_test(test_flood_costs_one_copy),
        cmocka_unit_test(test_header_only),       cmocka_unit_test(test_header_becomes_whole),
        cmocka_unit_test(test_wire_and_content),  cmocka_unit_test(test_budget_holds),
        cmocka_unit_test(test_gone_is_forgotten), cmocka_unit_test(test_reader_that_stays),
        cmocka_unit_test(test_smaller_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
