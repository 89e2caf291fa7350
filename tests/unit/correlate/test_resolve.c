/* The four outcomes, each limit from both sides. */
#include <correlate/resolve.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#define NOON 1772366400LL /* 2026-03-01T12:00:00Z */

static wall_t second(int64_t s)
{
    return (wall_t){ (NOON + s) * WALL_US_PER_S };
}

struct outcome_case {
    const char *name;
    bool visit, erased, arrived;
    int64_t visited, newest, mailed; /* seconds after noon; newest < 0: none */
    uint64_t recipe;
    uint32_t flags;
    uint8_t slot;
    enum resolve_outcome want;
};

static const struct outcome_case cases[] = {
    { "on record", true, false, true, 0, 0, 86400, 1, 0, 0, RESOLVE_RESOLVED },
    { "slot 7", true, false, true, 0, 0, 86400, 9ULL << 56, 0, 7, RESOLVE_RESOLVED },
    { "slot not used", true, false, true, 0, 0, 86400, 1, 0, 1, RESOLVE_FORGED },
    { "no such slot", true, false, true, 0, 0, 86400, UINT64_MAX, 0, 8, RESOLVE_FORGED },
    { "never shown", true, false, true, 0, 0, 86400, 1, VISIT_NOT_SHOWN, 0, RESOLVE_FORGED },
    { "a batch", true, false, true, 0, 0, 86400, 1, VISIT_BATCH, 0, RESOLVE_RESOLVED },
    { "mail 10 min before the visit", true, false, true, 600, 600, 0, 1, 0, 0, RESOLVE_RESOLVED },
    { "mail more than 10 min before", true, false, true, 601, 601, 0, 1, 0, 0, RESOLVE_FORGED },
    { "erased", false, true, true, 0, 0, 86400, 0, 0, 0, RESOLVE_AGED },
    { "known range, no visit", false, false, true, 0, 0, 86400, 0, 0, 0, RESOLVE_FORGED },
    { "not arrived", false, false, false, 0, 0, 86400, 0, 0, 0, RESOLVE_PENDING },
    { "not arrived, nothing did", false, false, false, 0, -1, 86400, 0, 0, 0, RESOLVE_PENDING },
    { "not arrived, visits are 10 min past the mail", false, false, false, 0, 600, 0, 0, 0, 0,
      RESOLVE_PENDING },
    { "not arrived, visits are further", false, false, false, 0, 601, 0, 0, 0, 0, RESOLVE_FORGED },
};

static void test_outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct outcome_case *c = &cases[i];
        const struct visit visit = { .at = second(c->visited), .recipe = c->recipe, .flags = c->flags };
        const struct resolve_known known = { .visit = c->visit ? &visit : NULL,
                                             .erased = c->erased,
                                             .arrived = c->arrived,
                                             .newest = c->newest < 0 ? (wall_t){ 0 } : second(c->newest) };
        const enum resolve_outcome got = resolve(&known, c->slot, second(c->mailed));
        if (got != c->want)
            fail_msg("%s: %s", c->name, resolve_outcome_name(got));
    }
}

#define R RESOLVE_RESOLVED
#define A RESOLVE_AGED
#define P RESOLVE_PENDING
#define F RESOLVE_FORGED

static void test_readings(void **state)
{
    static const struct {
        enum resolve_outcome each[3], want;
        size_t n, which;
    } sets[] = {
        { { R }, R, 1, 0 },    { { A }, A, 1, 0 },       { { P }, P, 1, 0 },
        { { F }, F, 1, 0 },    { { F, R }, R, 2, 1 },    { { R, F, F }, R, 3, 0 },
        { { R, R }, A, 2, 0 }, { { A, R }, A, 2, 1 },    { { F, A, A }, A, 3, 1 },
        { { R, P }, P, 2, 1 }, { { A, R, P }, P, 3, 2 }, { { F, P, P }, P, 3, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        size_t which = 99;
        assert_int_equal(resolve_readings(sets[i].each, sets[i].n, &which), sets[i].want);
        assert_int_equal(which, sets[i].which);
    }
}

static void test_tests(void **state)
{
    static const struct {
        const char *client, *sender;
        int64_t mailed;
        uint32_t flags;
        bool want;
    } tests[] = {
        { "192.0.2.1", "192.0.2.1", 0, 0, true },
        { "192.0.2.1", "192.0.2.255", 60, 0, true },
        { "192.0.2.1", "192.0.2.255", 61, 0, false },
        { "192.0.2.1", "192.0.3.1", 5, 0, false },
        { "192.0.2.1", "192.0.2.1", -300, 0, true }, /* the clocks differ */
        { "2001:db8:1:2::1", "2001:db8:1:ff::7", 60, 0, true },
        { "2001:db8:1:2::1", "2001:db8:2:2::1", 5, 0, false },
        { "192.0.2.1", "2001:db8::1", 5, 0, false },
        { "192.0.2.1", "192.0.2.1", 5, VISIT_BATCH, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        struct visit visit = { .at = second(0), .flags = tests[i].flags };
        struct ip sender;
        assert_int_equal(ip_parse(bytes_str(tests[i].client), &visit.client), TRAP_OK);
        assert_int_equal(ip_parse(bytes_str(tests[i].sender), &sender), TRAP_OK);
        assert_int_equal(resolve_is_test(&visit, sender, second(tests[i].mailed)), tests[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_outcomes), cmocka_unit_test(test_readings),
                                        cmocka_unit_test(test_tests) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
