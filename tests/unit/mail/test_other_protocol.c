#include <mail/other_protocol.h>

#include <mail/smtp_command.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct opening {
    struct bytes in;
    const char *name;
};

static void check(const char *(*look)(struct bytes), struct bytes in, const char *want)
{
    const char *got = look(in);

    if (want == NULL) {
        if (got != NULL)
            fail_msg("%.*s: taken for %s", (int)in.n, (const char *)in.p, got);
    } else {
        assert_non_null(got);
        assert_string_equal(got, want);
    }
}

static void test_octets(void **state)
{
    (void)state;
    static const struct opening cases[] = {
        { BYTES_INIT("\x03\0\0"), "rdp" },
        { BYTES_INIT("\x04\x01\0\x19"), "socks" },
        { BYTES_INIT("\x05\x01\0"), "socks" },
        { BYTES_INIT("\x05\x02\0\x02"), "socks" },
        { BYTES_INIT("\x80\x2e\x01\x03"), "ssl2" },
        { BYTES_INIT("\x80\x2e\x01\0\x02"), "ssl2" },
        { BYTES_INIT("\0\0\0\x85\xffSMB"), "smb" },
        { BYTES_INIT("\0\0\0\x08\x04\xd2\x16\x2f"), "postgresql" },
        { BYTES_INIT("\0\0\0\x29\0\x03\0\0"), "postgresql" },
        { BYTES_INIT("\x12\x01\0\x2f\0\0"), "tds" },
        { BYTES_INIT("\x13"
                     "BitTorr"),
          "bittorrent" },
        { BYTES_INIT("\x30\x0c\x02\x01"), "ldap" },
        { BYTES_INIT("\x10\x10\0\x04MQTT"), "mqtt" },
        { BYTES_INIT("JRMI\0"), "rmi" },
    };
    static const struct bytes others[] = {
        BYTES_INIT("EHLO client.example\r\n"),
        BYTES_INIT("\r\n"),
        BYTES_INIT("\n"),
        BYTES_INIT(" "),
        BYTES_INIT("\xef\xbb\xbf"
                   "EHLO x\r\n"),
        BYTES_INIT("\0\0\0\0\0\0\0\0\0"),
        BYTES_INIT("\x04\x03\0\0"),
        BYTES_INIT("\x16\x03\x01\x02\0\x01"),
        BYTES_INIT("JRMIX"),
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t n = 0; n < cases[i].in.n; n++)
            check(other_protocol_octets, bytes_take(cases[i].in, n), NULL);
        check(other_protocol_octets, cases[i].in, cases[i].name);
    }
    for (size_t i = 0; i < COUNT(others); i++)
        for (size_t n = 0; n <= others[i].n; n++)
            check(other_protocol_octets, bytes_take(others[i], n), NULL);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct opening cases[] = {
        { BYTES_INIT("SSH-2.0-OpenSSH_9.6"), "ssh" },
        { BYTES_INIT("PRI * HTTP/2.0"), "http" },
        { BYTES_INIT("delete /x HTTP/1.1"), "http" },
        { BYTES_INIT("REGISTER sip:x@y SIP/2.0"), "sip" },
        { BYTES_INIT("DESCRIBE rtsp://x RTSP/1.0"), "rtsp" },
        { BYTES_INIT("Cookie: mstshash=x"), "rdp" },
        { BYTES_INIT("stats"), "memcached" },
        { BYTES_INIT("set k 0 0 1"), "memcached" },
        { BYTES_INIT("PING"), "redis" },
        { BYTES_INIT("config get *"), "redis" },
        { BYTES_INIT("*1"), "redis" },
        { BYTES_INIT("$4"), "redis" },
        { BYTES_INIT("USER root"), "pop3 or ftp" },
        { BYTES_INIT("CAPA"), "pop3" },
        { BYTES_INIT("a001 LOGIN a b"), "imap" },
        { BYTES_INIT("1 capability"), "imap" },
        { BYTES_INIT("NICK x"), "irc" },
        { BYTES_INIT("<?xml version='1.0'?>"), "xml" },
        /* SMTP, and what is only odd */
        { BYTES_INIT(""), NULL },
        { BYTES_INIT("*"), NULL },
        { BYTES_INIT("*x"), NULL },
        { BYTES_INIT("statsx"), NULL },
        { BYTES_INIT("USER"), NULL },
        { BYTES_INIT("a LOGIN x"), NULL },
        { BYTES_INIT("a1"), NULL },
        { BYTES_INIT("a1 NOOP"), NULL },
        { BYTES_INIT("PING x"), NULL },
        { BYTES_INIT("XXXX0"), NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        check(other_protocol_line, cases[i].in, cases[i].name);
}

/* No verb of SMTP is taken for another protocol, with or without an argument. */
static void test_smtp_is_none(void **state)
{
    (void)state;
    static const char *const verbs[] = { "EHLO", "HELO", "MAIL",    "RCPT",     "DATA", "RSET",
                                         "NOOP", "QUIT", "VRFY",    "EXPN",     "HELP", "STARTTLS",
                                         "AUTH", "BDAT", "XCLIENT", "XFORWARD", "ETRN", "ATRN",
                                         "TURN", "SEND", "SOML",    "SAML",     "LHLO" };
    uint8_t line[64];

    for (size_t i = 0; i < COUNT(verbs); i++) {
        const size_t n = strlen(verbs[i]);

        memcpy(line, verbs[i], n);
        memcpy(line + n, " FROM:<a@b>", 11);
        for (size_t k = 0; k <= n + 11; k++) {
            check(other_protocol_line, bytes_of(line, k), NULL);
            check(other_protocol_octets, bytes_of(line, k), NULL);
        }
        assert_int_not_equal(smtp_command_parse(bytes_of(line, n)).verb, SMTP_VERB_UNKNOWN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_smtp_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
