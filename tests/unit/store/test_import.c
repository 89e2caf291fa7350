/* Records with sequences and times of their own. */
#include "scratch.h"

#include <store/act_log.h>
#include <store/epochs.h>
#include <store/hit_log.h>
#include <store/import.h>

static struct store_import *open_import(const struct scratch *s)
{
    struct store_import *i = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_import_open(s->dir, &i, &why), why);
    return i;
}

static void close_import(struct store_import *i)
{
    struct err_text why = { "" };

    assert_trap_ok(store_import_close(&i, true, &why), why);
}

static struct visit visit_at(uint64_t seq, int64_t us)
{
    return (struct visit){
        .seq = seq, .at = { us }, .client = ip_v4(81, 2, 69, 160), .page = BYTES("/p"), .recipe = 1
    };
}

static const struct hit_rcpt rcpt = { .klass = RCPT_PRISTINE, .address = BYTES_INIT("sales@shop.example") };

static enum trap_err seen(const struct visit *v, void *arg)
{
    *(struct visit *)arg = *v;
    return TRAP_OK;
}

/* Sequences of each log rise; what does not is refused, and the next record goes on. */
static void test_sequences(void **state)
{
    static const struct {
        uint64_t seq;
        enum trap_err err;
        uint64_t got;
    } cases[] = {
        { 0, TRAP_OK, 1 },     { 0, TRAP_OK, 2 },   { 2, TRAP_EINVAL, 0 },
        { 9, TRAP_OK, 9 },     { 0, TRAP_OK, 10 },  { UINT64_MAX, TRAP_EINVAL, 0 },
        { 1, TRAP_EINVAL, 0 }, { 11, TRAP_OK, 11 },
    };
    struct scratch s;
    struct store_import *i;

    (void)state;
    scratch_begin(&s, true);
    i = open_import(&s);
    assert_int_equal(store_import_node(i), 7);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct visit v = visit_at(cases[k].seq, 1000 + (int64_t)k);
        struct hit h = {
            .seq = cases[k].seq, .at = { 5 }, .sender = v.client, .rcpts = &rcpt, .rcpt_count = 1
        };
        struct session_record r = { .seq = cases[k].seq, .at = { 5 }, .client = v.client };
        const struct act a = { .seq = cases[k].seq, .at = { 5 }, .kind = ACT_ALLOW };

        assert_int_equal(store_import_visit(i, &v), cases[k].err);
        assert_int_equal(store_import_hit(i, &h), cases[k].err);
        assert_int_equal(store_import_session(i, &r), cases[k].err);
        assert_int_equal(store_import_act(i, &a), cases[k].err);
        if (cases[k].err == TRAP_OK)
            assert_int_equal(v.seq, cases[k].got);
    }
    close_import(i);
    i = open_import(&s); /* goes on behind what is there */
    struct visit v = visit_at(0, 9);
    assert_int_equal(store_import_visit(i, &v), TRAP_OK);
    assert_int_equal(v.seq, 12);
    close_import(i);
    scratch_end(&s);
}

static void test_epochs(void **state)
{
    static const struct {
        struct visit_epoch e;
        enum trap_err err;
    } cases[] = {
        { { 1, 1, { 77 } }, TRAP_OK },     /* that of the new file */
        { { 1, 2, { 77 } }, TRAP_EINVAL }, /* another beginning */
        { { 2, 1, { 77 } }, TRAP_EINVAL }, /* would take a visit that is there */
        { { 2, 0, { 78 } }, TRAP_OK },     { { 5, 40, { 79 } }, TRAP_OK }, { { 4, 50, { 80 } }, TRAP_EINVAL },
    };
    struct mint_window *window = calloc(1, sizeof *window);
    struct visit v = visit_at(0, 5), got = { .seq = 0 };
    struct err_text why = { "" };
    struct scratch s;
    struct store_import *i;
    struct store_db *db = NULL;

    (void)state;
    assert_non_null(window);
    scratch_begin(&s, true);
    i = open_import(&s);
    assert_int_equal(store_import_visit(i, &v), TRAP_OK);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_int_equal(store_import_epoch(i, &cases[k].e), cases[k].err);
    v = visit_at(0, 6);
    assert_int_equal(store_import_visit(i, &v), TRAP_OK);
    assert_true(v.seq == 40 && v.epoch == 5 && v.serial == 0);
    assert_int_equal(store_import_find(i, 40, &got), TRAP_OK);
    assert_true(got.epoch == 5 && got.at.us == 6);
    close_import(i);
    assert_trap_ok(epochs_read(s.dir, window, &why), why);
    assert_int_equal(window->node[7].newest, 5);
    assert_trap_ok(store_open(s.dir, STORE_VISITS, STORE_READ, &db, &why), why);
    assert_int_equal(visit_by_serial(db, 5, 0, seen, &got), TRAP_OK);
    store_close(&db);
    free(window);
    scratch_end(&s);
}

