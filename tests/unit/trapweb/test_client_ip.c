#include "client_ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Trusted: 127.0.0.0/8, 10.0.0.0/8, 2a00:1450:ffff::/48. `want` is NULL for CLIENT_UNKNOWN, begins with "!"
 * for CLIENT_SPECIAL. */
struct ip_case {
    const char *peer, *xff[2], *forwarded[2], *want;
};
static const struct ip_case cases[] = {
    /* an untrusted peer is the client, whatever it says */
    { "8.8.4.4", { 0 }, { 0 }, "8.8.4.4" },
    { "8.8.4.4", { "1.1.1.1" }, { "for=1.1.1.1" }, "8.8.4.4" },
    { "::ffff:8.8.4.4", { 0 }, { 0 }, "8.8.4.4" },
    { "192.168.1.9", { "1.1.1.1" }, { 0 }, "!192.168.1.9" },
    /* a trusted peer without a word */
    { "127.0.0.1", { 0 }, { 0 }, NULL },
    { "127.0.0.1", { "" }, { 0 }, NULL },
    { "127.0.0.1", { " , ," }, { 0 }, NULL },
    /* X-Forwarded-For, from the right */
    { "127.0.0.1", { "1.1.1.1" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "9.9.9.9, 1.1.1.1" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "9.9.9.9, 1.1.1.1, 10.1.2.3 ,127.0.0.2" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "9.9.9.9", "1.1.1.1" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "1.1.1.1", "10.0.0.1" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "10.0.0.2, 10.0.0.1" }, { 0 }, NULL },
    { "127.0.0.1", { "garbage\", 1.1.1.1" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "1.1.1.1, garbage" }, { 0 }, NULL },
    { "127.0.0.1", { "1.1.1.1, unknown" }, { 0 }, NULL },
    { "127.0.0.1", { "1.1.1.1, unknown, 10.0.0.1" }, { 0 }, NULL },
    { "127.0.0.1", { "1.1.1.1,," }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "192.168.7.7" }, { 0 }, "!192.168.7.7" },
    { "127.0.0.1", { "1.1.1.1, 192.168.7.7" }, { 0 }, "!192.168.7.7" },
    { "2a00:1450:ffff::1", { "2a02:8100:1:2::3" }, { 0 }, "2a02:8100:1:2::3" },
    /* forms of an entry */
    { "127.0.0.1", { "1.1.1.1:4711" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "1.1.1.1:65536" }, { 0 }, NULL },
    { "127.0.0.1", { "1.1.1.1:" }, { 0 }, NULL },
    { "127.0.0.1", { "::ffff:1.1.1.1" }, { 0 }, "1.1.1.1" },
    { "127.0.0.1", { "[2a02::1]" }, { 0 }, "2a02::1" },
    { "127.0.0.1", { "[2a02::1]:80" }, { 0 }, "2a02::1" },
    { "127.0.0.1", { "[2a02::1]80" }, { 0 }, NULL },
    { "127.0.0.1", { "[2a02::1" }, { 0 }, NULL },
    { "127.0.0.1", { "[1.1.1.1]" }, { 0 }, NULL },
    { "127.0.0.1", { "fe80::1%eth0" }, { 0 }, NULL },
    { "127.0.0.1", { "01.1.1.1" }, { 0 }, NULL },
    { "127.0.0.1", { "\"1.1.1.1\"" }, { 0 }, NULL },
    /* Forwarded */
    { "127.0.0.1", { 0 }, { "for=1.1.1.1" }, "1.1.1.1" },
    { "127.0.0.1", { 0 }, { "For=\"[2a02::1]:4711\";proto=http;by=10.0.0.9" }, "2a02::1" },
    { "127.0.0.1", { 0 }, { "proto=https; for=1.1.1.1 , for=10.0.0.1" }, "1.1.1.1" },
    { "127.0.0.1", { 0 }, { "for=9.9.9.9", "for=\"1.1.1.1:80\"" }, "1.1.1.1" },
    { "127.0.0.1", { 0 }, { "for=1.1.1.1:_secret" }, "1.1.1.1" },
    { "127.0.0.1", { 0 }, { "for=_hidden" }, NULL },
    { "127.0.0.1", { 0 }, { "for=unknown, for=10.0.0.1" }, NULL },
    { "127.0.0.1", { 0 }, { "by=1.1.1.1" }, NULL },
    { "127.0.0.1", { 0 }, { "for=1.1.1.1;for=9.9.9.9" }, NULL },
    { "127.0.0.1", { 0 }, { "for=\"1.1.1.1" }, NULL },
    { "127.0.0.1", { 0 }, { "for=\", for=1.1.1.1" }, "1.1.1.1" }, /* an open quote swallows nothing */
    { "127.0.0.1", { 0 }, { "for=9.9.9.9;host=\"a, for=1.1.1.1;x=\"b\"" }, "1.1.1.1" },
    { "127.0.0.1", { 0 }, { "for=9.9.9.9;host=\"a, b\"" }, NULL },
    { "127.0.0.1", { 0 }, { "for=\"1.1.\\1.1\"" }, NULL },
    /* both: a visitor may have invented the one that his proxy does not write */
    { "127.0.0.1", { "1.1.1.1" }, { "for=1.1.1.1" }, "1.1.1.1" },
    { "127.0.0.1", { "1.1.1.1" }, { "for=9.9.9.9" }, NULL },
    { "127.0.0.1", { "1.1.1.1" }, { "for=nonsense" }, NULL },
    { "127.0.0.1", { "nonsense" }, { "for=1.1.1.1" }, NULL },
};

