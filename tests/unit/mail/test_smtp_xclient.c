#include <mail/smtp_xclient.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_good(void **state)
{
    (void)state;
    struct smtp_xclient x;
    char text[IP_TEXT_MAX];

    assert_int_equal(
        smtp_xclient_parse(BYTES("ADDR=198.51.100.77 NAME=x.example HELO=he+2Blo port=4711 PROTO=ESMTP"), &x),
        TRAP_OK);
    assert_int_equal(x.given, SMTP_XCLIENT_ADDR | SMTP_XCLIENT_NAME | SMTP_XCLIENT_HELO | SMTP_XCLIENT_PORT |
                                  SMTP_XCLIENT_PROTO);
    assert_string_equal(ip_text(x.addr, text), "198.51.100.77");
    assert_int_equal(x.port, 4711);
    assert_true(x.esmtp);
    assert_true(bytes_eq(bytes_of(x.helo, x.helo_len), BYTES("he+lo")));

    assert_int_equal(smtp_xclient_parse(BYTES("HELO=he+2blo+2Blo"), &x), TRAP_OK);
    assert_true(bytes_eq(bytes_of(x.helo, x.helo_len), BYTES("he+lo+lo")));
    assert_int_equal(smtp_xclient_parse(BYTES("addr=ipv6:2001:db8::5  NAME=[UNAVAILABLE]"), &x), TRAP_OK);
    assert_string_equal(ip_text(x.addr, text), "2001:db8::5");
    assert_int_equal(x.unknown, SMTP_XCLIENT_NAME);
    assert_int_equal(smtp_xclient_parse(BYTES("ADDR=[TEMPUNAVAIL]"), &x), TRAP_OK);
    assert_int_equal(x.given, 0);
    assert_int_equal(x.unknown, SMTP_XCLIENT_ADDR);
    assert_int_equal(
        smtp_xclient_parse(BYTES("ADDR=IPV6:::ffff:192.0.2.9 DESTADDR=192.0.2.1 DESTPORT=25"), &x), TRAP_OK);
    assert_string_equal(ip_text(x.addr, text), "192.0.2.9"); /* mapped becomes IPv4 */
    assert_string_equal(ip_text(x.destaddr, text), "192.0.2.1");
    assert_int_equal(x.destport, 25);
    assert_int_equal(smtp_xclient_parse(BYTES("LOGIN=bob PROTO=SMTP"), &x), TRAP_OK);
    assert_false(x.esmtp);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct bytes cases[] = {
        BYTES_INIT(""),
        BYTES_INIT(" "),
        BYTES_INIT("ADDR"),
        BYTES_INIT("ADDR="),
        BYTES_INIT("=1"),
        BYTES_INIT("ADDR=1.2.3"),
        BYTES_INIT("ADDR=2001:db8::5"),
        BYTES_INIT("ADDR=IPV6:192.0.2.1"),
        BYTES_INIT("ADDR=IPV6:"),
        BYTES_INIT("ADDR=192.0.2.1 ADDR=192.0.2.2"),
        BYTES_INIT("ADDR=[UNAVAILABLE] ADDR=192.0.2.2"),
        BYTES_INIT("WHAT=1"),
        BYTES_INIT("PORT=65536"),
        BYTES_INIT("PORT=-1"),
        BYTES_INIT("PROTO=HTTP"),
        BYTES_INIT("HELO="),
        BYTES_INIT("HELO=a+0Db"),
        BYTES_INIT("HELO=a+4"),
        BYTES_INIT("HELO=a+"),
        BYTES_INIT("HELO=+4g"),
        BYTES_INIT("NAME=a+00b"),
        BYTES_INIT("HELO=a\x1b"),
        BYTES_INIT("LOGIN="),
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct smtp_xclient x = { .port = 7 };

        if (smtp_xclient_parse(cases[i], &x) != TRAP_EINVAL)
            fail_msg("case %zu passed", i);
        assert_int_equal(x.port, 7);
    }
}

static void test_helo_length(void **state)
{
    (void)state;
    for (size_t n = SMTP_XCLIENT_HELO_MAX - 1; n <= SMTP_XCLIENT_HELO_MAX + 1; n++) {
        uint8_t text[5 + SMTP_XCLIENT_HELO_MAX + 1];
        struct smtp_xclient x;

        memset(text, 'h', sizeof(text));
        memcpy(text, "HELO=", 5);
        assert_int_equal(smtp_xclient_parse(bytes_of(text, 5 + n), &x),
                         n <= SMTP_XCLIENT_HELO_MAX ? TRAP_OK : TRAP_EINVAL);
    }
}

static void test_forward(void **state)
{
    (void)state;
    struct smtp_xclient x = { .given = 0 };
    char text[IP_TEXT_MAX];

    assert_int_equal(smtp_xforward_parse(BYTES("NAME=spike.example ADDR=198.51.100.7 PORT=4711"), &x), TRAP_OK);
    assert_int_equal(smtp_xforward_parse(BYTES("proto=ESMTP HELO=he+2Blo IDENT=4F2 SOURCE=REMOTE"), &x), TRAP_OK);
    assert_int_equal(x.given, SMTP_XCLIENT_NAME | SMTP_XCLIENT_ADDR | SMTP_XCLIENT_PORT | SMTP_XCLIENT_PROTO |
                                  SMTP_XCLIENT_HELO | SMTP_XFORWARD_IDENT | SMTP_XFORWARD_SOURCE);
    assert_int_equal(x.unknown, 0);
    assert_string_equal(ip_text(x.addr, text), "198.51.100.7");
    assert_true(bytes_eq(bytes_of(x.helo, x.helo_len), BYTES("he+lo")));
    assert_true(x.esmtp && !x.tls && !x.cut);

    /* the last word counts */
    assert_int_equal(smtp_xforward_parse(BYTES("ADDR=IPV6:2001:db8::5"), &x), TRAP_OK);
    assert_string_equal(ip_text(x.addr, text), "2001:db8::5");
    assert_int_equal(smtp_xforward_parse(BYTES("ADDR=[UNAVAILABLE] HELO=[TEMPUNAVAIL]"), &x), TRAP_OK);
    assert_int_equal(x.given & (SMTP_XCLIENT_ADDR | SMTP_XCLIENT_HELO), 0);
    assert_int_equal(x.unknown, SMTP_XCLIENT_ADDR | SMTP_XCLIENT_HELO);
}

