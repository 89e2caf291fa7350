#include "client_limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const mono_t noon = { 3600 * 1000 * 12 };

static struct ip parse(const char *text)
{
    struct ip ip;

    assert_int_equal(ip_parse(bytes_str(text), &ip), TRAP_OK);
    return ip;
}

static void test_sessions(void **state)
{
    (void)state;
    struct client_limits l;
    const struct ip a = ip_v4(198, 51, 100, 1), b = ip_v4(198, 51, 100, 2);

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    assert_true(client_limits_enter(&l, a, 2, noon));
    assert_true(client_limits_enter(&l, a, 2, noon));
    assert_false(client_limits_enter(&l, a, 2, noon)); /* max + 1 */
    assert_true(client_limits_enter(&l, b, 2, noon));
    client_limits_leave(&l, a);
    assert_true(client_limits_enter(&l, a, 2, noon));
    assert_false(client_limits_enter(&l, a, 2, noon));
    assert_true(client_limits_enter(&l, a, 0, noon)); /* no limit */
    client_limits_leave(&l, ip_v4(203, 0, 113, 1));   /* never entered */
    client_limits_free(&l);
}

/* One /64 is one client; the /64 beside it is another. */
static void test_ipv6(void **state)
{
    (void)state;
    struct client_limits l;

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    assert_true(client_limits_enter(&l, parse("2001:db8::1"), 1, noon));
    assert_false(client_limits_enter(&l, parse("2001:db8::ffff:1"), 1, noon));
    assert_true(client_limits_enter(&l, parse("2001:db8:0:1::1"), 1, noon));
    client_limits_free(&l);
}

static struct ip in_net(unsigned net, unsigned sub)
{
    struct ip ip = parse("2001:db8::1");

    ip.b[5] = (uint8_t)net;
    ip.b[6] = (uint8_t)(sub >> 8);
    ip.b[7] = (uint8_t)sub;
    return ip;
}

/* A /48 has its share, whatever number of /64 it uses; the /48 beside it has another. */
static void test_ipv6_network(void **state)
{
    (void)state;
    struct client_limits l;
    enum { MAX = 3, SHARE = MAX * CLIENT_NET_SHARES };

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    for (unsigned i = 0; i < SHARE; i++) {
        assert_true(client_limits_enter(&l, in_net(1, i), MAX, noon));
        assert_true(client_limits_take(&l, in_net(1, i), CLIENT_HITS, MAX, noon));
    }
    assert_false(
        client_limits_enter(&l, in_net(1, 0), MAX, noon)); /* one more in a known /64, and in a new one */
    assert_false(client_limits_enter(&l, in_net(1, SHARE), MAX, noon));
    assert_false(client_limits_take(&l, in_net(1, SHARE), CLIENT_HITS, MAX, noon));
    assert_true(client_limits_enter(&l, in_net(2, 0), MAX, noon));
    assert_true(client_limits_take(&l, in_net(2, 0), CLIENT_HITS, MAX, noon));
    client_limits_leave(&l, in_net(1, 7));
    assert_true(client_limits_enter(&l, in_net(1, SHARE), MAX, noon));
    assert_false(client_limits_enter(&l, in_net(1, 7), MAX, noon));
    client_limits_free(&l);
}

/* IPv4 neighbours are strangers: addresses are few there. */
static void test_ipv4_has_no_network(void **state)
{
    (void)state;
    struct client_limits l;

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    for (unsigned i = 0; i < 256; i++)
        assert_true(client_limits_enter(&l, ip_v4(198, 51, 100, (uint8_t)i), 1, noon));
    client_limits_free(&l);
}

/* The table grows while the second of two entries is made. */
static void test_many_networks(void **state)
{
    (void)state;
    struct client_limits l;

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    for (unsigned i = 0; i < 100000; i++) {
        struct ip ip = in_net(i & 255, 0);

        ip.b[3] = (uint8_t)(i >> 8);
        ip.b[2] = (uint8_t)(i >> 16);
        assert_true(client_limits_enter(&l, ip, 1, noon));
        assert_false(client_limits_enter(&l, ip, 1, noon));
    }
    assert_int_equal(l.used, 200000);
    client_limits_free(&l);
}

