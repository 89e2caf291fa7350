#include <base/ip.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct ip must_parse(const char *text)
{
    struct ip a;

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

static void test_text_is_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *in, *text;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "10.20.100.9", "10.20.100.9" },
        /* RFC 4291 2.5.5.2: mapped addresses are IPv4 here, however they are written. */
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "::FFFF:c000:0201", "192.0.2.1" },
        { "0:0:0:0:0:ffff:0:0", "0.0.0.0" },
        { "::fffe:192.0.2.1", "::fffe:c000:201" },
        { "::192.0.2.1", "::c000:201" },
        { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        { "2002:c000:0204::1", "2002:c000:204::1" },
        /* RFC 4291 2.2 */
        { "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789" },
        { "2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a" },
        { "FF01:0:0:0:0:0:0:101", "ff01::101" },
        { "0:0:0:0:0:0:0:1", "::1" },
        { "0:0:0:0:0:0:0:0", "::" },
        { "::", "::" },
        { "1::", "1::" },
        { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
        { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
        { "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
        { "::2:3:4:5:6:1.2.3.4", "0:2:3:4:5:6:102:304" },
        /* RFC 5952 4.1 leading zeros, 4.2.1 shortest, 4.2.2 not one group, 4.2.3 longest, first, 4.3 case */
        { "2001:0db8::0001", "2001:db8::1" },
        { "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
        { "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "2001:db8::AaAa", "2001:db8::aaaa" },
        { "1:0:0:2:3:0:0:0", "1:0:0:2:3::" },
        { "0:0:1:2:3:4:0:0", "::1:2:3:4:0:0" },
        { "0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1" },
        { "1000:100:10:1:0:1:10:100", "1000:100:10:1:0:1:10:100" },
    };
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct ip a = must_parse(cases[i].in);
        assert_string_equal(ip_text(a, text), cases[i].text);
        assert_true(ip_eq(must_parse(text), a));
    }
}

static const struct bytes malformed[] = {
    BYTES_INIT(""),
    BYTES_INIT("1"),
    BYTES_INIT("1.2.3"),
    BYTES_INIT("1.2.3."),
    BYTES_INIT("1.2.3.4."),
    BYTES_INIT("1.2.3.4.5"),
    BYTES_INIT(".1.2.3"),
    BYTES_INIT("1..2.3"),
    BYTES_INIT("256.0.0.1"),
    BYTES_INIT("1.2.3.1000"),
    BYTES_INIT("01.2.3.4"),
    BYTES_INIT("1.2.3.00"),
    BYTES_INIT("0x1.2.3.4"),
    BYTES_INIT("1.2.3.-4"),
    BYTES_INIT("1.2.3.4 "),
    BYTES_INIT(" 1.2.3.4"),
    BYTES_INIT("1.2.3.4\0"),
    BYTES_INIT("1.2.3.4/32"),
    BYTES_INIT("16909060"),
    BYTES_INIT("1.2.3.a"),
    BYTES_INIT("1,2,3,4"),
    BYTES_INIT(":"),
    BYTES_INIT(":::"),
    BYTES_INIT("::::"),
    BYTES_INIT(":1"),
    BYTES_INIT("1:"),
    BYTES_INIT("1::2:"),
    BYTES_INIT(":1::2"),
    BYTES_INIT("1:::2"),
    BYTES_INIT("1::2::3"),
    BYTES_INIT("::1::"),
    BYTES_INIT("12345::"),
    BYTES_INIT("::00001"),
    BYTES_INIT("::g"),
    BYTES_INIT("1:2:3:4:5:6:7"),
    BYTES_INIT("1:2:3:4:5:6:7:"),
    BYTES_INIT("1:2:3:4:5:6:7:8:9"),
    BYTES_INIT("1:2:3:4:5:6:7:8:"),
    BYTES_INIT("1:2:3:4:5:6:7:8::"),
    BYTES_INIT("1:2::3:4:5:6:7:8"),
    BYTES_INIT("::1:2:3:4:5:6:7:8"),
    BYTES_INIT("1:2:3:4:5:6:7:1.2.3.4"),
    BYTES_INIT("1:2:3:4:5:1.2.3.4"),
    BYTES_INIT("::1.2.3"),
    BYTES_INIT("::1.2.3.4:5"),
    BYTES_INIT("1.2.3.4::"),
    BYTES_INIT("::1.2.3.04"),
    BYTES_INIT("::12345.2.3.4"),
    BYTES_INIT("::a.2.3.4"),
    BYTES_INIT("::1.2.3.4.5"),
    BYTES_INIT("fe80::1%eth0"),
    BYTES_INIT("[::1]"),
    BYTES_INIT("::1\0"),
    BYTES_INIT("::1/128"),
    BYTES_INIT(" ::1"),
    BYTES_INIT("IPv6:::1"),
    BYTES_INIT("1:2:3:4:5:6:7:8.9.10.11"),
    BYTES_INIT("::-1"),
    BYTES_INIT("::+1"),
};

static void test_malformed(void **state)
{
    (void)state;
    const struct ip before = ip_v4(1, 2, 3, 4);

    for (size_t i = 0; i < COUNT(malformed); i++) {
        struct ip a = before;
        if (ip_parse(malformed[i], &a) != TRAP_EINVAL)
            fail_msg("accepted: %.*s", (int)malformed[i].n, (const char *)malformed[i].p);
        assert_true(ip_eq(a, before));
    }
}

/* The C library as oracle: it takes and refuses the same texts, but does not fold. */
static void check_against_library(const char *text)
{
    const bool v6 = strchr(text, ':') != NULL;
    struct ip ours, theirs = ip_v4(0, 0, 0, 0);
    const bool ours_ok = ip_parse(bytes_str(text), &ours) == TRAP_OK;
    const bool theirs_ok = inet_pton(v6 ? AF_INET6 : AF_INET, text, theirs.b + (v6 ? 0 : 12)) == 1;

    if (ours_ok != theirs_ok || (ours_ok && !ip_eq(ours, theirs)))
        fail_msg("the C library reads this otherwise: %s", text);
}

static struct ip random_ip(void)
{
    struct ip a;

    for (size_t i = 0; i < 16; i += 2) {
        const uint64_t r = next_random();
        a.b[i] = r & 3 ? 0 : (uint8_t)(r >> 8); /* many zero groups and short groups */
        a.b[i + 1] = r & 4 ? 0 : (uint8_t)(r >> 16);
    }
    if (next_random() % 4 == 0)
        a = ip_v4(a.b[1], a.b[3], a.b[5], a.b[7]);
    return a;
}

static void test_against_library(void **state)
{
    (void)state;
    static const char letters[] = "0123456789abcdefF.:::g";

    for (int round = 0; round < 200000; round++) {
        char ours[IP_TEXT_MAX], theirs[INET6_ADDRSTRLEN];
        const struct ip a = random_ip();
        const bool v4 = ip_is_v4(a);

        assert_true(ip_eq(must_parse(ip_text(a, ours)), a));
        assert_non_null(inet_ntop(v4 ? AF_INET : AF_INET6, a.b + (v4 ? 12 : 0), theirs, sizeof theirs));
        /* The library writes ::/96 as a quad, RFC 5952 does not. */
        if (strchr(theirs, ':') == NULL || strchr(theirs, '.') == NULL)
            assert_string_equal(ours, theirs);
        const size_t n = strlen(theirs);
        for (uint64_t edits = next_random() % 3; edits < 3; edits++)
            theirs[next_random() % n] = letters[next_random() % (sizeof letters - 1)];
        if (next_random() % 4 == 0)
            theirs[next_random() % n] = '\0';
        check_against_library(theirs);
    }
}

static void test_order(void **state)
{
    (void)state;
    static const char *const rising[] = { "::",        "::1",       "::fffe:ffff:ffff", "0.0.0.0",
                                          "9.0.0.0",   "10.0.0.0",  "192.0.2.255",      "255.255.255.255",
                                          "::1:0:0:0", "0:0:0:1::", "2001:db8::",       "ff00::" };

    for (size_t i = 0; i < COUNT(rising); i++) {
        for (size_t j = 0; j < COUNT(rising); j++) {
            const int c = ip_cmp(must_parse(rising[i]), must_parse(rising[j]));
            assert_true(i < j ? c < 0 : i > j ? c > 0 : c == 0);
        }
    }
}

static void test_sockaddr(void **state)
{
    (void)state;
    static const char *const cases[] = { "192.0.2.1", "0.0.0.0", "::", "2001:db8::1" };
    struct sockaddr_storage s;
    uint16_t port = 0;
    struct ip a;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct ip want = must_parse(cases[i]);
        const socklen_t n = ip_to_sockaddr(want, 2525, &s);
        assert_int_equal(n, ip_is_v4(want) ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&s, &a, &port), TRAP_OK);
        assert_true(ip_eq(a, want) && port == 2525);
    }
    /* What a dual-stack socket reports for an IPv4 client. */
    struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = htons(25) };
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr), 1);
    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&mapped, &a, &port), TRAP_OK);
    assert_true(ip_eq(a, ip_v4(192, 0, 2, 1)) && ip_is_v4(a) && port == 25);
    s.ss_family = AF_UNIX;
    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&s, &a, &port), TRAP_EINVAL);
}