static void test_forward_protocols(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        bool esmtp, tls;
    } rows[] = {
        { BYTES_INIT("PROTO=SMTP"), false, false },      { BYTES_INIT("PROTO=ESMTP"), true, false },
        { BYTES_INIT("PROTO=esmtps"), true, true },      { BYTES_INIT("PROTO=ESMTPSA"), true, true },
        { BYTES_INIT("PROTO=ESMTPA"), true, false },     { BYTES_INIT("PROTO=SMTPS"), false, true },
        { BYTES_INIT("PROTO=UTF8SMTPS"), true, true },   { BYTES_INIT("PROTO=QMQP"), false, false },
        { BYTES_INIT("PROTO=UTF8SMTP"), true, false },   { BYTES_INIT("PROTO=E"), false, false },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct smtp_xclient x = { .given = 0 };

        assert_int_equal(smtp_xforward_parse(rows[i].in, &x), TRAP_OK);
        assert_true(x.esmtp == rows[i].esmtp && x.tls == rows[i].tls);
    }
}

/* What is wrong is unknown, never what stood there before; the rest is taken. */
static void test_forward_mistakes(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        uint32_t given, unknown;
    } rows[] = {
        { BYTES_INIT(""), SMTP_XCLIENT_ADDR, 0 },
        { BYTES_INIT("WHAT=1"), SMTP_XCLIENT_ADDR, 0 },
        { BYTES_INIT("ADDR"), SMTP_XCLIENT_ADDR, 0 },
        { BYTES_INIT("LOGIN=x"), SMTP_XCLIENT_ADDR, 0 },
        { BYTES_INIT("DESTADDR=192.0.2.1"), SMTP_XCLIENT_ADDR, 0 },
        { BYTES_INIT("ADDR="), 0, SMTP_XCLIENT_ADDR },
        { BYTES_INIT("ADDR=198.51.100.300"), 0, SMTP_XCLIENT_ADDR },
        { BYTES_INIT("ADDR=192.0.2.1 ADDR=192.0.2.2"), 0, SMTP_XCLIENT_ADDR },
        { BYTES_INIT("ADDR=192.0.2.1 ADDR=[UNAVAILABLE]"), 0, SMTP_XCLIENT_ADDR },
        { BYTES_INIT("WHAT=1 HELO=a"), SMTP_XCLIENT_ADDR | SMTP_XCLIENT_HELO, 0 },
        { BYTES_INIT("HELO=a+0Db"), SMTP_XCLIENT_ADDR | SMTP_XCLIENT_HELO, 0 }, /* as it stands */
        { BYTES_INIT("HELO="), SMTP_XCLIENT_ADDR, SMTP_XCLIENT_HELO },
        { BYTES_INIT("HELO=a\x1b"), SMTP_XCLIENT_ADDR, SMTP_XCLIENT_HELO },
        { BYTES_INIT("PORT=65536 PROTO=SMTP"), SMTP_XCLIENT_ADDR | SMTP_XCLIENT_PROTO, SMTP_XCLIENT_PORT },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct smtp_xclient x = { .given = 0 };

        assert_int_equal(smtp_xforward_parse(BYTES("ADDR=198.51.100.7"), &x), TRAP_OK);
        if (smtp_xforward_parse(rows[i].in, &x) != TRAP_EINVAL || x.given != rows[i].given ||
            x.unknown != rows[i].unknown)
            fail_msg("case %zu: given %x, unknown %x", i, x.given, x.unknown);
    }
}

static void test_forward_helo_length(void **state)
{
    (void)state;
    for (size_t n = SMTP_XCLIENT_HELO_MAX - 1; n <= SMTP_XCLIENT_HELO_MAX + 1; n++) {
        uint8_t text[5 + SMTP_XCLIENT_HELO_MAX + 1];
        struct smtp_xclient x = { .given = 0 };

        memset(text, 'h', sizeof(text));
        memcpy(text, "HELO=", 5);
        assert_int_equal(smtp_xforward_parse(bytes_of(text, 5 + n), &x),
                         n <= SMTP_XCLIENT_HELO_MAX ? TRAP_OK : TRAP_EINVAL);
        assert_int_equal(x.given, SMTP_XCLIENT_HELO);
        assert_int_equal(x.helo_len, n <= SMTP_XCLIENT_HELO_MAX ? n : SMTP_XCLIENT_HELO_MAX);
        assert_true(x.cut == (n > SMTP_XCLIENT_HELO_MAX));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_helo_length),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_forward_protocols),
        cmocka_unit_test(test_forward_mistakes),
        cmocka_unit_test(test_forward_helo_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
