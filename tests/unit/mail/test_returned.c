/* What automatic mail brings back, whole and cut at every two places. */
#include <mail/returned.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TRAP     "runa471@trap.test"
#define HEAD     "Received: from a by b; x\r\nMessage-ID: <1@x>\r\n"
#define ALL      (RETURNED_HEAD | RETURNED_AUTHOR)

static bool is_ours(struct bytes value, void *arg)
{
    (void)arg;
    return returned_holds(value, BYTES(TRAP));
}

static const struct {
    struct bytes body;
    uint32_t found;
} cases[] = {
    { BYTES_INIT(""), 0 },
    { BYTES_INIT("hello\r\n"), 0 },
    { BYTES_INIT("Hi.\r\n\r\n" HEAD "From: <" TRAP ">\r\n\r\nx\r\n"), ALL },
    { BYTES_INIT(HEAD "From: <" TRAP ">"), ALL }, /* the end of the body ends it */
    { BYTES_INIT(HEAD "from : \"R\" <RUNA471@Trap.Test>\n\n"), ALL },
    { BYTES_INIT(HEAD "From: someone\r\n <" TRAP ">\r\n\r\n"), ALL },
    { BYTES_INIT(HEAD "Return-Path: <" TRAP ">\r\n\r\n"), ALL },
    { BYTES_INIT(HEAD "Sender: " TRAP "\r\n\r\n"), ALL },
    { BYTES_INIT("> Received: a\r\n> Message-Id: b\r\n> From: " TRAP "\r\n> \r\n> x\r\n"), ALL },
    { BYTES_INIT(">> Received: a\r\n>>   for x\r\n>> Message-Id: b\r\n>> From: " TRAP "\r\n"), ALL },
    { BYTES_INIT("   Received: a\r\n   Subject: b\r\n   From: " TRAP "\r\n"), ALL },
    /* somebody else's */
    { BYTES_INIT(HEAD "From: <other@trap.test>\r\n\r\n"), RETURNED_HEAD },
    { BYTES_INIT(HEAD "From: <xruna471@trap.test>\r\n\r\n"), RETURNED_HEAD },
    { BYTES_INIT(HEAD "From: <" TRAP ".example>\r\n\r\n"), RETURNED_HEAD },
    { BYTES_INIT(HEAD "To: <" TRAP ">\r\n\r\n"), RETURNED_HEAD },
    { BYTES_INIT(HEAD "Subject: a\r\n " TRAP "\r\n\r\n"), RETURNED_HEAD },
    { BYTES_INIT(HEAD "From: other\r\nX: y\r\n <" TRAP ">\r\n\r\n"), RETURNED_HEAD },
    /* no head: what people write, too few fields, fields apart */
    { BYTES_INIT("From: <" TRAP ">\r\nTo: you\r\nSubject: x\r\nDate: y\r\n\r\n"), ALL },
    { BYTES_INIT("From: <" TRAP ">\r\nTo: you\r\nSubject: x\r\nSender: y\r\n\r\n"), 0 },
    { BYTES_INIT("Received: x\r\nFrom: <" TRAP ">\r\n\r\n"), 0 },
    { BYTES_INIT("Received: x\r\n\r\nMessage-ID: x\r\n\r\nFrom: <" TRAP ">\r\n"), 0 },
    { BYTES_INIT("Received: x\r\nReceived: y\r\nReceived: z\r\n\r\n"), 0 },
    { BYTES_INIT(HEAD "plain words\r\nFrom: <" TRAP ">\r\n"), 0 },
    { BYTES_INIT("From: <" TRAP ">\r\n\r\n" HEAD "Date: x\r\n"), RETURNED_HEAD },
    /* delivery status, in two blocks as RFC 3464 has it */
    { BYTES_INIT("Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\n\r\n"),
      RETURNED_STATUS },
    { BYTES_INIT("Final-Recipient: a\r\nOriginal-Recipient: a\r\nAction: failed\r\n"), 0 },
    /* feedback report, RFC 5965 */
    { BYTES_INIT("Feedback-Type: abuse\r\nVersion: 1\r\n\r\n"), RETURNED_FEEDBACK },
    { BYTES_INIT("Feedback-Type: abuse\r\nUser-Agent: x\r\nOriginal-Mail-From: <" TRAP ">\r\n\r\n"),
      RETURNED_FEEDBACK | RETURNED_AUTHOR },
    { BYTES_INIT("Feedback-Type: abuse\r\n\r\nVersion: 1\r\n"), 0 },
    { BYTES_INIT("Original-Mail-From: <" TRAP ">\r\n\r\n"), 0 },
    /* NUL, bare CR, long names */
    { BYTES_INIT("Received\0: x\r\nMessage-ID: a\r\nFrom: " TRAP "\r\n"), 0 },
    { BYTES_INIT("Received: x\rMessage-ID: a\rFrom: " TRAP "\r"), 0 },
};

static void test_every_two_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t a = 0; a <= cases[i].body.n; a++)
            for (size_t b = a; b <= cases[i].body.n; b++) {
                struct returned r;

                returned_init(&r, is_ours, NULL);
                returned_feed(&r, bytes_take(cases[i].body, a));
                returned_feed(&r, bytes_take(bytes_skip(cases[i].body, a), b - a));
                returned_feed(&r, bytes_skip(cases[i].body, b));
                returned_end(&r);
                if (r.found != cases[i].found)
                    fail_msg("case %zu cut at %zu, %zu: %u", i, a, b, (unsigned)r.found);
            }
}

/* Of a line so many octets are looked at: an address that ends on the last of them is seen, one behind it is not. */
static void test_line_limit(void **state)
{
    static const struct bytes trap = BYTES_INIT(TRAP);

    (void)state;
    for (size_t over = 0; over <= 2; over++) {
        uint8_t line[RETURNED_LINE_MAX + 8] = "From: ";
        struct returned r;
        const size_t at = RETURNED_LINE_MAX - trap.n + over;

        memset(line + 6, ' ', sizeof line - 6);
        memcpy(line + at, trap.p, trap.n);
        returned_init(&r, is_ours, NULL);
        returned_feed(&r, bytes_of(line, at + trap.n));
        returned_feed(&r, BYTES("\r\n" HEAD "\r\n"));
        returned_end(&r);
        assert_int_equal(r.found, over == 0 ? ALL : RETURNED_HEAD);
    }
}

static void test_holds(void **state)
{
    static const struct {
        struct bytes text;
        bool holds;
    } texts[] = {
        { BYTES_INIT(TRAP), true },
        { BYTES_INIT("<" TRAP ">"), true },
        { BYTES_INIT("a, " TRAP "; b"), true },
        { BYTES_INIT("a" TRAP " " TRAP), true },
        { BYTES_INIT("x." TRAP), false },
        { BYTES_INIT(TRAP "x"), false },
        { BYTES_INIT(TRAP ".x"), false },
        { BYTES_INIT("\xc3\xa9" TRAP), false },
        { BYTES_INIT("runa471@trap.tes"), false },
        { BYTES_INIT(""), false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(returned_holds(texts[i].text, BYTES(TRAP)), texts[i].holds);
    assert_false(returned_holds(BYTES("x"), BYTES("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_two_splits),
                                        cmocka_unit_test(test_line_limit), cmocka_unit_test(test_holds) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
