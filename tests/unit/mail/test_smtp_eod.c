#include <mail/smtp_eod.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the stream gives: content, flags, and whether (and with what left over) it ended. */
static const struct eod_case {
    struct bytes in;
    bool done;
    struct bytes content, rest;
    uint32_t flags;
} cases[] = {
    { BYTES_INIT(""), false, BYTES_INIT(""), BYTES_INIT(""), 0 },
    { BYTES_INIT(".\r\n"), true, BYTES_INIT(""), BYTES_INIT(""), 0 }, /* the CRLF of DATA is the first one */
    { BYTES_INIT("a\r\n.\r\n"), true, BYTES_INIT("a\r\n"), BYTES_INIT(""), 0 },
    { BYTES_INIT("a\r\n.\r\nMAIL FROM:<>\r\n"), true, BYTES_INIT("a\r\n"), BYTES_INIT("MAIL FROM:<>\r\n"),
      0 },
    { BYTES_INIT("\r\n\r\n.\r\n"), true, BYTES_INIT("\r\n\r\n"), BYTES_INIT(""), 0 },
    { BYTES_INIT("..\r\n.x\r\n..y\r\n.\r\n"), true, BYTES_INIT(".\r\nx\r\n.y\r\n"), BYTES_INIT(""), 0 },
    { BYTES_INIT("a.\r\n.\r\n"), true, BYTES_INIT("a.\r\n"), BYTES_INIT(""), 0 },
    { BYTES_INIT("a\r\n. \r\n.\r\n"), true, BYTES_INIT("a\r\n \r\n"), BYTES_INIT(""), 0 },
    { BYTES_INIT("a\r\n.\r\n.\r\n"), true, BYTES_INIT("a\r\n"), BYTES_INIT(".\r\n"), 0 },
    { BYTES_INIT("a\r\n."), false, BYTES_INIT("a\r\n"), BYTES_INIT(""), 0 },
    { BYTES_INIT("a\r\n.\r"), false, BYTES_INIT("a\r\n"), BYTES_INIT(""), 0 },
    /* every other marker is content: one message */
    { BYTES_INIT("a\n.\nb\r\n.\r\n"), true, BYTES_INIT("a\n.\nb\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_LF },
    { BYTES_INIT("a\n.\rb\r\n.\r\n"), true, BYTES_INIT("a\n.\rb\r\n"), BYTES_INIT(""),
      SMTP_EOD_BARE_LF | SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\r.\nb\r\n.\r\n"), true, BYTES_INIT("a\r.\nb\r\n"), BYTES_INIT(""),
      SMTP_EOD_BARE_LF | SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\r.\rb\r\n.\r\n"), true, BYTES_INIT("a\r.\rb\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\n.\r\nb\r\n.\r\n"), true, BYTES_INIT("a\n.\r\nb\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_LF },
    { BYTES_INIT("a\r.\r\nb\r\n.\r\n"), true, BYTES_INIT("a\r.\r\nb\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\r\n.\nb\r\n.\r\n"), true, BYTES_INIT("a\r\n\nb\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_LF },
    { BYTES_INIT("a\r\n.\rb\r\n.\r\n"), true, BYTES_INIT("a\r\n\rb\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\r\n.\r\r\nb\r\n.\r\n"), true, BYTES_INIT("a\r\n\r\r\nb\r\n"), BYTES_INIT(""),
      SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\r\r\n.\r\r\nb\r\n.\r\n"), true, BYTES_INIT("a\r\r\n\r\r\nb\r\n"), BYTES_INIT(""),
      SMTP_EOD_BARE_CR },
    { BYTES_INIT("a\r\n\0.\r\nb\r\n.\r\n"), true, BYTES_INIT("a\r\n\0.\r\nb\r\n"), BYTES_INIT(""),
      SMTP_EOD_NUL },
    { BYTES_INIT("a\r\n.\0\r\nb\r\n.\r\n"), true, BYTES_INIT("a\r\n\0\r\nb\r\n"), BYTES_INIT(""),
      SMTP_EOD_NUL },
    { BYTES_INIT("a\r\0\n.\r\nb\r\n.\r\n"), true, BYTES_INIT("a\r\0\n.\r\nb\r\n"), BYTES_INIT(""),
      SMTP_EOD_NUL | SMTP_EOD_BARE_CR | SMTP_EOD_BARE_LF },
    { BYTES_INIT("Subject: lf\n\nbody\n.\r\n.\n\r\n.\r\n"), true,
      BYTES_INIT("Subject: lf\n\nbody\n.\r\n\n\r\n"), BYTES_INIT(""), SMTP_EOD_BARE_LF },
    { BYTES_INIT("\xe4\r\n.\r\n"), true, BYTES_INIT("\xe4\r\n"), BYTES_INIT(""), SMTP_EOD_8BIT },
    { BYTES_INIT("123456789012345\xff\0\r\n.\r\n"), true, BYTES_INIT("123456789012345\xff\0\r\n"),
      BYTES_INIT(""), SMTP_EOD_8BIT | SMTP_EOD_NUL },
};

struct sink {
    uint8_t p[4096];
    size_t n;
};

static void collect(struct bytes content, void *arg)
{
    struct sink *s = arg;

    assert_true(content.n > 0 && s->n + content.n <= sizeof(s->p));
    memcpy(s->p + s->n, content.p, content.n);
    s->n += content.n;
}

/* The pieces lie at the end of memory of their own, so that asan sees one byte too far. */
static bool feed_piece(struct smtp_eod *e, struct bytes piece, struct sink *sink, size_t *left_out)
{
    uint8_t *copy = test_malloc(piece.n + 1);
    struct bytes in = bytes_of(copy, piece.n);
    bool done;

    if (piece.n > 0)
        memcpy(copy, piece.p, piece.n);
    done = smtp_eod_feed(e, &in, collect, sink) == SMTP_EOD_DONE;
    *left_out = in.n;
    assert_true(done || in.n == 0);
    test_free(copy);
    return done;
}

static void check(const struct eod_case *c, const size_t *cuts, size_t cut_count)
{
    struct smtp_eod e;
    struct sink sink = { .n = 0 };
    size_t at = 0, left = 0;
    bool done = false;

    smtp_eod_init(&e);
    for (size_t i = 0; i <= cut_count && !done; i++) {
        const size_t end = i < cut_count ? cuts[i] : c->in.n;

        done = feed_piece(&e, bytes_take(bytes_skip(c->in, at), end - at), &sink, &left);
        at = end;
    }
    assert_int_equal(done, c->done);
    if (done)
        assert_true(bytes_eq(bytes_skip(c->in, at - left), c->rest));
    assert_true(bytes_eq(bytes_of(sink.p, sink.n), c->content));
    assert_int_equal(e.flags, c->flags);
}

static void test_every_two_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t a = 0; a <= cases[i].in.n; a++)
            for (size_t b = a; b <= cases[i].in.n; b++)
                check(&cases[i], (const size_t[]){ a, b }, 2);
}

static void test_one_byte_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t cuts[64];

        assert_true(cases[i].in.n < COUNT(cuts));
        for (size_t k = 0; k < cases[i].in.n; k++)
            cuts[k] = k + 1;
        check(&cases[i], cuts, cases[i].in.n);
    }
}