/* Bytes in memory: to the last one, of a /48 together, and over the hour. */
static void test_held(void **state)
{
    (void)state;
    struct client_limits l;
    const struct ip a = ip_v4(198, 51, 100, 1);
    const mono_t next = { noon.ms + 3600 * 1000 };

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    assert_true(client_limits_hold(&l, a, 99, 100, noon));
    assert_false(client_limits_hold(&l, a, 2, 100, noon));
    assert_true(client_limits_hold(&l, a, 1, 100, next));
    assert_false(client_limits_hold(&l, a, 1, 100, next));
    assert_false(client_limits_hold(&l, a, SIZE_MAX, SIZE_MAX, next));
    client_limits_release(&l, a, 1);
    assert_true(client_limits_hold(&l, a, 1, 100, next));
    client_limits_release(&l, a, 1000); /* more than there is */
    assert_true(client_limits_hold(&l, a, 100, 100, next));
    assert_true(client_limits_hold(&l, in_net(1, 1), 60, 100, noon));
    assert_false(client_limits_hold(&l, in_net(1, 2), 60, 100, noon));
    assert_true(client_limits_hold(&l, in_net(2, 2), 60, 100, noon));
    client_limits_free(&l);
}

static void test_hits_by_hour(void **state)
{
    (void)state;
    struct client_limits l;
    const struct ip a = ip_v4(198, 51, 100, 1);
    const mono_t next = { noon.ms + 3600 * 1000 };

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    for (int i = 0; i < 3; i++)
        assert_true(client_limits_take(&l, a, CLIENT_HITS, 3, noon));
    assert_false(client_limits_take(&l, a, CLIENT_HITS, 3, noon));
    assert_false(client_limits_take(&l, a, CLIENT_HITS, 3, (mono_t){ next.ms - 1 }));
    assert_true(client_limits_take(&l, a, CLIENT_HITS, 3, next));
    assert_true(client_limits_take(&l, ip_v4(198, 51, 100, 2), CLIENT_HITS, 3, noon));
    for (int i = 0; i < 1000; i++)
        assert_true(client_limits_take(&l, a, CLIENT_HITS, 0, noon));
    client_limits_give_back(&l, a, CLIENT_HITS, next);
    client_limits_give_back(&l, a, CLIENT_HITS, next); /* there is no second one */
    for (int i = 0; i < 3; i++)
        assert_true(client_limits_take(&l, a, CLIENT_HITS, 3, next));
    assert_false(client_limits_take(&l, a, CLIENT_HITS, 3, next));
    assert_true(client_limits_take(&l, a, CLIENT_RECORDS, 1, next)); /* counted apart */
    assert_false(client_limits_take(&l, a, CLIENT_RECORDS, 1, next));
    client_limits_free(&l);
}

/* Ten thousand clients that come and go: the counts stay right, the table does not grow for ever. */
static void test_many(void **state)
{
    (void)state;
    struct client_limits l;
    enum { ROUNDS = 20, CLIENTS = 10000 };
    size_t cap = 0;

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    for (int round = 0; round < ROUNDS; round++) {
        const mono_t now = { noon.ms + round * 3600LL * 1000 };

        for (int i = 0; i < CLIENTS; i++) {
            const struct ip ip = ip_v4(10, (uint8_t)round, (uint8_t)(i >> 8), (uint8_t)i);

            assert_true(client_limits_enter(&l, ip, 1, now));
            assert_false(client_limits_enter(&l, ip, 1, now));
            assert_true(client_limits_take(&l, ip, CLIENT_HITS, 1, now));
            assert_false(client_limits_take(&l, ip, CLIENT_HITS, 1, now));
        }
        for (int i = 0; i < CLIENTS; i++)
            client_limits_leave(&l, ip_v4(10, (uint8_t)round, (uint8_t)(i >> 8), (uint8_t)i));
        if (round == 2)
            cap = l.cap;
    }
    assert_int_equal(l.cap, cap);
    client_limits_free(&l);
}

/* More clients in an hour than are counted: the next hour counts again. */
static void test_too_many(void **state)
{
    (void)state;
    struct client_limits l;
    const mono_t next = { noon.ms + 3600 * 1000 };
    const struct ip one = ip_v4(198, 51, 100, 1);

    assert_int_equal(client_limits_init(&l), TRAP_OK);
    for (uint32_t i = 0; i < CLIENTS_MAX + 100; i++)
        assert_true(client_limits_take(
            &l, ip_v4((uint8_t)(i >> 24 | 10), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i),
            CLIENT_HITS, 1, noon));
    assert_true(client_limits_take(&l, one, CLIENT_HITS, 1, noon));
    assert_true(client_limits_take(&l, one, CLIENT_HITS, 1, noon)); /* not counted */
    assert_true(client_limits_take(&l, one, CLIENT_HITS, 1, next));
    assert_false(client_limits_take(&l, one, CLIENT_HITS, 1, next));
    assert_true(l.used < 10 && l.cap < 10000);
    client_limits_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),      cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_ipv6_network),  cmocka_unit_test(test_ipv4_has_no_network),
        cmocka_unit_test(test_many_networks), cmocka_unit_test(test_held),
        cmocka_unit_test(test_hits_by_hour),  cmocka_unit_test(test_many),
        cmocka_unit_test(test_too_many),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
