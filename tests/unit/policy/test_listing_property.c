/* What must hold for every sender, tried on random rows with fixed seeds. */
#include "policy_rows.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

enum { ROWS_MAX = 8, RANDOM_ROUNDS = 3000 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t random_rows(uint64_t *seed, struct evidence_row *rows)
{
    const size_t n = 1 + next_random(seed) % ROWS_MAX;
    const uint64_t width = next_random(seed) % 3 == 0 ? D(60) : D(5);

    for (size_t i = 0; i < n; i++) {
        const int64_t first = (int64_t)(next_random(seed) % width);
        const int64_t last = first + (int64_t)(next_random(seed) % (uint64_t)(60 - first % 60));
        rows[i] = row(next_random(seed) % 3, (uint8_t)(1 + next_random(seed) % 7), first, last,
                      1 + (uint32_t)(next_random(seed) % 3));
    }
    return n;
}

static struct conf_policy random_policy(uint64_t *seed)
{
    const struct conf_policy presets[] = { aggressive, standard(), conservative() };
    struct conf_policy p = presets[next_random(seed) % 3];

    p.threshold_milli = 500 + 500 * (uint32_t)(next_random(seed) % 4);
    return p;
}

/* Both ends are exact, and between them it is listed all the time; the score only falls. */
static void test_until_is_the_end(void **state)
{
    uint64_t seed = 11;
    unsigned listed = 0;

    (void)state;
    for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
        const struct conf_policy p = random_policy(&seed);
        struct evidence_row rows[ROWS_MAX];
        const size_t n = random_rows(&seed, rows);
        struct policy_env env = env_of(&p, at_minute(D(61)));
        struct verdict v, last = { 0 };
        assert_int_equal(policy_sender(&env, sender_key(), rows, n, &v), TRAP_OK);
        if (v.state != VERDICT_EXPIRED || v.until.us <= v.last.us || v.until.us <= v.since.us)
            continue;
        listed++;
        const wall_t begin = { v.since.us > v.last.us ? v.since.us : v.last.us }, until = v.until;
        for (unsigned i = 0; i <= 40; i++) {
            env.as_of.us = begin.us + (until.us - 1 - begin.us) / 40 * i;
            assert_int_equal(policy_sender(&env, sender_key(), rows, n, &v), TRAP_OK);
            assert_int_equal(v.state, VERDICT_LISTED);
            assert_int_equal(v.until.us, until.us);
            assert_true(i == 0 || v.score_milli <= last.score_milli);
            last = v;
        }
        env.as_of.us = until.us - 1;
        assert_int_equal(policy_sender(&env, sender_key(), rows, n, &v), TRAP_OK);
        assert_int_equal(v.state, VERDICT_LISTED);
        env.as_of = until;
        assert_int_equal(policy_sender(&env, sender_key(), rows, n, &v), TRAP_OK);
        assert_int_equal(v.state, VERDICT_EXPIRED);
    }
    assert_true(listed > RANDOM_ROUNDS / 10);
}

/* Takes one message out of a row: the row gets lighter, shorter, or goes. */
static size_t remove_one(uint64_t *seed, struct evidence_row *rows, size_t n)
{
    const size_t i = next_random(seed) % n;

    if (rows[i].count == 1) {
        rows[i] = rows[n - 1];
        return n - 1;
    }
    rows[i].count--;
    if (next_random(seed) % 2 == 0)
        rows[i].first = rows[i].last;
    else if (next_random(seed) % 2 == 0)
        rows[i].last = rows[i].first;
    return n;
}

static void test_removing_never_lists(void **state)
{
    uint64_t seed = 12;
    unsigned kept = 0;

    (void)state;
    for (unsigned round = 0; round < RANDOM_ROUNDS * 4; round++) {
        const struct conf_policy p = random_policy(&seed);
        const struct policy_env env = env_of(&p, at_minute((int64_t)(next_random(&seed) % D(80))));
        struct evidence_row rows[ROWS_MAX];
        size_t n = random_rows(&seed, rows);
        struct verdict all, less;
        assert_int_equal(policy_sender(&env, sender_key(), rows, n, &all), TRAP_OK);
        n = remove_one(&seed, rows, n);
        assert_int_equal(policy_sender(&env, sender_key(), rows, n, &less), TRAP_OK);
        if (less.state != VERDICT_LISTED)
            continue;
        kept++;
        assert_int_equal(all.state, VERDICT_LISTED);
        assert_true(all.since.us <= less.since.us);
        assert_true(all.until.us >= less.until.us);
    }
    assert_true(kept > RANDOM_ROUNDS / 10);
}

/* The order of the rows that it is given cannot matter. */
static void test_order_of_rows(void **state)
{
    uint64_t seed = 13;

    (void)state;
    for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
        const struct conf_policy p = random_policy(&seed);
        const struct policy_env env = env_of(&p, at_minute((int64_t)(next_random(&seed) % D(20))));
        struct evidence_row rows[ROWS_MAX], turned[ROWS_MAX];
        const size_t n = random_rows(&seed, rows);
        struct verdict a, b;
        for (size_t i = 0; i < n; i++)
            turned[i] = rows[n - 1 - i];
        assert_int_equal(policy_sender(&env, sender_key(), rows, n, &a), TRAP_OK);
        assert_int_equal(policy_sender(&env, sender_key(), turned, n, &b), TRAP_OK);
        assert_int_equal(a.state, b.state);
        assert_int_equal(a.score_milli, b.score_milli);
        assert_int_equal(a.since.us, b.since.us);
        assert_int_equal(a.until.us, b.until.us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_order_of_rows),
                                        cmocka_unit_test(test_until_is_the_end),
                                        cmocka_unit_test(test_removing_never_lists) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
