#include <mail/smtp_bdat.h>
#include <mail/smtp_eod.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_arguments(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum smtp_bdat_result result;
        uint64_t octets;
        bool last;
    } cases[] = {
        { BYTES_INIT("71"), SMTP_BDAT_OK, 71, false },
        { BYTES_INIT("71 LAST"), SMTP_BDAT_OK, 71, true },
        { BYTES_INIT("0 last"), SMTP_BDAT_OK, 0, true },
        { BYTES_INIT("0"), SMTP_BDAT_OK, 0, false },
        { BYTES_INIT("5  lAsT"), SMTP_BDAT_OK, 5, true },
        { BYTES_INIT("5\tLAST"), SMTP_BDAT_OK, 5, true },
        { BYTES_INIT("00000000000000000000000000000071"), SMTP_BDAT_OK, 71, false },
        { BYTES_INIT("1099511627775"), SMTP_BDAT_OK, SMTP_BDAT_OCTETS_MAX - 1, false },
        { BYTES_INIT("1099511627776"), SMTP_BDAT_OK, SMTP_BDAT_OCTETS_MAX, false },
        { BYTES_INIT("1099511627777"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("9223372036854775808"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("18446744073709551615"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("18446744073709551616"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("18446744073709551687 LAST"), SMTP_BDAT_LOST, 0, false }, /* 71 when it wraps */
        { BYTES_INIT("99999999999999999999999 LAST"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("10 LASTING"), SMTP_BDAT_SYNTAX, 10, false },
        { BYTES_INIT("10 LAST LAST"), SMTP_BDAT_SYNTAX, 10, false },
        { BYTES_INIT("10 11"), SMTP_BDAT_SYNTAX, 10, false },
        { BYTES_INIT("10 \0"), SMTP_BDAT_SYNTAX, 10, false },
        { BYTES_INIT(""), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("LAST"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("abc LAST"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("123LAST"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("-1"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("+1"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("0x10"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("1.5"), SMTP_BDAT_LOST, 0, false },
        { BYTES_INIT("1\0"), SMTP_BDAT_LOST, 0, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct smtp_bdat got = { 4711, true };

        assert_int_equal(smtp_bdat_parse(cases[i].in, &got), cases[i].result);
        if (cases[i].result == SMTP_BDAT_LOST) {
            assert_int_equal(got.left, 4711); /* untouched */
            continue;
        }
        assert_int_equal(got.left, cases[i].octets);
        assert_int_equal(got.last, cases[i].last);
    }
}

/* Chunk, then a command behind it, cut in three at every two places. */
static void test_every_split(void **state)
{
    (void)state;
    static const struct bytes stream = BYTES_INIT(".\r\n\0\n.\n.\r\nQUIT\r\n");
    enum { CHUNK = 10 };

    for (size_t a = 0; a <= stream.n; a++)
        for (size_t b = a; b <= stream.n; b++) {
            const size_t cuts[4] = { 0, a, b, stream.n };
            struct smtp_bdat chunk = { CHUNK, true };
            size_t taken = 0, rest = 0;

            for (int i = 0; i < 3; i++) {
                struct bytes in = bytes_of(stream.p + cuts[i], cuts[i + 1] - cuts[i]);
                const struct bytes octets = smtp_bdat_take(&chunk, &in);

                if (octets.n > 0)
                    assert_ptr_equal(octets.p, stream.p + taken);
                taken += octets.n;
                rest += in.n;
                assert_int_equal(chunk.left, CHUNK - taken);
                assert_true(in.n == 0 || chunk.left == 0);
            }
            assert_int_equal(taken, CHUNK);
            assert_int_equal(rest, stream.n - CHUNK);
        }
}

static uint32_t scan(struct bytes content, size_t a, size_t b)
{
    struct smtp_eod e;

    smtp_eod_init(&e);
    smtp_eod_scan(&e, bytes_take(content, a));
    smtp_eod_scan(&e, bytes_skip(bytes_take(content, b), a));
    smtp_eod_scan(&e, bytes_skip(content, b));
    smtp_eod_scan_end(&e);
    return e.flags;
}

static void test_flags(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        uint32_t flags;
    } cases[] = {
        { BYTES_INIT(""), 0 },
        { BYTES_INIT("a\r\n.\r\nb\r\n..\r\n"), 0 },
        { BYTES_INIT(".\r\n.\r\n"), 0 },
        { BYTES_INIT("no end of line"), 0 },
        { BYTES_INIT("a\n"), SMTP_EOD_BARE_LF },
        { BYTES_INIT("\n"), SMTP_EOD_BARE_LF },
        { BYTES_INIT("a\r\n\n"), SMTP_EOD_BARE_LF },
        { BYTES_INIT("a\rb"), SMTP_EOD_BARE_CR },
        { BYTES_INIT("a\r"), SMTP_EOD_BARE_CR },
        { BYTES_INIT("a\r\r\n"), SMTP_EOD_BARE_CR },
        { BYTES_INIT(".\r"), SMTP_EOD_BARE_CR },
        { BYTES_INIT("\0"), SMTP_EOD_NUL },
        { BYTES_INIT("\xc3\xbc\r\n"), SMTP_EOD_8BIT },
        { BYTES_INIT(".\r\n\0\n.\n.\r\n"), SMTP_EOD_NUL | SMTP_EOD_BARE_LF },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t a = 0; a <= cases[i].in.n; a++)
            for (size_t b = a; b <= cases[i].in.n; b++)
                assert_int_equal(scan(cases[i].in, a, b), cases[i].flags);
}

static void test_long_lines(void **state)
{
    (void)state;
    static uint8_t text[SMTP_TEXT_LINE_MAX + 3];

    for (size_t n = SMTP_TEXT_LINE_MAX - 1; n <= SMTP_TEXT_LINE_MAX + 1; n++) {
        const uint32_t want = n > SMTP_TEXT_LINE_MAX ? SMTP_EOD_LONG_LINE : 0;

        memset(text, 'x', n);
        memcpy(text + n, "\r\n", 2);
        for (size_t cut = 0; cut <= n + 2; cut++) {
            assert_int_equal(scan(bytes_of(text, n + 2), cut, cut), want);
            assert_int_equal(scan(bytes_of(text, n), cut < n ? cut : n, n), want); /* not ended */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
