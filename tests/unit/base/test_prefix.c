#include <base/ip.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct ip ip(const char *text)
{
    struct ip a;

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

static struct prefix net(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(bytes_str(text), &p), TRAP_OK);
    return p;
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *text;
        uint8_t len;
    } cases[] = {
        { "192.0.2.0/24", "192.0.2.0/24", 120 },
        { "0.0.0.0/0", "0.0.0.0/0", 96 },
        { "128.0.0.0/1", "128.0.0.0/1", 97 },
        { "192.0.2.1", "192.0.2.1", 128 },
        { "192.0.2.1/32", "192.0.2.1", 128 },
        { "2001:db8::/32", "2001:db8::/32", 32 },
        { "::/0", "::/0", 0 },
        { "8000::/1", "8000::/1", 1 },
        { "2001:db8::1", "2001:db8::1", 128 },
        { "2001:db8::1/128", "2001:db8::1", 128 },
        { "2001:db8::/127", "2001:db8::/127", 127 },
        { "2001:db8::/100", "2001:db8::/100", 100 },
        { "::ffff:192.0.2.0/120", "192.0.2.0/24", 120 }, /* the length belongs to the form that is written */
        { "::ffff:0:0/96", "0.0.0.0/0", 96 },
        { "::/96", "::/96", 96 },
    };
    char text[PREFIX_TEXT_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct prefix p = net(cases[i].in);
        assert_int_equal(p.len, cases[i].len);
        assert_string_equal(prefix_text(p, text), cases[i].text);
        assert_int_equal(prefix_cmp(net(text), p), 0);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum trap_err err;
    } cases[] = {
        { "192.0.2.1/24", TRAP_ERANGE },
        { "192.0.2.0/33", TRAP_ERANGE },
        { "192.0.2.0/120", TRAP_ERANGE },
        { "2001:db8::1/32", TRAP_ERANGE },
        { "2001:db8::/129", TRAP_ERANGE },
        { "::ffff:192.0.2.0/24", TRAP_ERANGE }, /* bits behind 24 of 128 */
        { "::/4294967297", TRAP_ERANGE },
        { "192.0.2.0/", TRAP_EINVAL },
        { "192.0.2.0/024", TRAP_EINVAL },
        { "192.0.2.0/+24", TRAP_EINVAL },
        { "192.0.2.0/24/24", TRAP_EINVAL },
        { "192.0.2.0/255.255.255.0", TRAP_EINVAL },
        { "192.0.2/24", TRAP_EINVAL },
        { "/24", TRAP_EINVAL },
        { "", TRAP_EINVAL },
        { "192.0.2.0 /24", TRAP_EINVAL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct prefix p = { .len = 77 };
        assert_int_equal(prefix_parse(bytes_str(cases[i].in), &p), cases[i].err);
        assert_int_equal(p.len, 77);
    }
}

/* Bit by bit, as the definition says. */
static bool agrees(struct ip a, struct ip b, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        if (((a.b[i / 8] ^ b.b[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    }
    return true;
}

static void test_every_length(void **state)
{
    (void)state;
    struct ip ones, a, other;

    memset(ones.b, 0xff, sizeof ones.b);
    for (unsigned len = 0; len <= 128; len++) {
        const struct prefix p = prefix_of(ones, (uint8_t)len);
        for (unsigned bit = 0; bit < 128; bit++)
            assert_int_equal(p.ip.b[bit / 8] >> (7 - bit % 8) & 1, bit < len);
        /* One wrong bit is outside exactly when it is in front of len. */
        for (unsigned bit = 0; bit < 128; bit++) {
            a = ones;
            a.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(prefix_has(p, a), bit >= len);
            assert_int_equal(prefix_has(p, a), agrees(p.ip, a, len));
        }
        memset(other.b, 0, sizeof other.b);
        assert_int_equal(prefix_has(p, other), len == 0);
    }
}

static void test_relations(void **state)
{
    (void)state;

    assert_true(prefix_has(net("172.16.0.0/12"), ip("172.17.0.1")));
    assert_false(prefix_has(net("172.16.0.0/12"), ip("172.32.0.0")));
    assert_false(prefix_has(net("172.16.0.0/12"), ip("172.15.255.255")));
    assert_true(prefix_has(net("192.0.2.0/24"), ip("::ffff:192.0.2.7")));
    assert_false(prefix_has(net("0.0.0.0/0"), ip("2001:db8::1")));
    assert_false(prefix_has(net("::/0"), ip("192.0.2.1"))); /* families are apart, as the header says */
    assert_false(prefix_covers(net("::/64"), net("0.0.0.0/0")));
    assert_true(prefix_has(net("::/64"), ip("::fffe:ffff:ffff")));
    assert_true(prefix_has(net("0.0.0.0/0"), ip("::ffff:192.0.2.1")));
    assert_true(prefix_covers(net("10.0.0.0/8"), net("10.1.0.0/16")));
    assert_true(prefix_covers(net("10.0.0.0/8"), net("10.0.0.0/8")));
    assert_false(prefix_covers(net("10.1.0.0/16"), net("10.0.0.0/8")));
    assert_false(prefix_covers(net("10.0.0.0/16"), net("10.1.0.0/16")));
    assert_true(prefix_cmp(net("10.0.0.0/8"), net("10.0.0.0/9")) < 0);
    assert_true(prefix_cmp(net("10.0.0.0/9"), net("11.0.0.0/8")) < 0);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *ip, *key, *network;
    } cases[] = {
        { "192.0.2.77", "192.0.2.77", "192.0.2.0/24" },
        { "::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48" },
    };
    char text[PREFIX_TEXT_MAX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(prefix_text(ip_key(ip(cases[i].ip)), text), cases[i].key);
        assert_string_equal(prefix_text(ip_network(ip(cases[i].ip)), text), cases[i].network);
    }
    assert_int_equal(prefix_family_len(net("192.0.2.0/24")), 24);
    assert_int_equal(prefix_family_len(net("0.0.0.0/0")), 0);
    assert_int_equal(prefix_family_len(net("2001:db8::/120")), 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),      cmocka_unit_test(test_refused), cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_relations), cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
