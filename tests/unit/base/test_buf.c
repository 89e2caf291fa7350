#include <base/buf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The linker sends every realloc() here (tests/unit/base/CMakeLists.txt). */
static bool no_memory;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
    return no_memory ? NULL : __real_realloc(p, n);
}

static void test_limit(void **state)
{
    (void)state;
    static const size_t maxima[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 1000 };

    for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
        struct buf b;
        buf_init(&b, maxima[i]);
        for (size_t n = 0; n < maxima[i]; n++)
            buf_add_byte(&b, (uint8_t)n);
        assert_int_equal(b.err, TRAP_OK);
        assert_int_equal(b.n, maxima[i]);
        assert_non_null(buf_cstr(&b)); /* the NUL is not counted */
        buf_add_byte(&b, 'x');
        assert_int_equal(b.err, TRAP_ENOMEM);
        assert_int_equal(b.n, maxima[i]);
        assert_null(buf_cstr(&b));
        for (size_t n = 0; n < maxima[i]; n++)
            assert_int_equal(b.p[n], (uint8_t)n);
        buf_free(&b);
        assert_int_equal(b.max, maxima[i]);
    }
}

static void test_first_error_sticks(void **state)
{
    (void)state;
    struct buf b;

    buf_init(&b, 4);
    buf_add(&b, BYTES("ab"));
    buf_add(&b, BYTES("cde"));
    buf_add(&b, BYTES("c")); /* would fit, but the text would lack its middle */
    assert_int_equal(b.err, TRAP_ENOMEM);
    assert_true(bytes_eq(buf_bytes(&b), BYTES("ab")));
    assert_null(buf_reserve(&b, 0));
    buf_addf(&b, "%d", 1);
    buf_add_i64(&b, -1);
    buf_add_hex(&b, BYTES("a"));
    assert_int_equal(b.n, 2);
    buf_reset(&b);
    buf_add(&b, BYTES("cdef"));
    assert_int_equal(b.err, TRAP_OK);
    assert_string_equal(buf_cstr(&b), "cdef");
    buf_free(&b);
}

static void test_zeroed(void **state)
{
    (void)state;
    struct buf b = { 0 };

    buf_free(&b);
    assert_string_equal(buf_cstr(&b), "");
    buf_add(&b, (struct bytes){ NULL, 0 });
    buf_add_str(&b, NULL);
    assert_int_equal(b.err, TRAP_OK);
    buf_add_byte(&b, 'a');
    assert_int_equal(b.err, TRAP_ENOMEM);
    buf_free(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t v;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 9, "9" },
        { 10, "10" },
        { -1, "-1" },
        { 1234567890, "1234567890" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" },
    };
    struct buf b;

    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_reset(&b);
        buf_add_i64(&b, cases[i].v);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
    buf_reset(&b);
    buf_add_u64(&b, UINT64_MAX);
    assert_string_equal(buf_cstr(&b), "18446744073709551615");
    buf_reset(&b);
    buf_add_hex(&b, BYTES("\x00\x7f\xff"
                          "a"));
    assert_string_equal(buf_cstr(&b), "007fff61");
    buf_free(&b);
}

static void test_negative_at_the_limit(void **state)
{
    (void)state;

    for (size_t max = 0; max < 4; max++) { /* "-12" is written whole or not at all */
        struct buf b;
        buf_init(&b, max);
        buf_add_i64(&b, -12);
        assert_int_equal(b.n, max < 3 ? 0 : 3);
        assert_int_equal(b.err, max < 3 ? TRAP_ENOMEM : TRAP_OK);
        buf_free(&b);
    }
}

static void test_format(void **state)
{
    (void)state;

    for (int width = 0; width < 300; width++) { /* across each growth */
        struct buf b;
        buf_init(&b, 250);
        buf_add_str(&b, "ab");
        buf_addf(&b, "%*s", width, "");
        if (width <= 248) {
            assert_int_equal(b.err, TRAP_OK);
            assert_int_equal(b.n, 2 + width);
            assert_int_equal(strlen(buf_cstr(&b)), 2 + width);
        } else {
            assert_int_equal(b.err, TRAP_ENOMEM);
            assert_true(bytes_eq(buf_bytes(&b), BYTES("ab")));
        }
        buf_free(&b);
    }
}

static void test_reserve_and_consume(void **state)
{
    (void)state;
    struct buf b;

    buf_init(&b, 1000);
    uint8_t *room = buf_reserve(&b, 500);
    assert_non_null(room);
    memset(room, 'a', 500);
    buf_commit(&b, 300);
    assert_int_equal(b.n, 300);
    buf_consume(&b, 299);
    buf_add(&b, BYTES("bc"));
    assert_true(bytes_eq(buf_bytes(&b), BYTES("abc")));
    buf_consume(&b, 0);
    buf_consume(&b, 3);
    assert_int_equal(b.n, 0);
    assert_non_null(buf_reserve(&b, 1000));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(b.err, TRAP_ENOMEM);
    buf_free(&b);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct buf b;

    buf_init(&b, 1000);
    buf_add(&b, BYTES("abc"));
    no_memory = true;
    while (b.err == TRAP_OK) /* what is allocated still serves */
        buf_add_byte(&b, 'x');
    no_memory = false;
    assert_int_equal(b.err, TRAP_ENOMEM);
    assert_true(b.n >= 3 && b.n == b.cap);
    assert_true(bytes_has_prefix(buf_bytes(&b), BYTES("abc")));
    buf_reset(&b);
    buf_add(&b, BYTES("def"));
    assert_string_equal(buf_cstr(&b), "def");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_first_error_sticks),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_negative_at_the_limit),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_reserve_and_consume),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