static void test_ip_port(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum trap_err err;
        const char *ip;
        uint16_t port;
    } cases[] = {
        { "127.0.0.1:25", TRAP_OK, "127.0.0.1", 25 },
        { "0.0.0.0:0", TRAP_OK, "0.0.0.0", 0 },
        { "[::]:65535", TRAP_OK, "::", 65535 },
        { "[2001:db8::1]:8080", TRAP_OK, "2001:db8::1", 8080 },
        { "[::ffff:192.0.2.1]:25", TRAP_OK, "192.0.2.1", 25 },
        { "127.0.0.1:65536", TRAP_ERANGE, NULL, 0 },
        { "127.0.0.1", TRAP_EINVAL, NULL, 0 },
        { "127.0.0.1:", TRAP_EINVAL, NULL, 0 },
        { ":25", TRAP_EINVAL, NULL, 0 },
        { "::1:25", TRAP_EINVAL, NULL, 0 },
        { "[::1]", TRAP_EINVAL, NULL, 0 },
        { "[::1]25", TRAP_EINVAL, NULL, 0 },
        { "[::1:25", TRAP_EINVAL, NULL, 0 },
        { "::1]:25", TRAP_EINVAL, NULL, 0 },
        { "[]:25", TRAP_EINVAL, NULL, 0 },
        { "[127.0.0.1]:25", TRAP_EINVAL, NULL, 0 },
        { "localhost:25", TRAP_EINVAL, NULL, 0 },
        { "127.0.0.1:smtp", TRAP_EINVAL, NULL, 0 },
        { "", TRAP_EINVAL, NULL, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip a;
        uint16_t port = 7;
        assert_int_equal(ip_port_parse(bytes_str(cases[i].in), &a, &port), cases[i].err);
        if (cases[i].err == TRAP_OK)
            assert_true(ip_eq(a, must_parse(cases[i].ip)));
        assert_int_equal(port, cases[i].err == TRAP_OK ? cases[i].port : 7);
    }
}

