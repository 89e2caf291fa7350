#include "scratch.h"

#include <store/published.h>

static struct prefix prefix(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(bytes_str(text), &p), TRAP_OK);
    return p;
}

struct text {
    char text[1024];
    size_t n;
};

static enum trap_err on_change(const struct published_change *c, void *arg)
{
    struct text *t = arg;
    char p[PREFIX_TEXT_MAX];

    t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%u %.*s %s %u %.*s %lld\n", c->serial,
                             (int)c->zone.n, (const char *)c->zone.p, prefix_text(c->prefix, p), c->kind,
                             (int)c->reason.n, (const char *)c->reason.p, (long long)c->until.us);
    return TRAP_OK;
}

static void append(struct store_db *db, uint32_t serial, const struct published_change *changes, size_t n)
{
    const struct published_set set = { .serial = serial,
                                       .as_of = { 10 + serial },
                                       .at = { 20 + serial },
                                       .policy_digest = BYTES("p"),
                                       .manifest_digest = BYTES("m"),
                                       .entries = n };
    struct err_text why = { "" };

    assert_trap_ok(published_append(db, &set, changes, n, &why), why);
}

static void test_append_members_history(void **state)
{
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    struct published_set last = { .serial = 99 };
    struct text t = { .n = 0 };

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_PUBLISHED, STORE_WRITE, &db, &why), why);
    assert_int_equal(published_last(db, &last), TRAP_ENOENT);
    assert_int_equal(last.serial, 99);
    {
        const struct published_change first[] = {
            { 0, BYTES("a.example"), prefix("9.9.9.9"), PUBLISHED_ADDED, BYTES("evidence"), { 100 } },
            { 0, BYTES("a.example"), prefix("9.9.9.0/24"), PUBLISHED_ADDED, BYTES("evidence"), { 100 } },
            { 0, BYTES("a.example"), prefix("2a00::/64"), PUBLISHED_ADDED, BYTES("evidence"), { 100 } },
            { 0, BYTES("b.example"), prefix("9.9.9.9"), PUBLISHED_ADDED, BYTES("evidence"), { 100 } },
            { 0,
              BYTES("a.example"),
              prefix("8.8.8.8"),
              PUBLISHED_SAVED,
              BYTES("never-list 8.8.8.0/24"),
              { 0 } },
        };
        const struct published_change second[] = {
            { 0, BYTES("a.example"), prefix("9.9.9.9"), PUBLISHED_REMOVED, BYTES("expired"), { 0 } },
            { 0, BYTES("b.example"), prefix("9.9.9.9"), PUBLISHED_ADDED, BYTES("evidence"), { 200 } },
        };

        append(db, 5, first, 5);
        append(db, 6, second, 2);
    }
    assert_int_equal(published_last(db, &last), TRAP_OK);
    assert_int_equal(last.serial, 6);
    assert_int_equal(last.as_of.us, 16);
    assert_int_equal(last.at.us, 26);
    assert_int_equal(last.entries, 2);
    assert_int_equal(published_members(db, BYTES("a.example"), on_change, &t), TRAP_OK);
    assert_string_equal(t.text,
                        "5 a.example 9.9.9.0/24 1 evidence 100\n5 a.example 2a00::/64 1 evidence 100\n");
    t.n = 0;
    assert_int_equal(published_members(db, BYTES("b.example"), on_change, &t), TRAP_OK);
    assert_string_equal(t.text, "6 b.example 9.9.9.9 1 evidence 200\n");
    t = (struct text){ .n = 0 };
    assert_int_equal(published_members(db, BYTES("c.example"), on_change, &t), TRAP_OK);
    assert_string_equal(t.text, "");
    /* An address: its own history and that of what covers it. */
    assert_int_equal(published_history(db, prefix("9.9.9.9"), 10, on_change, &t), TRAP_OK);
    assert_string_equal(t.text, "6 b.example 9.9.9.9 1 evidence 200\n6 a.example 9.9.9.9 2 expired 0\n"
                                "5 b.example 9.9.9.9 1 evidence 100\n5 a.example 9.9.9.0/24 1 evidence 100\n"
                                "5 a.example 9.9.9.9 1 evidence 100\n");
    t.n = 0;
    assert_int_equal(published_history(db, prefix("9.9.9.9"), 1, on_change, &t), TRAP_OK);
    assert_string_equal(t.text, "6 b.example 9.9.9.9 1 evidence 200\n");
    t.n = 0;
    assert_int_equal(published_history(db, prefix("8.0.0.0/8"), 10, on_change, &t), TRAP_OK);
    assert_string_equal(t.text, "5 a.example 8.8.8.8 3 never-list 8.8.8.0/24 0\n");
    store_close(&db);
    scratch_end(&s);
}