/* 998 octets between two CRLF are the most that RFC 5321 allows; the dot of transparency does not count. */
static void test_line_length(void **state)
{
    (void)state;
    for (int stuffed = 0; stuffed <= 1; stuffed++)
        for (size_t n = SMTP_TEXT_LINE_MAX - 1; n <= SMTP_TEXT_LINE_MAX + 1; n++)
            for (size_t cut = 0; cut <= n + 5; cut++) {
                uint8_t text[SMTP_TEXT_LINE_MAX + 16];
                size_t len = 0, left;
                struct smtp_eod e;
                struct sink sink = { .n = 0 };

                if (stuffed)
                    text[len++] = '.';
                memset(text + len, stuffed ? '.' : 'x', n);
                len += n;
                memcpy(text + len, "\r\n.\r\n", 5);
                len += 5;
                smtp_eod_init(&e);
                if (!feed_piece(&e, bytes_of(text, cut), &sink, &left))
                    assert_true(feed_piece(&e, bytes_of(text + cut, len - cut), &sink, &left));
                assert_int_equal(sink.n, n + 2);
                assert_int_equal(e.flags, n > SMTP_TEXT_LINE_MAX ? SMTP_EOD_LONG_LINE : 0);
            }
}

/* Two messages in one stream: the automaton starts anew. */
static void test_again(void **state)
{
    (void)state;
    struct smtp_eod e;
    struct sink sink = { .n = 0 };
    struct bytes in = BYTES("a\r\n.\r\n.\r\nrest");

    smtp_eod_init(&e);
    assert_int_equal(smtp_eod_feed(&e, &in, collect, &sink), SMTP_EOD_DONE);
    smtp_eod_init(&e);
    assert_int_equal(smtp_eod_feed(&e, &in, collect, &sink), SMTP_EOD_DONE);
    assert_true(bytes_eq(in, BYTES("rest")));
    assert_int_equal(sink.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_two_splits),
        cmocka_unit_test(test_one_byte_at_a_time),
        cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