static void test_blobs(void **state)
{
    (void)state;
    const struct ip v4 = ip_v4(192, 0, 2, 1), v6 = must_parse("2001:db8:1:2:3::4");
    uint8_t blob[16];
    struct ip a;
    struct prefix k;

    assert_int_equal(ip_put(v4, blob), 4);
    assert_memory_equal(blob, "\xc0\x00\x02\x01", 4);
    assert_int_equal(ip_get(bytes_of(blob, 4), &a), TRAP_OK);
    assert_true(ip_eq(a, v4));
    assert_int_equal(ip_put(v6, blob), 16);
    assert_int_equal(ip_get(bytes_of(blob, 16), &a), TRAP_OK);
    assert_true(ip_eq(a, v6));

    assert_int_equal(ip_key_put(ip_key(v4), blob), 4);
    assert_int_equal(ip_key_get(bytes_of(blob, 4), &k), TRAP_OK);
    assert_int_equal(prefix_cmp(k, ip_key(v4)), 0);
    assert_int_equal(ip_key_put(ip_key(v6), blob), 8);
    assert_memory_equal(blob, "\x20\x01\x0d\xb8\x00\x01\x00\x02", 8);
    assert_int_equal(ip_key_get(bytes_of(blob, 8), &k), TRAP_OK);
    assert_int_equal(prefix_cmp(k, ip_key(v6)), 0);

    memcpy(blob, v4.b, 16);
    assert_int_equal(ip_get(bytes_of(blob, 16), &a), TRAP_EINVAL); /* IPv4 has one blob: four bytes */
    for (size_t n = 0; n < 16; n++) {
        assert_int_equal(ip_get(bytes_of(v6.b, n), &a), n == 4 ? TRAP_OK : TRAP_EINVAL);
        assert_int_equal(ip_key_get(bytes_of(v6.b, n), &k), n == 4 || n == 8 ? TRAP_OK : TRAP_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_canonical),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_against_library),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_sockaddr),
        cmocka_unit_test(test_ip_port),
        cmocka_unit_test(test_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
