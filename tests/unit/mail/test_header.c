#include <mail/header.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    struct bytes in;
    uint32_t found;
    struct bytes body;
} cases[] = {
    { BYTES_INIT(""), 0, BYTES_INIT("") },
    { BYTES_INIT("\r\nbody\r\n"), 0, BYTES_INIT("body\r\n") },
    { BYTES_INIT("\nbody"), 0, BYTES_INIT("body") },
    { BYTES_INIT("From: a\r\nTo: b\r\n\r\nList-Id: no\r\n"), 0, BYTES_INIT("List-Id: no\r\n") },
    { BYTES_INIT("List-Id: <x.example>\r\n\r\nb"), HEADER_LIST, BYTES_INIT("b") },
    { BYTES_INIT("LIST-ID : <x>\r\n\r\n"), HEADER_LIST, BYTES_INIT("") },
    { BYTES_INIT("List-Unsubscribe: <mailto:x>\r\n\r\n"), 0, BYTES_INIT("") }, /* all bulk mail has it */
    { BYTES_INIT("From: \"Mail Delivery System\"\r\n <MAILER-DAEMON@x.example>\r\n\r\n"), HEADER_DAEMON, BYTES_INIT("") },
    { BYTES_INIT("from:postmaster@x.example\n\n"), HEADER_DAEMON, BYTES_INIT("") },
    { BYTES_INIT("From: master@post.example (mailer daemon)\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("To: postmaster@x.example\r\nReply-To: mailer-daemon@y\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("X-Failed-Recipients: a@b\r\nIn-Reply-To: <x>\r\n\r\n"), HEADER_FAILED | HEADER_REPLY, BYTES_INIT("") },
    { BYTES_INIT("References:\r\n <x>\r\n\r\n"), HEADER_REPLY, BYTES_INIT("") },
    { BYTES_INIT("List-Id: x"), HEADER_LIST, BYTES_INIT("") }, /* not ended */
    { BYTES_INIT("X-List-Id: x\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("List-Idx: x\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Precedence: bulk\r\n\r\n"), HEADER_LIST, BYTES_INIT("") },
    { BYTES_INIT("Precedence:LIST\n\n"), HEADER_LIST, BYTES_INIT("") },
    { BYTES_INIT("Precedence: first-class\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Precedence: bulky\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Auto-Submitted: no\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Auto-Submitted: (a (nested) comment) No ; x\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Auto-Submitted: auto-replied (vacation)\r\n\r\n"), HEADER_AUTO_SUBMITTED, BYTES_INIT("") },
    { BYTES_INIT("Auto-Submitted:\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Content-Type: multipart/report; report-type=x\r\n\r\n"), HEADER_REPORT, BYTES_INIT("") },
    { BYTES_INIT("Content-Type:\r\n\tMultipart/Report;\r\n boundary=x\r\n\r\n"), HEADER_REPORT,
      BYTES_INIT("") },
    { BYTES_INIT("Content-Type: multipart/reporting\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Content-Type: text/plain\r\n multipart/report\r\n\r\n"), 0, BYTES_INIT("") },
    { BYTES_INIT("Subject: x\r\n List-Id: y\r\nPrecedence: list\r\nAuto-Submitted: auto-generated\r\n\r\nz"),
      HEADER_LIST | HEADER_AUTO_SUBMITTED, BYTES_INIT("z") },
    /* no header at all: body from the first line on */
    { BYTES_INIT("this is not a header\r\nneither is this\r\n"), 0,
      BYTES_INIT("this is not a header\r\nneither is this\r\n") },
    { BYTES_INIT("From: a\r\nnot a field\r\nList-Id: x\r\n"), 0,
      BYTES_INIT("not a field\r\nList-Id: x\r\n") },
    { BYTES_INIT(": x\r\n"), 0, BYTES_INIT(": x\r\n") },
    { BYTES_INIT("a b: x\r\n"), 0, BYTES_INIT("a b: x\r\n") },
    { BYTES_INIT("a\0b: x\r\n"), 0, BYTES_INIT("a\0b: x\r\n") },
    { BYTES_INIT("From: a\r\n\rx\r\n"), 0, BYTES_INIT("\rx\r\n") },
    { BYTES_INIT("From: a\r\n\x80: b\r\n"), 0, BYTES_INIT("\x80: b\r\n") },
};

struct body {
    uint8_t p[512];
    size_t n;
};

static void feed(struct header *h, struct bytes piece, struct body *b)
{
    struct bytes parts[2];

    header_feed(h, piece, &parts[0], &parts[1]);
    for (int i = 0; i < 2; i++) {
        assert_true(b->n + parts[i].n <= sizeof(b->p));
        if (parts[i].n > 0)
            memcpy(b->p + b->n, parts[i].p, parts[i].n);
        b->n += parts[i].n;
    }
}

static void test_every_two_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t a = 0; a <= cases[i].in.n; a++)
            for (size_t b = a; b <= cases[i].in.n; b++) {
                struct header h;
                struct body body = { .n = 0 };

                header_init(&h, SIZE_MAX);
                feed(&h, bytes_take(cases[i].in, a), &body);
                feed(&h, bytes_take(bytes_skip(cases[i].in, a), b - a), &body);
                feed(&h, bytes_skip(cases[i].in, b), &body);
                header_end(&h);
                if (h.found != cases[i].found || !bytes_eq(bytes_of(body.p, body.n), cases[i].body))
                    fail_msg("case %zu cut at %zu, %zu", i, a, b);
            }
}

static void test_limits(void **state)
{
    (void)state;
    /* A name of the longest kept length is a field; one more, and the line is body. */
    for (size_t n = HEADER_NAME_MAX - 1; n <= HEADER_NAME_MAX + 1; n++) {
        uint8_t text[HEADER_NAME_MAX + 8];
        struct header h;
        struct body body = { .n = 0 };

        memset(text, 'x', sizeof(text));
        memcpy(text + n, ": v\r\n", 5);
        header_init(&h, SIZE_MAX);
        feed(&h, bytes_of(text, n + 5), &body);
        assert_int_equal(body.n, n <= HEADER_NAME_MAX ? 0 : n + 5);
    }
    /* A value longer than what is kept matches nothing by its beginning. */
    {
        uint8_t text[16 + HEADER_VALUE_MAX + 8];
        struct header h;
        struct body body = { .n = 0 };

        memcpy(text, "Auto-Submitted:", 15);
        memset(text + 15, 'n', sizeof(text) - 15);
        header_init(&h, SIZE_MAX);
        feed(&h, bytes_of(text, sizeof(text)), &body);
        header_end(&h);
        assert_int_equal(h.found, HEADER_AUTO_SUBMITTED);
    }
}

/* The header ends after so many octets, in every split: what follows is body, and a field that was cut says
 * nothing. */
static void test_size(void **state)
{
    (void)state;
    static const struct bytes text = BYTES_INIT("List-Id: x\r\nAuto-Submitted: auto-replied\r\n\r\nbody");
    enum { FIRST = 12, SECOND = 30, END = FIRST + SECOND + 2 };

    for (size_t max = 0; max <= text.n + 1; max++)
        for (size_t a = 0; a <= text.n; a++) {
            struct header h;
            struct body body = { .n = 0 };
            const bool cut = max < END;

            header_init(&h, max);
            feed(&h, bytes_take(text, a), &body);
            feed(&h, bytes_skip(text, a), &body);
            header_end(&h);
            assert_int_equal((h.found & HEADER_CUT) != 0, cut);
            assert_int_equal((h.found & HEADER_AUTO_SUBMITTED) != 0, max > FIRST + SECOND);
            if (!cut)
                assert_true(bytes_eq(bytes_of(body.p, body.n), BYTES("body")));
            else
                assert_true(bytes_has_isuffix(text, bytes_of(body.p, body.n)) && body.n >= text.n - max);
        }
}

/* 5,000 folded lines: linear, and the field goes on. */
static void test_fold_bomb(void **state)
{
    (void)state;
    struct header h;
    struct body body = { .n = 0 };

    header_init(&h, SIZE_MAX);
    feed(&h, BYTES("Auto-Submitted: \r\n"), &body);
    for (int i = 0; i < 5000; i++)
        feed(&h, BYTES(" \r\n"), &body);
    feed(&h, BYTES(" auto-replied\r\n\r\n"), &body);
    assert_int_equal(h.found, HEADER_AUTO_SUBMITTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_two_splits),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_fold_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