/* A truncated client keeps its network, and is nobody's when one address is looked for. */
static void test_truncated(void **state)
{
    static const struct {
        const char *client, *network;
    } cases[] = { { "81.2.69.160", "81.2.69.0" }, { "2a02:cf40:1:2::9", "2a02:cf40:1::" } };
    struct err_text why = { "" };
    struct scratch s;
    struct store_import *i;
    struct store_db *db = NULL;

    (void)state;
    scratch_begin(&s, true);
    i = open_import(&s);
    for (size_t k = 0; k < 2; k++) {
        struct visit v = visit_at(0, 5);

        v.flags = VISIT_TRUNCATED | VISIT_NOT_SHOWN;
        assert_int_equal(ip_parse(bytes_str(cases[k].client), &v.client), TRAP_OK);
        assert_int_equal(store_import_visit(i, &v), TRAP_OK);
    }
    close_import(i);
    assert_trap_ok(store_open(s.dir, STORE_VISITS, STORE_READ, &db, &why), why);
    for (size_t k = 0; k < 2; k++) {
        struct visit got = { .seq = 0 };
        struct ip network;

        assert_int_equal(ip_parse(bytes_str(cases[k].network), &network), TRAP_OK);
        assert_int_equal(visit_get(db, k + 1, seen, &got), TRAP_OK);
        assert_true(ip_eq(got.client, network));
        assert_int_equal(got.flags, VISIT_TRUNCATED | VISIT_NOT_SHOWN);
        assert_int_equal(visit_facts(db, k + 1, &got), TRAP_OK);
        assert_int_equal(got.flags, VISIT_TRUNCATED | VISIT_NOT_SHOWN);
        got.seq = 0;
        assert_int_equal(visit_by_client(db, prefix_of(network, 128), 10, seen, &got), TRAP_OK);
        assert_int_equal(got.seq, 0);
    }
    store_close(&db);
    scratch_end(&s);
}

static void test_erased(void **state)
{
    struct err_text why = { "" };
    struct scratch s;
    struct store_import *i;
    struct store_db *db = NULL;
    uint64_t last = 0, erased = 0;
    struct visit v = visit_at(0, 5);

    (void)state;
    scratch_begin(&s, true);
    i = open_import(&s);
    assert_int_equal(store_import_erased(i, RECORD_VISIT, 10, 20), TRAP_OK);
    assert_int_equal(store_import_erased(i, RECORD_ACT, 10, 20), TRAP_EINVAL);
    assert_int_equal(store_import_erased(i, RECORD_HIT, 0, 3), TRAP_OK);
    assert_int_equal(store_import_visit(i, &v), TRAP_OK);
    assert_int_equal(v.seq, 21);
    close_import(i);
    assert_trap_ok(store_open(s.dir, STORE_VISITS, STORE_READ, &db, &why), why);
    assert_int_equal(visit_bounds(db, &last, &erased), TRAP_OK);
    assert_true(last == 21 && erased == 10);
    store_close(&db);
    assert_trap_ok(store_open(s.dir, STORE_HITS, STORE_READ, &db, &why), why);
    assert_int_equal(hit_bounds(db, &last, &erased), TRAP_OK);
    assert_true(last == 3 && erased == 0);
    store_close(&db);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_erased),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
