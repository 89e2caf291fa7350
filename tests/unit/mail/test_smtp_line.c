#include <mail/smtp_line.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Runs a stream, given in pieces, through the framing as a session does: keeps what is not consumed. The
 * outcome is text: every line in brackets, "!" for one that is too long, and the bytes that wait behind a
 * dot. */
struct run {
    struct smtp_line framing;
    uint8_t kept[256];
    size_t kept_len, largest;
    char out[512];
    size_t out_len;
};

static void put(struct run *r, const void *p, size_t n)
{
    assert_true(r->out_len + n < sizeof(r->out));
    memcpy(r->out + r->out_len, p, n);
    r->out_len += n;
    r->out[r->out_len] = '\0';
}

static void feed(struct run *r, struct bytes piece)
{
    struct bytes in, line;

    assert_true(r->kept_len + piece.n <= sizeof(r->kept));
    if (piece.n > 0)
        memcpy(r->kept + r->kept_len, piece.p, piece.n);
    in = bytes_of(r->kept, r->kept_len + piece.n);
    for (;;) {
        const enum smtp_line_event event = smtp_line_next(&r->framing, &in, &line);

        if (event == SMTP_LINE_MORE)
            break;
        if (event == SMTP_LINE_TOO_LONG) {
            put(r, "!", 1);
            continue;
        }
        put(r, "[", 1);
        put(r, line.p, line.n);
        put(r, "]", 1);
    }
    memmove(r->kept, in.p, in.n);
    r->kept_len = in.n;
    if (in.n > r->largest)
        r->largest = in.n;
}

static const struct {
    struct bytes in;
    const char *out;
} cases[] = {
    { BYTES_INIT(""), "" },
    { BYTES_INIT("\r\n"), "[]" },
    { BYTES_INIT("NOOP\r\n"), "[NOOP]" },
    { BYTES_INIT("A\r\nB\r\n\r\nC"), "[A][B][]" },
    { BYTES_INIT("NO\rQUIT\r\n"), "[NO\rQUIT]" }, /* bare CR ends nothing */
    { BYTES_INIT("NO\nQUIT\r\n"), "[NO\nQUIT]" }, /* nor does bare LF */
    { BYTES_INIT("\n\r\n\r\r\n"), "[\n][\r]" },
    { BYTES_INIT("A\n\nB"), "" },
    { BYTES_INIT("12345678\r\n"), "[12345678]" }, /* the limit of these tests: 10 bytes with CRLF */
    { BYTES_INIT("123456789\r\n"), "!" },         /* one more */
    { BYTES_INIT("1234567\r\n"), "[1234567]" },   /* one less */
    { BYTES_INIT("123456789\r\nA\r\n"), "![A]" },
    { BYTES_INIT("1234567890123456789012\r345\n6\r\r\nA\r\n"), "![A]" },
    { BYTES_INIT("123456789012345678901234567890"), "" },
    { BYTES_INIT("\r\r\r\r\r\r\r\r\r\r\r\r\nA\r\n"), "![A]" },
};

static void check(const struct bytes in, const char *want, size_t cut1, size_t cut2)
{
    struct run r = { .kept_len = 0 };

    smtp_line_init(&r.framing, 10);
    feed(&r, bytes_take(in, cut1));
    feed(&r, bytes_take(bytes_skip(in, cut1), cut2 - cut1));
    feed(&r, bytes_skip(in, cut2));
    assert_string_equal(r.out, want);
    assert_true(r.largest <= 10);
}

static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t a = 0; a <= cases[i].in.n; a++)
            for (size_t b = a; b <= cases[i].in.n; b++)
                check(cases[i].in, cases[i].out, a, b);
}

static void test_nul_is_content(void **state)
{
    (void)state;
    const struct bytes whole = BYTES("A\0B\r\nC\r\n");
    struct bytes in = whole, line;
    struct smtp_line l;

    smtp_line_init(&l, 512);
    assert_int_equal(smtp_line_next(&l, &in, &line), SMTP_LINE_DONE);
    assert_int_equal(line.n, 3);
    assert_memory_equal(line.p, "A\0B", 3);
    assert_int_equal(smtp_line_flags(line), SMTP_LINE_NUL);
}

static void test_megabyte_without_end(void **state)
{
    (void)state;
    uint8_t piece[1000];
    struct smtp_line l;
    struct bytes in, line;

    memset(piece, 'A', sizeof(piece));
    smtp_line_init(&l, 2048);
    for (int i = 0; i < 1000; i++) {
        in = bytes_of(piece, sizeof(piece));
        if (i < 3) { /* the caller keeps these three in one buffer */
            static uint8_t kept[3000];

            memcpy(kept + i * 1000, piece, 1000);
            in = bytes_of(kept, (size_t)(i + 1) * 1000);
        }
        assert_int_equal(smtp_line_next(&l, &in, &line), SMTP_LINE_MORE);
        assert_int_equal(in.n, i < 2 ? (i + 1) * 1000 : 0);
    }
    in = BYTES("\r\nNOOP\r\n");
    assert_int_equal(smtp_line_next(&l, &in, &line), SMTP_LINE_TOO_LONG);
    assert_int_equal(smtp_line_next(&l, &in, &line), SMTP_LINE_DONE);
}

static void test_flags(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        uint32_t flags;
    } lines[] = {
        { BYTES_INIT("MAIL FROM:<a@b>"), 0 },
        { BYTES_INIT("EHLO\tx"), 0 },
        { BYTES_INIT("a\nb"), SMTP_LINE_LF },
        { BYTES_INIT("a\rb"), SMTP_LINE_CR },
        { BYTES_INIT("a\0b"), SMTP_LINE_NUL },
        { BYTES_INIT("a\x1b[31m"), SMTP_LINE_CONTROL },
        { BYTES_INIT("a\x7f"), SMTP_LINE_CONTROL },
        { BYTES_INIT("\xc3\xbc\0\r"), SMTP_LINE_8BIT | SMTP_LINE_NUL | SMTP_LINE_CR },
    };

    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(smtp_line_flags(lines[i].in), lines[i].flags);
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        bool ok;
    } texts[] = {
        { BYTES_INIT(""), true },
        { BYTES_INIT("plain"), true },
        { BYTES_INIT("\xc3\xbc"), true },
        { BYTES_INIT("\xe2\x82\xac"), true },
        { BYTES_INIT("\xf4\x8f\xbf\xbf"), true },  /* U+10FFFF */
        { BYTES_INIT("\xf4\x90\x80\x80"), false }, /* one above */
        { BYTES_INIT("\xed\xa0\x80"), false },     /* a surrogate */
        { BYTES_INIT("\xc0\x80"), false },         /* overlong */
        { BYTES_INIT("\xe0\x80\xaf"), false },
        { BYTES_INIT("\xf0\x80\x80\x80"), false },
        { BYTES_INIT("\xc3"), false }, /* cut */
        { BYTES_INIT("\xe2\x82"), false },
        { BYTES_INIT("\x80"), false },
        { BYTES_INIT("\xff"), false },
        { BYTES_INIT("\xf1\x80\x80\x80\xbf"), false },
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(smtp_is_utf8(texts[i].in), texts[i].ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_nul_is_content),
        cmocka_unit_test(test_megabyte_without_end),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
