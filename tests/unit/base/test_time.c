#include <base/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Counts days one by one with the calendar's plain rule: the oracle for the arithmetic. */
static void test_every_day_from_1970_to_2400(void **state)
{
    (void)state;
    int year = 1970, month = 1, day = 1;

    for (int64_t n = 0; year <= 2400; n++) {
        const int64_t us = n * WALL_US_PER_DAY;
        const struct civil first = wall_civil((wall_t){ us }),
                           last = wall_civil((wall_t){ us + WALL_US_PER_DAY - 1 });
        char text[WALL_TEXT_MAX];
        wall_t back;

        assert_true(first.year == year && first.month == month && first.day == day);
        assert_true(last.year == year && last.month == month && last.day == day);
        assert_true(first.hour == 0 && first.minute == 0 && first.second == 0);
        assert_true(last.hour == 23 && last.minute == 59 && last.second == 59);
        assert_int_equal(wall_parse(bytes_str(wall_text((wall_t){ us }, text)), &back), TRAP_OK);
        assert_int_equal(back.us, us);
        assert_int_equal(wall_day((wall_t){ us + WALL_US_PER_DAY - 1 }), n);

        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        const bool short_month = month == 4 || month == 6 || month == 9 || month == 11;
        if (++day > (month == 2 ? 28 + leap : short_month ? 30 : 31)) {
            day = 1;
            year += month == 12;
            month = month % 12 + 1;
        }
    }
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { 1, "1970-01-01T00:00:00.000001Z" },
        { 1772366400123456, "2026-03-01T12:00:00.123456Z" },
        { 1772366400120000, "2026-03-01T12:00:00.120000Z" },
        { 951782400000000, "2000-02-29T00:00:00Z" },
        { 253402300799999999, "9999-12-31T23:59:59.999999Z" },
        { -1, "1969-12-31T23:59:59.999999Z" },
        { -62167219200000000, "0000-01-01T00:00:00Z" },
        { INT64_MAX, "294247-01-10T04:00:54.775807Z" },
        { INT64_MIN, "-290308-12-21T19:59:05.224192Z" },
    };
    char text[WALL_TEXT_MAX];

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(wall_text((wall_t){ cases[i].us }, text), cases[i].text);
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        int64_t us;
    } cases[] = {
        { BYTES_INIT("1970-01-01"), TRAP_OK, 0 },
        { BYTES_INIT("2026-03-01"), TRAP_OK, 1772323200000000 },
        { BYTES_INIT("2026-03-01T12:00:00Z"), TRAP_OK, 1772366400000000 },
        { BYTES_INIT("2026-03-01T12:00:00.5Z"), TRAP_OK, 1772366400500000 },
        { BYTES_INIT("2026-03-01T12:00:00.123456Z"), TRAP_OK, 1772366400123456 },
        { BYTES_INIT("2026-03-01T12:00:00.123456789Z"), TRAP_OK, 1772366400123456 },
        { BYTES_INIT("9999-12-31T23:59:59.999999Z"), TRAP_OK, 253402300799999999 },
        { BYTES_INIT("2024-02-29"), TRAP_OK, 1709164800000000 },
        { BYTES_INIT("@0"), TRAP_OK, 0 },
        { BYTES_INIT("@1772366400"), TRAP_OK, 1772366400000000 },
        { BYTES_INIT("@253402300799"), TRAP_OK, 253402300799000000 },
        { BYTES_INIT("@253402300800"), TRAP_ERANGE, 0 },
        { BYTES_INIT("@-1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("@"), TRAP_EINVAL, 0 },
        { BYTES_INIT("1969-12-31"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2023-02-29"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2100-02-29"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-04-31"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-00-01"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-13-01"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-01-00"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-03-01T24:00:00Z"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-03-01T23:60:00Z"), TRAP_ERANGE, 0 },
        { BYTES_INIT("2026-06-30T23:59:60Z"), TRAP_ERANGE, 0 }, /* leap seconds do not exist here */
        { BYTES_INIT("2026-03-01T12:00:00"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00:00.Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00:00.1234567890Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00:00.12x456Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00:00,5Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00:00+01:00"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01 12:00:00Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01T12:00:00ZZ"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-03-01Z"), TRAP_EINVAL, 0 },
        { BYTES_INIT("2026-3-1"), TRAP_EINVAL, 0 },
        { BYTES_INIT("20260301"), TRAP_EINVAL, 0 },
        { BYTES_INIT("+026-03-01"), TRAP_EINVAL, 0 },
        { BYTES_INIT(""), TRAP_EINVAL, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        wall_t t = { 42 };
        assert_int_equal(wall_parse(cases[i].in, &t), cases[i].err);
        assert_int_equal(t.us, cases[i].err == TRAP_OK ? cases[i].us : 42);
    }
}

static void test_parse_refuses_every_part(void **state)
{
    (void)state;
    const struct bytes whole = BYTES("2026-03-01T12:00:00.5Z");
    wall_t t;

    for (size_t n = 0; n < whole.n; n++)
        assert_int_equal(wall_parse(bytes_take(whole, n), &t), n == 10 ? TRAP_OK : TRAP_EINVAL);
}

static void test_span_text(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "0 s" },
        { 1, "1 ms" },
        { 150, "150 ms" },
        { 1500, "1 s 500 ms" },
        { 45000, "45 s" },
        { 90000, "1 min 30 s" },
        { 12000000, "3 h 20 min" },
        { 3601000, "1 h" }, /* the second stands two units below */
        { 7776000000, "90 d" },
        { 90000000, "1 d 1 h" },
        { -45000, "-45 s" },
        { INT64_MAX, "106751991167 d 7 h" },
        { INT64_MIN, "-106751991167 d 7 h" },
    };
    char text[WALL_TEXT_MAX];

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(span_text(SPAN_MS(cases[i].ms), text), cases[i].text);
}

static void test_clocks(void **state)
{
    (void)state;
    const mono_t m = mono_now();
    const wall_t w = wall_now();

    assert_true(mono_diff(mono_now(), m).ms >= 0);
    assert_true(w.us > 1700000000 * WALL_US_PER_S);
    assert_int_equal(wall_diff(wall_add(w, SPAN_H(2)), w).ms, 7200000);
    assert_int_equal(mono_diff(mono_add(m, SPAN_S(3)), m).ms, 3000);
    assert_int_equal(wall_hour((wall_t){ WALL_US_PER_HOUR - 1 }), 0);
    assert_int_equal(wall_hour((wall_t){ WALL_US_PER_HOUR }), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day_from_1970_to_2400),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses_every_part),
        cmocka_unit_test(test_span_text),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
