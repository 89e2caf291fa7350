#include <store/act_words.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those above */
#include <cmocka.h>

static void test_round_trip(void **state)
{
    uint8_t all[256];
    struct buf text, value;
    struct bytes rest, key, raw;

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    buf_init(&text, 4096);
    buf_init(&value, 4096);
    act_word_add(&text, "first", BYTES("a b%c"));
    act_word_add(&text, "x-2", bytes_of(all, sizeof all));
    act_word_add(&text, "empty", BYTES(""));
    assert_true(bytes_has_prefix(buf_bytes(&text), BYTES("first=a%20b%25c x-2=%00%01")));
    rest = buf_bytes(&text);
    assert_int_equal(act_word_next(&rest, &key, &raw), TRAP_OK);
    assert_true(bytes_eq(key, BYTES("first")));
    assert_int_equal(act_word_value(raw, &value), TRAP_OK);
    assert_true(bytes_eq(buf_bytes(&value), BYTES("a b%c")));
    buf_reset(&value);
    assert_int_equal(act_word_next(&rest, &key, &raw), TRAP_OK);
    assert_int_equal(act_word_value(raw, &value), TRAP_OK);
    assert_true(bytes_eq(buf_bytes(&value), bytes_of(all, sizeof all)));
    assert_int_equal(act_word_next(&rest, &key, &raw), TRAP_OK);
    assert_true(bytes_eq(key, BYTES("empty")) && raw.n == 0);
    assert_int_equal(act_word_next(&rest, &key, &raw), TRAP_ENOENT);
    buf_free(&value);
    buf_free(&text);
}

static void test_refused(void **state)
{
    static const struct bytes cases[] = {
        BYTES_INIT("x"),     BYTES_INIT("=1"),    BYTES_INIT(" a=1"),  BYTES_INIT("A=1"),   BYTES_INIT("a=1 "),
        BYTES_INIT("a=%"),   BYTES_INIT("a=%4"),  BYTES_INIT("a=%4g"), BYTES_INIT("a=\x7f"), BYTES_INIT("a=\xc3\xa9"),
        BYTES_INIT("a_b=1"), BYTES_INIT("a=1  b=2"), BYTES_INIT("a=\t"), BYTES_INIT("a=\0"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes rest = cases[i], key, value;
        enum trap_err err;
        while ((err = act_word_next(&rest, &key, &value)) == TRAP_OK)
            ;
        if (err != TRAP_EINVAL)
            fail_msg("case %zu: %s", i, err_name(err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refused) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
