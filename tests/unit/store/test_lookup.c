#include "scratch.h"

#include <store/lookup.h>

#include <stdio.h>

static void test_words(void **state)
{
    static const struct bytes hostile = BYTES_INIT("a b=c%\n\x1b\xff\0z");
    struct buf b, back;
    struct bytes raw;

    (void)state;
    buf_init(&b, 1024);
    buf_init(&back, 1024);
    lookup_word_add(&b, "name", hostile);
    lookup_word_add(&b, "as", BYTES("64500"));
    lookup_word_add(&b, "empty", BYTES(""));
    assert_string_equal(buf_cstr(&b), "name=a%20b%3Dc%25%0A%1B%FF%00z as=64500 empty=");
    assert_true(lookup_word_text(buf_bytes(&b), "name", &back));
    assert_true(bytes_eq(buf_bytes(&back), hostile));
    assert_true(lookup_word_is(buf_bytes(&b), "as", "64500"));
    assert_false(lookup_word_is(buf_bytes(&b), "as", "645"));
    assert_true(lookup_word(buf_bytes(&b), "empty", &raw) && raw.n == 0);
    assert_false(lookup_word(buf_bytes(&b), "a", &raw));
    assert_false(lookup_word(buf_bytes(&b), "nam", &raw));
    assert_false(lookup_word(BYTES(""), "a", &raw));
    buf_reset(&back);
    assert_true(lookup_word_text(BYTES("x=%4 y=1"), "x", &back)); /* no escape: as it stands */
    assert_string_equal(buf_cstr(&back), "%4");
    buf_free(&b);
    buf_free(&back);
}

struct seen {
    unsigned n;
    uint64_t last;
    char text[4096];
};

static enum trap_err on_act(const struct act *a, void *arg)
{
    struct seen *s = arg;
    const size_t at = strlen(s->text);

    (void)snprintf(s->text + at, sizeof s->text - at, "%.*s=%.*s;", (int)a->subject.n, (const char *)a->subject.p,
                   (int)a->detail.n, (const char *)a->detail.p);
    s->n++;
    s->last = a->seq;
    return TRAP_OK;
}

static void append(struct store_db *db, enum act_kind kind, const char *subject, const char *detail)
{
    struct act a = {
        .at = { 5 }, .kind = (uint8_t)kind, .subject = bytes_str(subject), .detail = bytes_str(detail)
    };
    struct err_text why = { "" };

    assert_trap_ok(act_append(db, &a, 1, &why), why);
}

static void test_read(void **state)
{
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    struct seen seen = { 0 };
    uint64_t last = 99;

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_ACTS, STORE_WRITE, &db, &why), why);
    append(db, ACT_LOOKUP, "provider:b.example", "1");
    append(db, ACT_LOOKUP, "203.0.113.9", "2");
    append(db, ACT_ALLOW, "provider:x.example", "3"); /* another kind */
    append(db, ACT_LOOKUP, "provider:a.example", "4");
    append(db, ACT_LOOKUP, "provider:b.example", "5");
    append(db, ACT_LOOKUP, "crawler:203.0.113.9", "6");
    append(db, ACT_LOOKUP, "providers", "7"); /* no colon */

    assert_int_equal(lookup_each(db, LOOKUP_PROVIDER, on_act, &seen), TRAP_OK);
    assert_string_equal(seen.text, "provider:a.example=4;provider:b.example=1;provider:b.example=5;");
    seen = (struct seen){ 0 };
    assert_int_equal(lookup_newest(db, BYTES("provider:b.example"), on_act, &seen), TRAP_OK);
    assert_string_equal(seen.text, "provider:b.example=5;");
    assert_int_equal(lookup_newest(db, BYTES("provider:x.example"), on_act, &seen), TRAP_ENOENT);
    assert_int_equal(lookup_as_of(db, BYTES("provider:b.example"), (wall_t){ 4 }, on_act, &seen), TRAP_ENOENT);
    assert_int_equal(lookup_as_of(db, BYTES("provider:b.example"), (wall_t){ 5 }, on_act, &seen), TRAP_OK);
    assert_int_equal(lookup_last(db, LOOKUP_PROVIDER, &last), TRAP_OK);
    assert_int_equal(last, 5);
    assert_int_equal(lookup_last(db, "nothing:", &last), TRAP_OK);
    assert_int_equal(last, 0);
    seen = (struct seen){ 0 };
    assert_int_equal(act_each_rule(db, 0, 100, on_act, &seen, &last), TRAP_OK);
    assert_string_equal(seen.text, "provider:x.example=3;");
    assert_int_equal(last, 3);
    assert_int_equal(act_last_rule(db, &last), TRAP_OK);
    assert_int_equal(last, 3);
    store_close(&db);
    scratch_end(&s);
}

/* More than one page. */
static void test_read_many(void **state)
{
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    struct seen seen = { 0 };

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_ACTS, STORE_WRITE, &db, &why), why);
    for (unsigned batch = 0; batch < 25; batch++) {
        struct act acts[ACT_BATCH_MAX];

        for (unsigned i = 0; i < ACT_BATCH_MAX; i++)
            acts[i] = (struct act){ .kind = ACT_LOOKUP,
                                    .subject = i % 2 == 0 ? BYTES("provider:a.example") : BYTES("provider:b.example") };
        assert_trap_ok(act_append(db, acts, ACT_BATCH_MAX, &why), why);
    }
    assert_int_equal(lookup_each(db, LOOKUP_PROVIDER, on_act, &seen), TRAP_OK);
    assert_int_equal(seen.n, 2500);
    assert_int_equal(seen.last, 2500);
    store_close(&db);
    scratch_end(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
