#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <mail/dns_name.h>

#define L63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static void test_read(void **state)
{
    static const struct {
        struct bytes in;
        const char *want; /* NULL: refused */
    } cases[] = {
        { BYTES_INIT("mail.example.NET"), "mail.example.net" },
        { BYTES_INIT("mail.example.net."), "mail.example.net" },
        { BYTES_INIT("_spf.a-b.example"), "_spf.a-b.example" },
        { BYTES_INIT("localhost"), "localhost" },
        { BYTES_INIT("4.3.2.1.in-addr.arpa"), "4.3.2.1.in-addr.arpa" },
        { BYTES_INIT(L63 ".a"), L63 ".a" },
        { BYTES_INIT(L63 "x.a"), NULL },
        { BYTES_INIT(L63 "." L63 "." L63 ".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy"),
          L63 "." L63 "." L63 ".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy" }, /* 253 */
        { BYTES_INIT(L63 "." L63 "." L63 ".abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"), NULL },
        { BYTES_INIT(""), NULL },
        { BYTES_INIT("."), NULL },
        { BYTES_INIT("a..b"), NULL },
        { BYTES_INIT(".a"), NULL },
        { BYTES_INIT("a.."), NULL },
        { BYTES_INIT("-a.b"), NULL },
        { BYTES_INIT("a-.b"), NULL },
        { BYTES_INIT("a b.c"), NULL },
        { BYTES_INIT("a\0b.c"), NULL },
        { BYTES_INIT("a\\000b.c"), NULL },
        { BYTES_INIT("a\x1b[31m.c"), NULL },
        { BYTES_INIT("a\n.c"), NULL },
        { BYTES_INIT("b\xc3\xbc.example"), NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[DNS_NAME_TEXT_MAX] = "untouched";

        assert_int_equal(dns_name_read(cases[i].in, out), cases[i].want == NULL ? TRAP_EINVAL : TRAP_OK);
        assert_string_equal(out, cases[i].want == NULL ? "untouched" : cases[i].want);
    }
}

static void test_below(void **state)
{
    (void)state;
    assert_true(dns_name_is_below(BYTES("crawl-1.googlebot.com"), BYTES("googlebot.com")));
    assert_true(dns_name_is_below(BYTES("GoogleBot.com"), BYTES("googlebot.com")));
    assert_false(dns_name_is_below(BYTES("evil-googlebot.com"), BYTES("googlebot.com")));
    assert_false(dns_name_is_below(BYTES("googlebot.com.evil.example"), BYTES("googlebot.com")));
    assert_false(dns_name_is_below(BYTES("com"), BYTES("googlebot.com")));
}

static struct ip address(const char *text)
{
    struct ip a;

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

static void test_reverse(void **state)
{
    char out[DNS_NAME_TEXT_MAX], zone[DNS_NAME_MAX + 1];

    (void)state;
    assert_int_equal(dns_name_reverse(address("203.0.113.9"), NULL, out), TRAP_OK);
    assert_string_equal(out, "9.113.0.203.in-addr.arpa");
    assert_int_equal(dns_name_reverse(address("2001:db8::a1"), NULL, out), TRAP_OK);
    assert_string_equal(out, "1.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    assert_int_equal(dns_name_reverse(address("203.0.113.9"), "list.dnswl.example", out), TRAP_OK);
    assert_string_equal(out, "9.113.0.203.list.dnswl.example");
    memset(zone, 'a', sizeof zone - 1);
    zone[sizeof zone - 1] = '\0';
    assert_int_equal(dns_name_reverse(address("203.0.113.9"), zone, out), TRAP_ERANGE);
    zone[DNS_NAME_MAX - 12] = '\0'; /* "9.113.0.203." are twelve */
    assert_int_equal(dns_name_reverse(address("203.0.113.9"), zone, out), TRAP_OK);
    assert_int_equal(strlen(out), DNS_NAME_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_reverse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
