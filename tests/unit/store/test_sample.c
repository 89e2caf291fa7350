/* Which heads of messages are kept, and as what. */
#include "sample_scratch.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_are_kept),   cmocka_unit_test(test_flood_costs_one_copy),
        cmocka_unit_test(test_header_only),      cmocka_unit_test(test_header_becomes_whole),
        cmocka_unit_test(test_wire_and_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
