/* The rule for harvesters: expected numbers worked out by hand. */
#include "rule.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

enum { ROWS_MAX = 4 };

#define DAY_ZERO 20513LL /* 2026-03-01 */
#define D(n)     ((n)*1440)

static wall_t at_minute(int64_t minute)
{
    return (wall_t){ DAY_ZERO * WALL_US_PER_DAY + minute * 60 * WALL_US_PER_S };
}

static const struct conf_policy policy = {
    .half_life = { 7 * 86400000LL },
    .visit_age_max = { 30 * 86400000LL },
    .harvester_senders_min = 2,
    .harvester_addresses_min = 2,
};

static struct prefix harvester_key(void)
{
    return ip_key(ip_v4(198, 45, 1, 2));
}

struct harvester_case {
    const char *name;
    int64_t as_of, last_visit; /* minutes */
    size_t n;
    struct {
        uint8_t sender, slot, node;
        uint64_t visit;
        int64_t visited, first, last;
        uint32_t count, flags;
    } row[ROWS_MAX];
    enum verdict_state state;
    int64_t since, until;
    uint32_t senders, addresses, messages;
};

static const struct harvester_case cases[] = {
    { "nothing", 10, 0, 0, { { 0 } }, VERDICT_NOTHING, 0, 0, 0, 0, 0 },
    { "one sender, one address", 10, 0, 1, { { 1, 0, 1, 7, 0, 5, 9, 3, 0 } }, VERDICT_BELOW, 0, 0, 1, 1, 3 },
    { "two senders, one address",
      10,
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 2, 0, 1, 7, 0, 8, 8, 1, 0 } },
      VERDICT_LISTED,
      8,
      D(30),
      2,
      1,
      4 },
    { "one sender, two slots",
      10,
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 1, 3, 1, 7, 0, 6, 6, 1, 0 } },
      VERDICT_LISTED,
      6,
      D(30),
      1,
      2,
      4 },
    { "one sender, the same visit number of two nodes",
      10,
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 1, 0, 2, 7, 0, 7, 7, 1, 0 } },
      VERDICT_LISTED,
      7,
      D(30),
      1,
      2,
      4 },
    { "one address on two days",
      D(2),
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 1, 0, 1, 7, 0, D(1), D(1), 1, 0 } },
      VERDICT_BELOW,
      0,
      0,
      1,
      1,
      4 },
    { "the last visit counts, mailed or not",
      D(40),
      D(12),
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 2, 0, 1, 7, 0, 8, 8, 1, 0 } },
      VERDICT_LISTED,
      8,
      D(42),
      2,
      1,
      4 },
    { "mail goes on, visits do not",
      D(40),
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 2, 0, 1, 7, 0, D(39), D(39), 1, 0 } },
      VERDICT_EXPIRED,
      D(39),
      D(30),
      2,
      1,
      4 },
    { "a crawler is not listed for what others read in its index",
      10,
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, VISIT_CRAWLER }, { 2, 0, 1, 7, 0, 8, 8, 1, VISIT_CRAWLER } },
      VERDICT_NOTHING,
      0,
      0,
      0,
      0,
      0 },
    { "later mail is left out",
      7,
      0,
      2,
      { { 1, 0, 1, 7, 0, 5, 9, 3, 0 }, { 2, 0, 1, 7, 0, 8, 8, 1, 0 } },
      VERDICT_BELOW,
      0,
      0,
      1,
      1,
      3 },
};

static size_t make_rows(const struct harvester_case *c, struct link_row *rows)
{
    for (size_t i = 0; i < c->n; i++)
        rows[i] = (struct link_row){ .harvester = harvester_key(),
                                     .sender = ip_key(ip_v4(198, 44, 0, c->row[i].sender)),
                                     .node = c->row[i].node,
                                     .visit = c->row[i].visit,
                                     .slot = c->row[i].slot,
                                     .day = wall_day(at_minute(c->row[i].first)),
                                     .count = c->row[i].count,
                                     .first = at_minute(c->row[i].first),
                                     .last = at_minute(c->row[i].last),
                                     .visited = at_minute(c->row[i].visited),
                                     .visit_flags = c->row[i].flags };
    return c->n;
}

static void check_case(const struct harvester_case *c, const struct conf_policy *p)
{
    const struct policy_env env = { .policy = p, .as_of = at_minute(c->as_of) };
    struct link_row rows[ROWS_MAX];
    const size_t n = make_rows(c, rows);
    struct verdict v;
    struct rule rule;

    assert_int_equal(rule_init(&env, &rule), TRAP_OK);
    assert_int_equal(rule_harvester(&rule, harvester_key(), rows, n, at_minute(c->last_visit), &v), TRAP_OK);
    rule_free(&rule);
    if (v.state != c->state || v.senders != c->senders || v.addresses != c->addresses ||
        v.messages != c->messages)
        fail_msg("%s: %s, %u senders, %u addresses", c->name, verdict_state_name(v.state), v.senders,
                 v.addresses);
    if (v.reason == LISTING_EVIDENCE) {
        assert_int_equal(v.since.us, at_minute(c->since).us);
        assert_int_equal(v.until.us, at_minute(c->until).us);
    }
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], &policy);
}

static void test_thresholds(void **state)
{
    struct conf_policy p = policy;
    struct harvester_case c = cases[2]; /* two senders, one address */

    (void)state;
    p.harvester_senders_min = 3;
    c.state = VERDICT_BELOW;
    check_case(&c, &p);
    p.harvester_addresses_min = 1;
    c.state = VERDICT_LISTED;
    c.since = 5;
    check_case(&c, &p);
}

/* Without visitors on record the visits of the links tell. */
static void test_public_entry(void **state)
{
    struct policy_env env = { .policy = &policy, .as_of = at_minute(D(31)) };
    struct act_prefix delist = { .prefix = harvester_key(), .at = at_minute(10) };
    const struct acts_view acts = { .delist = &delist, .delist_count = 1 };
    struct harvester_case c = cases[2];
    struct link_row rows[ROWS_MAX];
    struct verdict v;

    (void)state;
    c.row[1].visited = D(2);
    const size_t n = make_rows(&c, rows);
    assert_int_equal(policy_harvester(&env, harvester_key(), rows, n, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_LISTED);
    assert_int_equal(v.last_visit.us, at_minute(D(2)).us);
    env.as_of.us = v.until.us - 1;
    assert_int_equal(policy_harvester(&env, harvester_key(), rows, n, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_LISTED);
    env.as_of = v.until;
    assert_int_equal(policy_harvester(&env, harvester_key(), rows, n, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_EXPIRED);
    env.acts = &acts;
    assert_int_equal(policy_harvester(&env, harvester_key(), rows, n, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_DELISTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_thresholds),
                                        cmocka_unit_test(test_public_entry) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
