#include <base/bytes.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct bytes none = { NULL, 0 };

static void test_equal(void **state)
{
    (void)state;

    assert_true(bytes_eq(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(bytes_eq(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(bytes_eq(BYTES("ab"), BYTES("a")));
    assert_true(bytes_eq(none, BYTES("")));
    assert_true(bytes_ieq(BYTES("MaIl@[Z]"), BYTES("mAiL@[z]")));
    assert_false(bytes_ieq(BYTES("@"), BYTES("`"))); /* 0x40 and 0x60 differ in the case bit only */
    assert_false(bytes_ieq(BYTES("["), BYTES("{")));
    assert_false(bytes_ieq(BYTES("\xc4"), BYTES("\xe4"))); /* no locale */
    assert_true(bytes_ieq(none, none));
}

static void test_order(void **state)
{
    (void)state;

    assert_true(bytes_cmp(BYTES("a"), BYTES("b")) < 0);
    assert_true(bytes_cmp(BYTES("a"), BYTES("ab")) < 0);
    assert_true(bytes_cmp(BYTES("b"), BYTES("ab")) > 0);
    assert_true(bytes_cmp(BYTES("\xff"), BYTES("a")) > 0);
    assert_int_equal(bytes_cmp(none, BYTES("")), 0);
    assert_true(bytes_cmp(none, BYTES("a")) < 0);
}

static void test_ends(void **state)
{
    (void)state;

    assert_true(bytes_has_prefix(BYTES("RCPT TO:"), BYTES("RCPT")));
    assert_false(bytes_has_prefix(BYTES("RCP"), BYTES("RCPT")));
    assert_false(bytes_has_prefix(BYTES("rcpt"), BYTES("RCPT")));
    assert_true(bytes_has_iprefix(BYTES("rcpt to:"), BYTES("RCPT TO:")));
    assert_true(bytes_has_isuffix(BYTES("a@EXAMPLE.org"), BYTES(".ORG")));
    assert_false(bytes_has_isuffix(BYTES("org"), BYTES(".org")));
    assert_true(bytes_has_prefix(none, none) && bytes_has_isuffix(BYTES("a"), none));
}

static void test_find(void **state)
{
    (void)state;

    assert_int_equal(bytes_find(BYTES("a@b@c"), '@'), 1);
    assert_int_equal(bytes_rfind(BYTES("a@b@c"), '@'), 3);
    assert_int_equal(bytes_find(BYTES("abc"), '@'), 3);
    assert_int_equal(bytes_rfind(BYTES("abc"), '@'), 3);
    assert_int_equal(bytes_find(BYTES("a\0@"), '@'), 2);
    assert_int_equal(bytes_find(none, 'a'), 0);
    assert_int_equal(bytes_rfind(none, 'a'), 0);
}

static void test_cut(void **state)
{
    (void)state;
    const struct bytes s = BYTES("abc");

    for (size_t n = 0; n < 6; n++) {
        const size_t in = n < 3 ? n : 3;
        assert_int_equal(bytes_take(s, n).n, in);
        assert_int_equal(bytes_skip(s, n).n, 3 - in);
        assert_ptr_equal(bytes_skip(s, n).p, s.p + in);
    }
    assert_int_equal(bytes_skip(none, 5).n, 0);
    assert_null(bytes_skip(none, SIZE_MAX).p);
}

static void test_trim(void **state)
{
    (void)state;

    assert_true(bytes_eq(bytes_trim(BYTES(" \t a b\t ")), BYTES("a b")));
    assert_true(bytes_eq(bytes_trim(BYTES("\r\n")), BYTES("\r\n"))); /* SP and HTAB only */
    assert_int_equal(bytes_trim(BYTES(" \t ")).n, 0);
    assert_int_equal(bytes_trim(none).n, 0);
}

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *fields[4];
    } cases[] = {
        { "", { NULL } },      { "a", { "a" } },  { "a,b", { "a", "b" } }, { "a,,b", { "a", "", "b" } },
        { ",a", { "", "a" } }, { "a,", { "a" } }, { ",", { "" } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes rest = bytes_str(cases[i].in), field;
        size_t n = 0;
        for (; bytes_split(&rest, ',', &field); n++) {
            assert_non_null(cases[i].fields[n]);
            assert_true(bytes_eq(field, bytes_str(cases[i].fields[n])));
        }
        assert_null(cases[i].fields[n]);
    }
}

static void test_ascii(void **state)
{
    (void)state;

    for (int c = 0; c < 256; c++) {
        const uint8_t b = (uint8_t)c;
        const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        assert_int_equal(ascii_lower(b), upper ? c - 'A' + 'a' : c);
        assert_int_equal(ascii_upper(b), lower ? c - 'a' + 'A' : c);
        assert_int_equal(ascii_is_alpha(b), upper || lower);
        assert_int_equal(ascii_is_digit(b), digit);
        assert_int_equal(ascii_is_alnum(b), upper || lower || digit);
        assert_int_equal(ascii_hex_value(b), digit                  ? c - '0'
                                             : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                                    : -1);
    }
}

/* Each as the begin of something longer, and cut short. */
static void test_utf8(void **state)
{
    static const struct {
        const char *in;
        size_t n;
    } cases[] = {
        { "a", 1 },
        { "\x7f", 1 },
        { "\xc2\x80", 2 },
        { "\xdf\xbf", 2 },
        { "\xe0\xa0\x80", 3 },
        { "\xed\x9f\xbf", 3 },
        { "\xf0\x90\x80\x80", 4 },
        { "\xf4\x8f\xbf\xbf", 4 },
        { "\x80", 0 },             /* begins in the middle */
        { "\xc1\xbf", 0 },         /* longer than it need be */
        { "\xe0\x9f\xbf", 0 },
        { "\xf0\x8f\xbf\xbf", 0 },
        { "\xed\xa0\x80", 0 },     /* surrogate */
        { "\xf4\x90\x80\x80", 0 }, /* beyond U+10FFFF */
        { "\xf8\x88\x80\x80", 0 },
        { "\xff", 0 },
    };

    (void)state;
    assert_int_equal(bytes_utf8_len(none), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct bytes s = bytes_str(cases[i].in);
        assert_int_equal(bytes_utf8_len(s), cases[i].n);
        for (size_t n = 0; n < cases[i].n; n++)
            assert_int_equal(bytes_utf8_len(bytes_take(s, n)), 0);
    }
    assert_int_equal(bytes_utf8_len(BYTES("\xc3\xa4x")), 2);
    assert_int_equal(bytes_utf8_len(BYTES("\xc3x")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal), cmocka_unit_test(test_order), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_find),  cmocka_unit_test(test_cut),   cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split), cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
