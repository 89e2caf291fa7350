#include "scratch.h"

#include <store/act_log.h>

#include <sqlite3.h>

static struct store_db *open_db(const struct scratch *s, enum store_mode mode)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, STORE_ACTS, mode, &db, &why), why);
    return db;
}

static const struct act plain = { .at = { 11 },
                                  .until = { 22 },
                                  .kind = ACT_DENY,
                                  .subject = BYTES_INIT("203.0.113.0/24"),
                                  .detail = BYTES_INIT("d\0d"),
                                  .who = BYTES_INIT("root"),
                                  .why = BYTES_INIT("abuse report") };

static enum trap_err on_act(const struct act *a, void *arg)
{
    uint64_t *last = arg;

    assert_int_equal(a->seq, *last + 1);
    *last = a->seq;
    assert_int_equal(a->at.us, 11);
    assert_int_equal(a->until.us, 22);
    assert_int_equal(a->kind, ACT_DENY);
    assert_true(bytes_eq(a->subject, plain.subject) && bytes_eq(a->detail, plain.detail) &&
                bytes_eq(a->who, plain.who) && bytes_eq(a->why, plain.why));
    return TRAP_OK;
}

static void test_round_trip(void **state)
{
    struct scratch s;
    struct store_db *db;
    struct act acts[ACT_BATCH_MAX];
    struct err_text why = { "" };
    uint64_t last = 99, seen = 0, upto = 0;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(act_last(db, &last), TRAP_OK);
    assert_int_equal(last, 0);
    for (unsigned i = 0; i < ACT_BATCH_MAX; i++)
        acts[i] = plain;
    assert_trap_ok(act_append(db, acts, ACT_BATCH_MAX, &why), why);
    assert_int_equal(acts[0].seq, 1);
    assert_int_equal(acts[99].seq, 100);
    assert_trap_ok(act_append(db, acts, 1, &why), why);
    assert_int_equal(acts[0].seq, 101);
    store_close(&db);
    db = open_db(&s, STORE_READ);
    assert_int_equal(act_last(db, &last), TRAP_OK);
    assert_int_equal(last, 101);
    assert_int_equal(act_each(db, 0, 1000, on_act, &seen, &upto), TRAP_OK);
    assert_int_equal(upto, 101);
    seen = 50;
    assert_int_equal(act_each(db, 50, 10, on_act, &seen, &upto), TRAP_OK);
    assert_int_equal(upto, 60);
    store_close(&db);
    scratch_end(&s);
}

enum { WRITERS = 4, EACH = 50 };

static void *append_many(void *arg)
{
    struct store_db *db = open_db(arg, STORE_WRITE);
    struct err_text why = { "" };

    for (unsigned i = 0; i < EACH; i++) {
        struct act a = plain;

        assert_trap_ok(act_append(db, &a, 1, &why), why);
    }
    store_close(&db);
    return NULL;
}

/* Several programs at once: every act is there, without gaps. */
static void test_several_writers(void **state)
{
    struct scratch s;
    struct store_db *db;
    pthread_t threads[WRITERS];
    uint64_t seen = 0, upto = 0;

    (void)state;
    scratch_begin(&s, true);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &s), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    db = open_db(&s, STORE_READ);
    assert_int_equal(act_each(db, 0, 1000, on_act, &seen, &upto), TRAP_OK);
    assert_int_equal(upto, WRITERS * EACH);
    store_close(&db);
    scratch_end(&s);
}

/* All or none: the third row of three cannot go in. */
static void test_append_is_atomic(void **state)
{
    struct scratch s;
    struct store_db *db;
    struct act acts[3] = { plain, plain, plain };
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];
    sqlite3 *sq = NULL;
    uint64_t last = 99;

    (void)state;
    scratch_begin(&s, true);
    assert_int_equal(sqlite3_open(scratch_path(&s, "acts.db", path), &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq,
                                  "CREATE TRIGGER no_third BEFORE INSERT ON act WHEN new.seq = 3 "
                                  "BEGIN SELECT raise(ABORT, 'no third'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
    db = open_db(&s, STORE_WRITE);
    assert_int_not_equal(act_append(db, acts, 3, &why), TRAP_OK);
    assert_non_null(strstr(why.text, "no third"));
    assert_int_equal(acts[0].seq, 0);
    assert_int_equal(act_last(db, &last), TRAP_OK);
    assert_int_equal(last, 0);
    assert_trap_ok(act_append(db, acts, 2, &why), why);
    store_close(&db);
    scratch_end(&s);
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned k = ACT_ALLOW; k <= ACT_EPOCH; k++) {
        enum act_kind back;

        assert_string_not_equal(act_kind_name((enum act_kind)k), "unknown");
        assert_int_equal(act_kind_parse(bytes_str(act_kind_name((enum act_kind)k)), &back), TRAP_OK);
        assert_int_equal(back, k);
    }
    {
        enum act_kind back = ACT_ALLOW;

        assert_int_equal(act_kind_parse(BYTES(""), &back), TRAP_EINVAL);
        assert_int_equal(act_kind_parse(BYTES("allowed"), &back), TRAP_EINVAL);
    }
    assert_string_equal(rcpt_class_name(RCPT_RECYCLED | RCPT_CATCHALL), "recycled");
    assert_string_equal(rcpt_class_name(0), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_several_writers),
        cmocka_unit_test(test_append_is_atomic),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
