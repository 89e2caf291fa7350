#include "limits.h"

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
    struct limits l;
    const struct ip a = ip_v4(198, 51, 100, 1), b = ip_v4(198, 51, 100, 2);

    assert_int_equal(limits_init(&l), TRAP_OK);
    assert_true(limits_enter(&l, a, 2, noon));
    assert_true(limits_enter(&l, a, 2, noon));
    assert_false(limits_enter(&l, a, 2, noon)); /* max + 1 */
    assert_true(limits_enter(&l, b, 2, noon));
    limits_leave(&l, a);
    assert_true(limits_enter(&l, a, 2, noon));
    assert_false(limits_enter(&l, a, 2, noon));
    assert_true(limits_enter(&l, a, 0, noon)); /* no limit */
    limits_leave(&l, ip_v4(203, 0, 113, 1));   /* never entered */
    limits_free(&l);
}

/* One /64 is one client; the /64 beside it is another. */
static void test_ipv6(void **state)
{
    (void)state;
    struct limits l;

    assert_int_equal(limits_init(&l), TRAP_OK);
    assert_true(limits_enter(&l, parse("2001:db8::1"), 1, noon));
    assert_false(limits_enter(&l, parse("2001:db8::ffff:1"), 1, noon));
    assert_true(limits_enter(&l, parse("2001:db8:0:1::1"), 1, noon));
    limits_free(&l);
}

static void test_hits_by_hour(void **state)
{
    (void)state;
    struct limits l;
    const struct ip a = ip_v4(198, 51, 100, 1);
    const mono_t next = { noon.ms + 3600 * 1000 };

    assert_int_equal(limits_init(&l), TRAP_OK);
    for (int i = 0; i < 3; i++)
        assert_true(limits_take(&l, a, LIMITS_HITS, 3, noon));
    assert_false(limits_take(&l, a, LIMITS_HITS, 3, noon));
    assert_false(limits_take(&l, a, LIMITS_HITS, 3, (mono_t){ next.ms - 1 }));
    assert_true(limits_take(&l, a, LIMITS_HITS, 3, next));
    assert_true(limits_take(&l, ip_v4(198, 51, 100, 2), LIMITS_HITS, 3, noon));
    for (int i = 0; i < 1000; i++)
        assert_true(limits_take(&l, a, LIMITS_HITS, 0, noon));
    assert_true(limits_take(&l, a, LIMITS_RECORDS, 1, next)); /* counted apart */
    assert_false(limits_take(&l, a, LIMITS_RECORDS, 1, next));
    limits_tell(&l, a, next);
    assert_true(limits_told(&l, a, next));
    assert_false(limits_told(&l, ip_v4(198, 51, 100, 2), next));
    assert_false(limits_told(&l, a, (mono_t){ next.ms + 3600 * 1000 })); /* of one hour only */
    limits_free(&l);
}

/* Ten thousand clients that come and go: the counts stay right, the table does not grow for ever. */
static void test_many(void **state)
{
    (void)state;
    struct limits l;
    enum { ROUNDS = 20, CLIENTS = 10000 };
    size_t cap = 0;

    assert_int_equal(limits_init(&l), TRAP_OK);
    for (int round = 0; round < ROUNDS; round++) {
        const mono_t now = { noon.ms + round * 3600LL * 1000 };

        for (int i = 0; i < CLIENTS; i++) {
            const struct ip ip = ip_v4(10, (uint8_t)round, (uint8_t)(i >> 8), (uint8_t)i);

            assert_true(limits_enter(&l, ip, 1, now));
            assert_false(limits_enter(&l, ip, 1, now));
            assert_true(limits_take(&l, ip, LIMITS_HITS, 1, now));
            assert_false(limits_take(&l, ip, LIMITS_HITS, 1, now));
        }
        for (int i = 0; i < CLIENTS; i++)
            limits_leave(&l, ip_v4(10, (uint8_t)round, (uint8_t)(i >> 8), (uint8_t)i));
        if (round == 2)
            cap = l.cap;
    }
    assert_int_equal(l.cap, cap);
    limits_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_hits_by_hour),
        cmocka_unit_test(test_many),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
