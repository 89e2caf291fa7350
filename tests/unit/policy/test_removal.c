#include "trap_cmocka.h"

#include <policy/removal.h>

#define DAYS(n) ((wall_t){ (int64_t)(n)*86400 * WALL_US_PER_S })

static struct prefix cidr(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(bytes_str(text), &p), TRAP_OK);
    return p;
}

static void test_lock_grows(void **state)
{
    span_t spans[] = { SPAN_D(1), SPAN_D(7), SPAN_D(30) };
    const struct spans lockout = { spans, 3 }, none = { NULL, 0 };
    struct act_prefix delists[] = {
        { .prefix = cidr("45.9.0.1"), .at = DAYS(100) },
        { .prefix = cidr("45.9.0.0/24"), .at = DAYS(110) },
        { .prefix = cidr("45.9.0.1"), .at = DAYS(120) },
        { .prefix = cidr("45.9.0.1"), .at = DAYS(160) },
        { .prefix = cidr("45.9.0.2"), .at = DAYS(161) }, /* somebody else */
    };
    static const struct {
        int64_t day;
        uint32_t count;
        int64_t locked_until;
    } cases[] = {
        { 99, 0, 0 },     { 100, 1, 101 },  { 109, 1, 101 },  { 110, 2, 117 }, { 120, 3, 150 },
        { 160, 4, 190 },  { 464, 4, 190 },  { 465, 3, 190 }, /* a year after the first it counts no more */
        { 475, 2, 167 },  { 485, 1, 161 },  { 525, 0, 0 },
    };
    const struct acts_view acts = { .delist = delists, .delist_count = 5 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct removal_lock lock = removal_locked(&acts, &lockout, cidr("45.9.0.1"), DAYS(cases[i].day));
        if (lock.count != cases[i].count || lock.until.us != DAYS(cases[i].locked_until).us)
            fail_msg("day %lld: %u, until day %lld", (long long)cases[i].day, (unsigned)lock.count,
                     (long long)(lock.until.us / DAYS(1).us));
    }
    assert_int_equal(removal_locked(&acts, &none, cidr("45.9.0.1"), DAYS(200)).until.us, 0);
    assert_int_equal(removal_locked(&acts, &lockout, cidr("45.9.0.0/16"), DAYS(200)).count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lock_grows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
