#include <base/num.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_u64(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        uint64_t v;
    } cases[] = {
        { BYTES_INIT("0"), TRAP_OK, 0 },
        { BYTES_INIT("007"), TRAP_OK, 7 },
        { BYTES_INIT("00000000000000000000000000001"), TRAP_OK, 1 },
        { BYTES_INIT("18446744073709551615"), TRAP_OK, UINT64_MAX },
        { BYTES_INIT("18446744073709551616"), TRAP_ERANGE, 0 },
        { BYTES_INIT("99999999999999999999"), TRAP_ERANGE, 0 },
        { BYTES_INIT("999999999999999999999999"), TRAP_ERANGE, 0 },
        { BYTES_INIT("99999999999999999999x"), TRAP_EINVAL, 0 },
        { BYTES_INIT(""), TRAP_EINVAL, 0 },
        { BYTES_INIT(" 1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1 "), TRAP_EINVAL, 0 },
        { BYTES_INIT("1\n"), TRAP_EINVAL, 0 },
        { BYTES_INIT("+1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("-1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("0x10"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1\0"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1e3"), TRAP_EINVAL, 0 },
        { BYTES_INIT("\xb2"), TRAP_EINVAL, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t v = 42;
        assert_int_equal(num_u64(cases[i].in, 0, UINT64_MAX, &v), cases[i].err);
        assert_int_equal(v, cases[i].err == TRAP_OK ? cases[i].v : 42); /* untouched on error */
    }
}

static void test_ranges(void **state)
{
    (void)state;
    uint32_t u = 0;
    uint64_t w = 0;

    assert_int_equal(num_u32(BYTES("9"), 10, 20, &u), TRAP_ERANGE);
    assert_int_equal(num_u32(BYTES("10"), 10, 20, &u), TRAP_OK);
    assert_int_equal(num_u32(BYTES("20"), 10, 20, &u), TRAP_OK);
    assert_int_equal(num_u32(BYTES("21"), 10, 20, &u), TRAP_ERANGE);
    assert_int_equal(num_u32(BYTES("4294967295"), 0, UINT32_MAX, &u), TRAP_OK);
    assert_int_equal(u, UINT32_MAX);
    assert_int_equal(num_u32(BYTES("4294967296"), 0, UINT32_MAX, &u), TRAP_ERANGE);
    assert_int_equal(num_u64(BYTES("10"), 11, 12, &w), TRAP_ERANGE);
}

static void test_i64(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        int64_t v;
    } cases[] = {
        { BYTES_INIT("0"), TRAP_OK, 0 },
        { BYTES_INIT("-0"), TRAP_OK, 0 },
        { BYTES_INIT("-17"), TRAP_OK, -17 },
        { BYTES_INIT("9223372036854775807"), TRAP_OK, INT64_MAX },
        { BYTES_INIT("9223372036854775808"), TRAP_ERANGE, 0 },
        { BYTES_INIT("-9223372036854775808"), TRAP_OK, INT64_MIN },
        { BYTES_INIT("-9223372036854775809"), TRAP_ERANGE, 0 },
        { BYTES_INIT("-18446744073709551616"), TRAP_ERANGE, 0 },
        { BYTES_INIT("-"), TRAP_EINVAL, 0 },
        { BYTES_INIT("--1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("+1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("- 1"), TRAP_EINVAL, 0 },
        { BYTES_INIT(""), TRAP_EINVAL, 0 },
    };
    int64_t v = 42;

    for (size_t i = 0; i < COUNT(cases); i++) {
        v = 42;
        assert_int_equal(num_i64(cases[i].in, INT64_MIN, INT64_MAX, &v), cases[i].err);
        assert_int_equal(v, cases[i].err == TRAP_OK ? cases[i].v : 42);
    }
    assert_int_equal(num_i64(BYTES("-6"), -5, 5, &v), TRAP_ERANGE);
    assert_int_equal(num_i64(BYTES("6"), -5, 5, &v), TRAP_ERANGE);
}

static void test_size(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        uint64_t v;
    } cases[] = {
        { BYTES_INIT("0"), TRAP_OK, 0 },
        { BYTES_INIT("512"), TRAP_OK, 512 },
        { BYTES_INIT("64k"), TRAP_OK, 65536 },
        { BYTES_INIT("10M"), TRAP_OK, 10485760 },
        { BYTES_INIT("4G"), TRAP_OK, 4294967296 },
        { BYTES_INIT("5G"), TRAP_ERANGE, 0 },
        { BYTES_INIT("4294967297"), TRAP_ERANGE, 0 },
        { BYTES_INIT("17179869184G"), TRAP_ERANGE, 0 }, /* 2^64 */
        { BYTES_INIT("k"), TRAP_EINVAL, 0 },
        { BYTES_INIT(""), TRAP_EINVAL, 0 },
        { BYTES_INIT("64 k"), TRAP_EINVAL, 0 },
        { BYTES_INIT("64kB"), TRAP_EINVAL, 0 },
        { BYTES_INIT("10m"), TRAP_EINVAL, 0 }, /* would be minutes elsewhere in the file */
        { BYTES_INIT("1.5M"), TRAP_EINVAL, 0 },
        { BYTES_INIT("-1k"), TRAP_EINVAL, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t v = 42;
        assert_int_equal(num_size(cases[i].in, 4294967296, &v), cases[i].err);
        assert_int_equal(v, cases[i].err == TRAP_OK ? cases[i].v : 42);
    }
}

static void test_span(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        int64_t ms;
    } cases[] = {
        { BYTES_INIT("0"), TRAP_OK, 0 },
        { BYTES_INIT("0s"), TRAP_OK, 0 },
        { BYTES_INIT("150ms"), TRAP_OK, 150 },
        { BYTES_INIT("30s"), TRAP_OK, 30000 },
        { BYTES_INIT("5m"), TRAP_OK, 300000 },
        { BYTES_INIT("12h"), TRAP_OK, 43200000 },
        { BYTES_INIT("7d"), TRAP_OK, 604800000 },
        { BYTES_INIT("8d"), TRAP_ERANGE, 0 },
        { BYTES_INIT("604800001ms"), TRAP_ERANGE, 0 },
        { BYTES_INIT("213503982335d"), TRAP_ERANGE, 0 }, /* more than 2^64 ms */
        { BYTES_INIT("30"), TRAP_EINVAL, 0 },
        { BYTES_INIT("00"), TRAP_EINVAL, 0 },
        { BYTES_INIT("s"), TRAP_EINVAL, 0 },
        { BYTES_INIT("30 s"), TRAP_EINVAL, 0 },
        { BYTES_INIT("30S"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1h30m"), TRAP_EINVAL, 0 },
        { BYTES_INIT("-1s"), TRAP_EINVAL, 0 },
        { BYTES_INIT(""), TRAP_EINVAL, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        span_t v = SPAN_MS(42);
        assert_int_equal(num_span(cases[i].in, SPAN_D(7), &v), cases[i].err);
        assert_int_equal(v.ms, cases[i].err == TRAP_OK ? cases[i].ms : 42);
    }
}

static void test_milli(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        uint32_t v;
    } cases[] = {
        { BYTES_INIT("0"), TRAP_OK, 0 },
        { BYTES_INIT("2"), TRAP_OK, 2000 },
        { BYTES_INIT("0.25"), TRAP_OK, 250 },
        { BYTES_INIT("1.5"), TRAP_OK, 1500 },
        { BYTES_INIT("0.001"), TRAP_OK, 1 },
        { BYTES_INIT("10.000"), TRAP_OK, 10000 },
        { BYTES_INIT("10.001"), TRAP_ERANGE, 0 },
        { BYTES_INIT("11"), TRAP_ERANGE, 0 },
        { BYTES_INIT("18446744073709551"), TRAP_ERANGE, 0 },
        { BYTES_INIT("18446744073709551616"), TRAP_ERANGE, 0 },
        { BYTES_INIT("0.0001"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1."), TRAP_EINVAL, 0 },
        { BYTES_INIT(".5"), TRAP_EINVAL, 0 },
        { BYTES_INIT("."), TRAP_EINVAL, 0 },
        { BYTES_INIT("1,5"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1.2.3"), TRAP_EINVAL, 0 },
        { BYTES_INIT("-1"), TRAP_EINVAL, 0 },
        { BYTES_INIT(""), TRAP_EINVAL, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t v = 42;
        assert_int_equal(num_milli(cases[i].in, 10000, &v), cases[i].err);
        assert_int_equal(v, cases[i].err == TRAP_OK ? cases[i].v : 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),  cmocka_unit_test(test_ranges), cmocka_unit_test(test_i64),
        cmocka_unit_test(test_size), cmocka_unit_test(test_span),   cmocka_unit_test(test_milli),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
