/* Proved backscatter: exempt up to so many a day and sender, and never more listings for one message less; in a list of its own
 * it is what counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#include "policy_rows.h"

static struct conf_policy with_max(uint32_t max)
{
    struct conf_policy p = aggressive;

    p.weight_milli[WEIGHT_AUTOMATIC] = 250;
    p.backscatter_day_max = max;
    return p;
}

static struct verdict judge(const struct conf_policy *p, bool alone, const struct evidence_row *rows,
                            size_t n)
{
    struct policy_env env = env_of(p, at_minute(D(3)));
    struct verdict v;

    env.backscatter = alone;
    assert_int_equal(policy_sender(&env, sender_key(), rows, n, &v), TRAP_OK);
    return v;
}

static void test_ceiling(void **state)
{
    const struct conf_policy p = with_max(10);
    struct evidence_row rows[] = { row(1, EVIDENCE_BACKSCATTER, 1, 2, 0),
                                   row(2, EVIDENCE_BACKSCATTER, 5, 6, 5),
                                   row(2, EVIDENCE_BACKSCATTER, D(1), D(1) + 1, 10) };

    (void)state;
    for (uint32_t count = 4; count <= 6; count++) { /* with the other five: one below, at, one beyond */
        struct verdict v;
        rows[0].count = count;
        v = judge(&p, false, rows, 3);
        assert_int_equal(v.messages, count + 5 > 10 ? count + 5 - 10 : 0);
        assert_int_equal(v.state, count + 5 > 10 ? VERDICT_BELOW : VERDICT_NOTHING);
    }
    rows[0].count = 5;
    rows[1].count = 10; /* five beyond, of one source: 1.25 */
    assert_int_equal(judge(&p, false, rows, 2).state, VERDICT_LISTED);
}

static void test_alone(void **state)
{
    const struct conf_policy p = with_max(50);
    const struct evidence_row bounce = row(1, EVIDENCE_BACKSCATTER, 1, 2, 1),
                              mail = row(2, EVIDENCE_MINTED, 1, 2, 9),
                              automatic = row(2, EVIDENCE_AUTOMATIC, 1, 2, 9);

    (void)state;
    assert_int_equal(judge(&p, true, &bounce, 1).state, VERDICT_LISTED);
    assert_int_equal(judge(&p, true, &mail, 1).state, VERDICT_NOTHING);
    assert_int_equal(judge(&p, true, &automatic, 1).state, VERDICT_NOTHING);
    assert_int_equal(judge(&p, false, &bounce, 1).state, VERDICT_NOTHING);
}

/* A message less, in whichever row, never counts more in any row: tried with rows over hours, sources and days. */
static void test_less_is_less(void **state)
{
    enum { ROWS = 6, ROUNDS = 20000 };
    const struct conf_policy p = with_max(7);
    struct policy_env env = env_of(&p, at_minute(D(5)));
    struct rule rule;
    uint64_t x = 42;

    (void)state;
    assert_int_equal(rule_init(&env, &rule), TRAP_OK);
    for (int round = 0; round < ROUNDS; round++) {
        struct evidence_row rows[ROWS];
        uint32_t *before, *after;
        size_t taken;
        for (size_t i = 0; i < ROWS; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            rows[i] =
                row(i % 3, EVIDENCE_BACKSCATTER, H((int64_t)(x >> 33) % 30), D(2), (uint32_t)(x >> 40) % 6);
        }
        assert_int_equal(backscatter_beyond(&rule, rows, ROWS, &before), TRAP_OK);
        taken = (size_t)(x >> 50) % ROWS;
        if (before == NULL || rows[taken].count == 0) {
            free(before);
            continue;
        }
        rows[taken].count--;
        assert_int_equal(backscatter_beyond(&rule, rows, ROWS, &after), TRAP_OK);
        for (size_t i = 0; i < ROWS; i++)
            assert_true((after == NULL ? 0 : after[i]) <= before[i]);
        free(before);
        free(after);
    }
    rule_free(&rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_ceiling), cmocka_unit_test(test_alone),
                                        cmocka_unit_test(test_less_is_less) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
