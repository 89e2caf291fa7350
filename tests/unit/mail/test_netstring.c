#include <mail/netstring.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { MAX_BYTES = 20 };

static const struct {
    struct bytes in;
    enum netstring_event event;
    struct bytes text;
    size_t left; /* behind it */
} cases[] = {
    { BYTES_INIT("5:hello,"), NETSTRING_DONE, BYTES_INIT("hello"), 0 },
    { BYTES_INIT("0:,"), NETSTRING_DONE, BYTES_INIT(""), 0 },
    { BYTES_INIT("0:,1:a,"), NETSTRING_DONE, BYTES_INIT(""), 4 },
    { BYTES_INIT("3:a\0,,x"), NETSTRING_DONE, BYTES_INIT("a\0,"), 1 },
    { BYTES_INIT("12:trap a@b.net,junk"), NETSTRING_DONE, BYTES_INIT("trap a@b.net"), 4 },
    { BYTES_INIT("20:01234567890123456789,"), NETSTRING_DONE, BYTES_INIT("01234567890123456789"), 0 },
    { BYTES_INIT(""), NETSTRING_MORE, BYTES_INIT(""), 0 },
    { BYTES_INIT("1"), NETSTRING_MORE, BYTES_INIT(""), 1 },
    { BYTES_INIT("5:hell"), NETSTRING_MORE, BYTES_INIT(""), 6 },
    { BYTES_INIT("5:hello"), NETSTRING_MORE, BYTES_INIT(""), 7 },
    { BYTES_INIT("21"), NETSTRING_BAD, BYTES_INIT(""), 2 },
    { BYTES_INIT("21:012345678901234567890,"), NETSTRING_BAD, BYTES_INIT(""), 25 },
    { BYTES_INIT("99999999999999999999:"), NETSTRING_BAD, BYTES_INIT(""), 21 },
    { BYTES_INIT("05:hello,"), NETSTRING_BAD, BYTES_INIT(""), 9 },
    { BYTES_INIT("00:,"), NETSTRING_BAD, BYTES_INIT(""), 4 },
    { BYTES_INIT(":,"), NETSTRING_BAD, BYTES_INIT(""), 2 },
    { BYTES_INIT("-1:,"), NETSTRING_BAD, BYTES_INIT(""), 4 },
    { BYTES_INIT(" 1:a,"), NETSTRING_BAD, BYTES_INIT(""), 5 },
    { BYTES_INIT("1 :a,"), NETSTRING_BAD, BYTES_INIT(""), 5 },
    { BYTES_INIT("1;a,"), NETSTRING_BAD, BYTES_INIT(""), 4 },
    { BYTES_INIT("5:hello;"), NETSTRING_BAD, BYTES_INIT(""), 8 },
    { BYTES_INIT("4:hello,"), NETSTRING_BAD, BYTES_INIT(""), 8 },
    { BYTES_INIT("EHLO x\r\n"), NETSTRING_BAD, BYTES_INIT(""), 8 },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes in = cases[i].in, text = BYTES("");

        if (netstring_next(&in, MAX_BYTES, &text) != cases[i].event || in.n != cases[i].left ||
            !bytes_eq(text, cases[i].text))
            fail_msg("case %zu", i);
    }
}

/* A beginning of what is good or unfinished is never bad; what is bad is so from some byte on, for good. */
static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool bad = false, done = false;

        for (size_t cut = 0; cut <= cases[i].in.n; cut++) {
            struct bytes in = bytes_take(cases[i].in, cut), text = BYTES("");
            const enum netstring_event event = netstring_next(&in, MAX_BYTES, &text);

            assert_true(!bad || event == NETSTRING_BAD);
            assert_true(!done || event == NETSTRING_DONE);
            assert_true(event != NETSTRING_BAD || cases[i].event == NETSTRING_BAD);
            assert_true(event != NETSTRING_DONE || bytes_eq(text, cases[i].text));
            assert_true(event != NETSTRING_MORE || in.n <= MAX_BYTES + NETSTRING_EXTRA);
            bad = event == NETSTRING_BAD;
            done = event == NETSTRING_DONE;
        }
        assert_true(bad == (cases[i].event == NETSTRING_BAD) && done == (cases[i].event == NETSTRING_DONE));
    }
}

static void test_add(void **state)
{
    (void)state;
    struct buf out;
    struct bytes in, text;

    buf_init(&out, 100);
    netstring_add(&out, BYTES("OK trap"));
    netstring_add(&out, BYTES(""));
    assert_true(bytes_eq(buf_bytes(&out), BYTES("7:OK trap,0:,")));
    in = buf_bytes(&out);
    assert_int_equal(netstring_next(&in, MAX_BYTES, &text), NETSTRING_DONE);
    assert_true(bytes_eq(text, BYTES("OK trap")));
    assert_int_equal(netstring_next(&in, MAX_BYTES, &text), NETSTRING_DONE);
    assert_int_equal(text.n + in.n, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