static void test_serial_only_grows(void **state)
{
    const struct published_change c = {
        0, BYTES("a.example"), prefix("9.9.9.9"), PUBLISHED_ADDED, BYTES("evidence"), { 1 }
    };
    struct published_set set = { .serial = 5 };
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    struct text t = { .n = 0 };

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_PUBLISHED, STORE_WRITE, &db, &why), why);
    append(db, 5, NULL, 0);
    for (uint32_t serial = 4; serial <= 5; serial++) {
        set.serial = serial;
        assert_int_equal(published_append(db, &set, &c, 1, &why), TRAP_EINVAL);
        assert_non_null(strstr(why.text, "serial"));
    }
    assert_int_equal(published_history(db, prefix("9.9.9.9"), 10, on_change, &t), TRAP_OK);
    assert_int_equal(t.n, 0);
    append(db, 6, &c, 1);
    store_close(&db);
    scratch_end(&s);
}

struct order {
    struct prefix last;
    size_t n;
};

static enum trap_err in_order(const struct published_change *c, void *arg)
{
    struct order *o = arg;

    assert_true(o->n == 0 || prefix_cmp(o->last, c->prefix) < 0);
    o->last = c->prefix;
    if (o->n++ % 20000 == 0)
        (void)usleep(60000); /* longer than a read transaction may last: the walk begins a new one */
    return TRAP_OK;
}

/* More members than one read transaction serves: each once, in order. */
static void test_many_members(void **state)
{
    enum { MANY = 60000 };
    struct published_change *c = calloc(MANY, sizeof *c);
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_PUBLISHED, STORE_WRITE, &db, &why), why);
    for (unsigned i = 0; i < MANY; i++)
        c[i] =
            (struct published_change){ 0,
                                       BYTES("a.example"),
                                       { ip_v4(9, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i), 128 },
                                       PUBLISHED_ADDED,
                                       BYTES("evidence"),
                                       { 1 } };
    append(db, 1, c, MANY);
    {
        struct text t = { .n = 0 };
        struct order o = { .n = 0 };
        struct prefix p = prefix("9.0.234.95"); /* the last one */

        assert_int_equal(published_members(db, BYTES("a.example"), in_order, &o), TRAP_OK);
        assert_int_equal(o.n, MANY);
        assert_int_equal(published_history(db, p, 10, on_change, &t), TRAP_OK);
        assert_string_equal(t.text, "1 a.example 9.0.234.95 1 evidence 1\n");
    }
    free(c);
    store_close(&db);
    scratch_end(&s);
}

static void test_saved_are_counted(void **state)
{
    const struct published_change changes[] = {
        { 0, BYTES("a.example"), prefix("9.9.9.9"), PUBLISHED_SAVED, BYTES("guard 9.9.9.0/24"), { 0 } },
        { 0, BYTES("b.example"), prefix("9.9.9.9"), PUBLISHED_SAVED, BYTES("guard 9.9.9.0/24"), { 0 } },
        { 0, BYTES("a.example"), prefix("9.9.9.8"), PUBLISHED_ADDED, BYTES("evidence"), { 100 } },
    };
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    uint64_t n = 99;

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_PUBLISHED, STORE_WRITE, &db, &why), why);
    assert_int_equal(published_saved(db, &n), TRAP_OK);
    assert_int_equal(n, 0);
    append(db, 1, changes, 3);
    append(db, 2, changes, 1);
    assert_int_equal(published_saved(db, &n), TRAP_OK);
    assert_int_equal(n, 3);
    store_close(&db);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_members_history), cmocka_unit_test(test_saved_are_counted),
        cmocka_unit_test(test_serial_only_grows),
        cmocka_unit_test(test_many_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
