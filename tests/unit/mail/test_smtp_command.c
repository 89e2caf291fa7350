#include <mail/smtp_command.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_verbs(void **state)
{
    (void)state;
    static const struct {
        struct bytes line;
        enum smtp_verb verb;
        struct bytes argument;
        bool tab;
    } cases[] = {
        { BYTES_INIT("EHLO client.example"), SMTP_VERB_EHLO, BYTES_INIT("client.example"), false },
        { BYTES_INIT("eHlO\tclient.example"), SMTP_VERB_EHLO, BYTES_INIT("client.example"), true },
        { BYTES_INIT("HELO"), SMTP_VERB_HELO, BYTES_INIT(""), false },
        { BYTES_INIT("HELO   \t "), SMTP_VERB_HELO, BYTES_INIT(""), false },
        { BYTES_INIT("mail FROM:<a@b>  "), SMTP_VERB_MAIL, BYTES_INIT("FROM:<a@b>"), false },
        { BYTES_INIT("RCPT TO:<a@b> X=1"), SMTP_VERB_RCPT, BYTES_INIT("TO:<a@b> X=1"), false },
        { BYTES_INIT("DATA"), SMTP_VERB_DATA, BYTES_INIT(""), false },
        { BYTES_INIT("DATA now"), SMTP_VERB_DATA, BYTES_INIT("now"), false },
        { BYTES_INIT("RSET"), SMTP_VERB_RSET, BYTES_INIT(""), false },
        { BYTES_INIT("NOOP x"), SMTP_VERB_NOOP, BYTES_INIT("x"), false },
        { BYTES_INIT("VRFY bob"), SMTP_VERB_VRFY, BYTES_INIT("bob"), false },
        { BYTES_INIT("EXPN list"), SMTP_VERB_EXPN, BYTES_INIT("list"), false },
        { BYTES_INIT("HELP"), SMTP_VERB_HELP, BYTES_INIT(""), false },
        { BYTES_INIT("QUIT"), SMTP_VERB_QUIT, BYTES_INIT(""), false },
        { BYTES_INIT("XCLIENT ADDR=192.0.2.1"), SMTP_VERB_XCLIENT, BYTES_INIT("ADDR=192.0.2.1"), false },
        { BYTES_INIT("XFORWARD NAME=x"), SMTP_VERB_XFORWARD, BYTES_INIT("NAME=x"), false },
        { BYTES_INIT("STARTTLS"), SMTP_VERB_STARTTLS, BYTES_INIT(""), false },
        { BYTES_INIT("AUTH PLAIN AHUAcA=="), SMTP_VERB_AUTH, BYTES_INIT("PLAIN AHUAcA=="), false },
        { BYTES_INIT("BDAT 10 LAST"), SMTP_VERB_BDAT, BYTES_INIT("10 LAST"), false },
        { BYTES_INIT("DEBUG"), SMTP_VERB_PROBE, BYTES_INIT(""), false },
        { BYTES_INIT("wiz"), SMTP_VERB_PROBE, BYTES_INIT(""), false },
        { BYTES_INIT("LHLO x"), SMTP_VERB_PROBE, BYTES_INIT("x"), false },
        { BYTES_INIT("GET / HTTP/1.0"), SMTP_VERB_HTTP, BYTES_INIT("/ HTTP/1.0"), false },
        { BYTES_INIT("Host: x"), SMTP_VERB_HTTP, BYTES_INIT("x"), false },
        { BYTES_INIT(""), SMTP_VERB_UNKNOWN, BYTES_INIT(""), false },
        { BYTES_INIT(" EHLO x"), SMTP_VERB_UNKNOWN, BYTES_INIT("EHLO x"), false },
        { BYTES_INIT("EHLOx"), SMTP_VERB_UNKNOWN, BYTES_INIT(""), false },
        { BYTES_INIT("EHL"), SMTP_VERB_UNKNOWN, BYTES_INIT(""), false },
        { BYTES_INIT("EHLO\0 x"), SMTP_VERB_UNKNOWN, BYTES_INIT("x"), false },
        { BYTES_INIT("RSET\rQUIT"), SMTP_VERB_UNKNOWN, BYTES_INIT(""), false },
        { BYTES_INIT("XXXX0"), SMTP_VERB_UNKNOWN, BYTES_INIT(""), false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct smtp_command c = smtp_command_parse(cases[i].line);

        assert_int_equal(c.verb, cases[i].verb);
        assert_int_equal(c.tab, cases[i].tab);
        assert_true(bytes_eq(c.argument, cases[i].argument));
    }
}

static void test_keyword(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        bool ok;
        struct bytes rest;
        bool sloppy;
    } cases[] = {
        { BYTES_INIT("FROM:<a@b>"), true, BYTES_INIT("<a@b>"), false },
        { BYTES_INIT("from:<a@b> SIZE=1"), true, BYTES_INIT("<a@b> SIZE=1"), false },
        { BYTES_INIT("fRoM: <a@b>"), true, BYTES_INIT("<a@b>"), true },
        { BYTES_INIT("FROM :<a@b>"), true, BYTES_INIT("<a@b>"), true },
        { BYTES_INIT("FROM \t: \t<a@b>"), true, BYTES_INIT("<a@b>"), true },
        { BYTES_INIT("FROM:"), true, BYTES_INIT(""), false },
        { BYTES_INIT("FROM"), false, BYTES_INIT(""), false },
        { BYTES_INIT("FROM <a@b>"), false, BYTES_INIT(""), false },
        { BYTES_INIT("FROMX:<a@b>"), false, BYTES_INIT(""), false },
        { BYTES_INIT("TO:<a@b>"), false, BYTES_INIT(""), false },
        { BYTES_INIT(""), false, BYTES_INIT(""), false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes rest = BYTES("untouched");
        bool sloppy = false;

        assert_int_equal(smtp_command_keyword(cases[i].in, BYTES("FROM"), &rest, &sloppy), cases[i].ok);
        if (!cases[i].ok) {
            assert_true(bytes_eq(rest, BYTES("untouched")));
            continue;
        }
        assert_true(bytes_eq(rest, cases[i].rest));
        assert_int_equal(sloppy, cases[i].sloppy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_keyword),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
