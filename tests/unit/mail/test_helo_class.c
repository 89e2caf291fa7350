#include <mail/helo_class.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LABEL63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static bool is_own(struct bytes name, const void *arg)
{
    return bytes_ieq(name, BYTES("mx.trap.example")) || bytes_ieq(name, bytes_str(arg));
}

static struct ip ip(const char *text)
{
    struct ip a;

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

static struct helo_context context(const char *client)
{
    return (struct helo_context){ ip(client), ip("203.0.113.25"), is_own, "old.example" };
}

struct form {
    struct bytes helo;
    enum helo_class want;
};

static void check(const struct form *forms, size_t n, const char *client)
{
    const struct helo_context c = context(client);

    for (size_t i = 0; i < n; i++) {
        const enum helo_class got = helo_class(forms[i].helo, &c);

        if (got != forms[i].want)
            fail_msg("%.*s (%s): %s, expected %s", (int)forms[i].helo.n, (const char *)forms[i].helo.p,
                     client, helo_class_name(got), helo_class_name(forms[i].want));
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const struct form forms[] = {
        { BYTES_INIT(""), HELO_NONE },
        { BYTES_INIT("mail.sender.example"), HELO_NAME },
        { BYTES_INIT("sender.example"), HELO_NAME },
        { BYTES_INIT("MAIL-1.Sender.Example"), HELO_NAME },
        { BYTES_INIT("my_host.sender.example"), HELO_NAME },
        { BYTES_INIT("xn--bcher-kva.example"), HELO_NAME },
        { BYTES_INIT("b\xc3\xbc"
                     "cher.example"),
          HELO_NAME },
        { BYTES_INIT("3com.example"), HELO_NAME },
        { BYTES_INIT("1.2.3.4.sender.example"), HELO_NAME },
        { BYTES_INIT("localhost.localdomain"), HELO_NAME },
        { BYTES_INIT(LABEL63 ".example"), HELO_NAME },
        /* ours */
        { BYTES_INIT("mx.trap.example"), HELO_OWN_NAME },
        { BYTES_INIT("MX.Trap.Example."), HELO_OWN_NAME },
        { BYTES_INIT("old.example"), HELO_OWN_NAME },
        { BYTES_INIT("mail.old.example"), HELO_OWN_NAME },
        { BYTES_INIT("old.example."), HELO_OWN_NAME },
        { BYTES_INIT("[203.0.113.25]"), HELO_OWN_NAME },
        { BYTES_INIT("203.0.113.25"), HELO_OWN_NAME },
        { BYTES_INIT("very-old.example"), HELO_NAME },
        { BYTES_INIT("old.example.net"), HELO_NAME },
        { BYTES_INIT("trap.example"), HELO_NAME },
        /* addresses */
        { BYTES_INIT("[192.0.2.1]"), HELO_LITERAL },
        { BYTES_INIT("[198.51.100.7]"), HELO_LITERAL },
        { BYTES_INIT("[127.0.0.1]"), HELO_LITERAL },
        { BYTES_INIT("[IPv6:2001:db8::1]"), HELO_LITERAL },
        { BYTES_INIT("[ipv6:::1]"), HELO_LITERAL },
        { BYTES_INIT("[x400:c=de]"), HELO_LITERAL },
        { BYTES_INIT("192.0.2.1"), HELO_BARE_IP },
        { BYTES_INIT("2001:db8::1"), HELO_BARE_IP },
        { BYTES_INIT("::"), HELO_BARE_IP },
        { BYTES_INIT("[2001:db8::1]"), HELO_MALFORMED },
        { BYTES_INIT("[IPv6:192.0.2.1]"), HELO_MALFORMED },
        { BYTES_INIT("[IPv6:]"), HELO_MALFORMED },
        { BYTES_INIT("[192.0.2.256]"), HELO_MALFORMED },
        { BYTES_INIT("[192.0.2.1"), HELO_MALFORMED },
        { BYTES_INIT("192.0.2.1]"), HELO_MALFORMED },
        { BYTES_INIT("[]"), HELO_MALFORMED },
        { BYTES_INIT("["), HELO_MALFORMED },
        { BYTES_INIT("[host.example]"), HELO_MALFORMED },
        { BYTES_INIT("[tag:]"), HELO_MALFORMED },
        { BYTES_INIT("[:text]"), HELO_MALFORMED },
        { BYTES_INIT("[a-:text]"), HELO_MALFORMED },
        { BYTES_INIT("[a b:text]"), HELO_MALFORMED },
        { BYTES_INIT("[1a:text]"), HELO_MALFORMED },
        { BYTES_INIT("192.0.2.1:25"), HELO_MALFORMED },
        /* no dot */
        { BYTES_INIT("localhost"), HELO_NO_DOT },
        { BYTES_INIT("PC-7"), HELO_NO_DOT },
        { BYTES_INIT("WIN_4F2"), HELO_NO_DOT },
        { BYTES_INIT("a"), HELO_NO_DOT },
        { BYTES_INIT(LABEL63), HELO_NO_DOT },
        /* malformed */
        { BYTES_INIT("."), HELO_MALFORMED },
        { BYTES_INIT(".example"), HELO_MALFORMED },
        { BYTES_INIT("sender.example."), HELO_MALFORMED },
        { BYTES_INIT("a..example"), HELO_MALFORMED },
        { BYTES_INIT("-a.example"), HELO_MALFORMED },
        { BYTES_INIT("a-.example"), HELO_MALFORMED },
        { BYTES_INIT("a b.example"), HELO_MALFORMED },
        { BYTES_INIT("a.example extra"), HELO_MALFORMED },
        { BYTES_INIT("<a.example>"), HELO_MALFORMED },
        { BYTES_INIT("user@a.example"), HELO_MALFORMED },
        { BYTES_INIT("*.example"), HELO_MALFORMED },
        { BYTES_INIT("%RND_HOST"), HELO_MALFORMED },
        { BYTES_INIT("a\0.example"), HELO_MALFORMED },
        { BYTES_INIT("a\x7f.example"), HELO_MALFORMED },
        { BYTES_INIT("\xff.example"), HELO_MALFORMED },
        { BYTES_INIT("b\xc3.example"), HELO_MALFORMED },
        { BYTES_INIT("12345"), HELO_MALFORMED },
        { BYTES_INIT("192.0.2"), HELO_MALFORMED },
        { BYTES_INIT("192.0.2.256"), HELO_MALFORMED },
        { BYTES_INIT("1.2.3.4.5"), HELO_MALFORMED },
        { BYTES_INIT("a" LABEL63 ".example"), HELO_MALFORMED },
    };

    check(forms, COUNT(forms), "198.51.100.7");
}

static void test_dynamic_v4(void **state)
{
    (void)state;
    static const struct form forms[] = {
        { BYTES_INIT("198-51-100-7.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("7.100.51.198.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("host198_51_100_7.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("ip198x51x100x7y.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("a198-051-100-007.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("n2-198-51-100-7.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("198-51-100-7-9.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("198051100007.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("007100051198.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("pC6336407.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("p076433c6.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("mail-198-51-100-7.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("198-51-100-7.example"), HELO_DYNAMIC },
        { BYTES_INIT("198-51-100.isp.example"), HELO_NAME },
        { BYTES_INIT("198-51-100-8.isp.example"), HELO_NAME },
        { BYTES_INIT("198-51-100-71.isp.example"), HELO_NAME },
        { BYTES_INIT("100-51-198-7.isp.example"), HELO_NAME },
        { BYTES_INIT("4294967494-51-100-7.isp.example"), HELO_NAME }, /* 2^32 + 198 */
        /* words */
        { BYTES_INIT("dsl-17.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("adsl17.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("17.pool.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("host7.dyn.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("DHCP-1-2.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("ppp1.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("cable-1.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("static-1-2.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("dsl.isp.example"), HELO_NAME }, /* no digit */
        { BYTES_INIT("dsl4you.example"), HELO_NAME }, /* the network's own name */
        { BYTES_INIT("www.dsl4you.example"), HELO_NAME },
        { BYTES_INIT("www.pool.example"), HELO_NAME },
        { BYTES_INIT("liverpool7.club.example"), HELO_NAME }, /* part of a word */
        { BYTES_INIT("dynamite1.shop.example"), HELO_NAME },
        { BYTES_INIT("smtp-pool-3.isp.example"), HELO_NAME }, /* says mail server */
        { BYTES_INIT("mx3.static.isp.example"), HELO_NAME },
        { BYTES_INIT("mailpool3.isp.example"), HELO_NAME },
    };

    check(forms, COUNT(forms), "198.51.100.7");
}

static void test_dynamic_v6(void **state)
{
    (void)state;
    static const struct form forms[] = {
        { BYTES_INIT("2001-db8-0-1--ab.isp.example"), HELO_NAME }, /* not what RFC 5952 writes */
        { BYTES_INIT("2001-db8-0-1-12-0-0-ab.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("2001-db8-0-1-12--ab.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("p20010db8000000010012000000000"
                     "0ab.isp.example"),
          HELO_DYNAMIC },
        { BYTES_INIT("h00120000000000ab.isp.example"), HELO_DYNAMIC },
        { BYTES_INIT("b.a.0.0.0.0.0.0.0.0.0.0.2.1.0.0.1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.isp.example"),
          HELO_DYNAMIC },
        { BYTES_INIT("b.a.0.0.0.0.0.0.0.0.0.0.2.1.0.isp.example"), HELO_NAME },
        { BYTES_INIT("2001-db8.isp.example"), HELO_NAME },
        { BYTES_INIT("dyn-7.isp.example"), HELO_DYNAMIC },
    };

    check(forms, COUNT(forms), "2001:db8:0:1:12::ab");
}

/* A client whose address nobody knows (XCLIENT [UNAVAILABLE]) is in no name. */
static void test_unknown_client(void **state)
{
    (void)state;
    static const struct form forms[] = { { BYTES_INIT("0-0-0-0-0-0-0-0.isp.example"), HELO_NAME },
                                         { BYTES_INIT("h0000000000000000.isp.example"), HELO_NAME } };

    check(forms, COUNT(forms), "::");
}

static void test_nothing_is_ours(void **state)
{
    (void)state;
    struct helo_context c = context("198.51.100.7");

    c.is_own = NULL;
    assert_int_equal(helo_class(BYTES("mx.trap.example"), &c), HELO_NAME);
}

static void test_name_limits(void **state)
{
    (void)state;
    uint8_t name[400];
    const struct helo_context c = context("198.51.100.7");

    memset(name, 'a', sizeof(name));
    for (size_t i = 49; i < sizeof(name); i += 50)
        name[i] = '.';
    assert_int_equal(helo_class(bytes_of(name, 252), &c), HELO_NAME);
    assert_int_equal(helo_class(bytes_of(name, 253), &c), HELO_NAME);
    assert_int_equal(helo_class(bytes_of(name, 254), &c), HELO_MALFORMED);
    for (size_t n = 0; n <= sizeof(name); n++)
        assert_true(helo_class(bytes_of(name, n), &c) < HELO_CLASSES);
}

static void test_class_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HELO_CLASSES; i++)
        assert_string_not_equal(helo_class_name(i), "unknown");
    assert_string_equal(helo_class_name(HELO_CLASSES), "unknown");
    assert_string_equal(helo_class_name(255), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_dynamic_v4),
        cmocka_unit_test(test_dynamic_v6),      cmocka_unit_test(test_unknown_client),
        cmocka_unit_test(test_nothing_is_ours), cmocka_unit_test(test_name_limits),
        cmocka_unit_test(test_class_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