static struct ip ip_of(const char *text)
{
    struct ip ip;

    assert_int_equal(ip_parse(bytes_str(text), &ip), TRAP_OK);
    return ip;
}

static void trusted_set(struct prefix_set *s)
{
    static const char *const list[] = { "127.0.0.0/8", "10.0.0.0/8", "2a00:1450:ffff::/48" };

    prefix_set_init(s);
    for (size_t i = 0; i < 3; i++) {
        struct prefix p;
        assert_int_equal(prefix_parse(bytes_str(list[i]), &p), TRAP_OK);
        assert_int_equal(prefix_set_add(s, p), TRAP_OK);
    }
    assert_int_equal(prefix_set_seal(s), TRAP_OK);
}

static void test_table(void **state)
{
    struct prefix_set trusted;

    (void)state;
    trusted_set(&trusted);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct ip_case *t = &cases[i];
        struct forwarded_fields f = { 0 };
        struct client c;

        for (size_t k = 0; k < 2; k++) {
            if (t->xff[k] != NULL)
                f.for_[f.for_count++] = bytes_str(t->xff[k]);
            if (t->forwarded[k] != NULL)
                f.forwarded[f.forwarded_count++] = bytes_str(t->forwarded[k]);
        }
        c = client_ip(ip_of(t->peer), &f, &trusted);
        if (t->want == NULL) {
            if (c.status != CLIENT_UNKNOWN)
                fail_msg("case %zu: an address was believed", i);
            continue;
        }
        const bool special = t->want[0] == '!';
        if (c.status != (special ? CLIENT_SPECIAL : CLIENT_GOOD) || !ip_eq(c.ip, ip_of(t->want + special)))
            fail_msg("case %zu: not %s", i, t->want);
        assert_int_equal(c.proxied, t->xff[0] != NULL || t->forwarded[0] != NULL ? prefix_set_has(&trusted, ip_of(t->peer)) : 0);
    }
    prefix_set_free(&trusted);
}

static void test_limits(void **state)
{
    struct prefix_set trusted;
    char text[FORWARDED_ENTRIES_MAX * 12 + 64];
    struct forwarded_fields f = { .for_count = 1 };

    (void)state;
    trusted_set(&trusted);
    for (size_t proxies = FORWARDED_ENTRIES_MAX - 1; proxies <= FORWARDED_ENTRIES_MAX; proxies++) {
        size_t n = 0;
        memcpy(text, "1.1.1.1", 7);
        n = 7;
        for (size_t i = 0; i < proxies; i++, n += 9)
            memcpy(text + n, ",10.0.0.1", 9);
        f.for_[0] = bytes_of(text, n);
        assert_int_equal(client_ip(ip_of("127.0.0.1"), &f, &trusted).status,
                         proxies < FORWARDED_ENTRIES_MAX ? CLIENT_GOOD : CLIENT_UNKNOWN);
    }
    for (size_t i = 0; i < FORWARDED_FIELDS_MAX; i++)
        f.for_[i] = BYTES("1.1.1.1");
    f.for_count = FORWARDED_FIELDS_MAX;
    assert_int_equal(client_ip(ip_of("127.0.0.1"), &f, &trusted).status, CLIENT_GOOD);
    f.for_count = FORWARDED_FIELDS_MAX + 1; /* the one that counts was not kept */
    assert_int_equal(client_ip(ip_of("127.0.0.1"), &f, &trusted).status, CLIENT_UNKNOWN);
    prefix_set_free(&trusted);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_limits) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
