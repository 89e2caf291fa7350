/* The rule for senders: a table with expected numbers worked out by hand. */
#include "policy_rows.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

enum { ROWS_MAX = 8 };

/* With keyed times set to nothing: `until` without its offset. */
static struct verdict judge(const struct policy_env *env, const struct evidence_row *rows, size_t n)
{
    struct verdict v;
    struct rule rule;

    assert_int_equal(rule_init(env, &rule), TRAP_OK);
    assert_int_equal(policy_sender(env, sender_key(), rows, n, &v), TRAP_OK);
    if (v.reason == LISTING_EVIDENCE) {
        v.until.us -= rule_offset(&rule, sender_key()).ms * 1000;
        v.since.us -= rule_delay(&rule, sender_key()).ms * 1000;
    }
    rule_free(&rule);
    return v;
}

struct sender_case {
    const char *name;
    enum { AGGRESSIVE, STANDARD, CONSERVATIVE } preset;
    int64_t as_of;
    size_t n;
    struct {
        uint64_t source;
        uint8_t klass;
        int64_t first, last;
        uint32_t count;
    } row[ROWS_MAX];
    enum verdict_state state;
    uint64_t score_milli;
    int64_t since, until; /* without delay and offset */
};

#define H(n) ((n)*60)
#define D(n) ((n)*1440)
#define M    EVIDENCE_MINTED
#define G    EVIDENCE_GUESS

static const struct sender_case cases[] = {
    { "no evidence", AGGRESSIVE, 10, 0, { { 0 } }, VERDICT_NOTHING, 0, 0, 0 },
    /* Below 1 from the next hour on; half_life more. */
    { "one message", AGGRESSIVE, 730, 1, { { 1, M, 730, 730, 1 } }, VERDICT_LISTED, 1000, 730, H(13) + D(3) },
    { "one message, two days later",
      AGGRESSIVE,
      D(2),
      1,
      { { 1, M, 0, 0, 1 } },
      VERDICT_LISTED,
      629,
      0,
      H(1) + D(3) },
    { "two guesses", AGGRESSIVE, 10, 1, { { 1, G, 5, 10, 2 } }, VERDICT_BELOW, 500, 0, 0 },
    { "four guesses", AGGRESSIVE, 10, 1, { { 1, G, 5, 10, 4 } }, VERDICT_LISTED, 1000, 5, H(1) + D(3) },
    /* 72 h x log2(5) = 167.2 h: below from hour 168; three days more. */
    { "five count of ten",
      AGGRESSIVE,
      10,
      1,
      { { 1, M, 5, 10, 10 } },
      VERDICT_LISTED,
      5000,
      5,
      H(168) + D(3) },
    /* 25 x 2^(-a/72) < 1 from a = 335 h; three days more are 17 days: past stay_max after the last
     * message. */
    { "stays 15 days at most",
      AGGRESSIVE,
      15,
      5,
      { { 1, M, 5, 15, 5 }, { 2, M, 5, 9, 5 }, { 3, M, 5, 9, 5 }, { 4, M, 5, 9, 5 }, { 5, M, 6, 9, 30 } },
      VERDICT_LISTED,
      25000,
      5,
      15 + D(15) },
    { "broken-off sessions alone",
      AGGRESSIVE,
      10,
      1,
      { { 1, EVIDENCE_ATTEMPT, 5, 10, 5 } },
      VERDICT_BELOW,
      1250,
      0,
      0 },
    { "broken-off sessions and a guess",
      AGGRESSIVE,
      30,
      2,
      { { 1, EVIDENCE_ATTEMPT, 5, 10, 3 }, { 1, G, 20, 20, 1 } },
      VERDICT_LISTED,
      1000,
      20,
      H(1) + D(3) },
    { "a test does not count",
      AGGRESSIVE,
      10,
      1,
      { { 1, EVIDENCE_TEST, 5, 10, 99 } },
      VERDICT_NOTHING,
      0,
      0,
      0 },
    { "later rows are left out", AGGRESSIVE, 10, 1, { { 1, M, 11, 11, 1 } }, VERDICT_NOTHING, 0, 0, 0 },
    { "expired", AGGRESSIVE, D(20), 1, { { 1, M, 0, 0, 1 } }, VERDICT_EXPIRED, 9, 0, H(1) + D(3) },
    /* Two rows of 500: the second is what makes 1. */
    { "since the second row",
      AGGRESSIVE,
      59,
      2,
      { { 1, EVIDENCE_RECYCLED, 5, 5, 1 }, { 2, EVIDENCE_RECYCLED, 50, 50, 1 } },
      VERDICT_LISTED,
      1000,
      50,
      H(1) + D(3) },
    /* 0.5 x 2^(-1/72) + 0.5 = 0.995 */
    { "an hour too late",
      AGGRESSIVE,
      70,
      2,
      { { 1, EVIDENCE_RECYCLED, 5, 5, 1 }, { 2, EVIDENCE_RECYCLED, 65, 65, 1 } },
      VERDICT_BELOW,
      995,
      0,
      0 },
    /* 1.0 listed it till 01:00 of day 3 (+ offset); the guess of day 10 alone does not. */
    { "a weak row does not list again",
      AGGRESSIVE,
      D(10) + 5,
      2,
      { { 1, M, 0, 0, 1 }, { 2, G, D(10), D(10), 1 } },
      VERDICT_EXPIRED,
      250 + 99,
      0,
      H(1) + D(3) },
    /* 2^(-h/72) + 0.25 x 2^(-(h - 24)/72) = 1.315 x 2^(-h/72) < 1 from h = 28.4 on. */
    { "a weak row does not cut a listing short",
      AGGRESSIVE,
      D(1),
      2,
      { { 1, M, 0, 0, 1 }, { 2, G, D(1), D(1), 1 } },
      VERDICT_LISTED,
      793 + 250,
      0,
      H(29) + D(3) },
    /* 16 days and 2 h lie between: another run, what was before does not count. */
    { "another run",
      AGGRESSIVE,
      D(16) + H(2),
      2,
      { { 1, M, 0, 0, 5 }, { 1, M, D(16) + H(2), D(16) + H(2), 1 } },
      VERDICT_LISTED,
      1000,
      D(16) + H(2),
      D(16) + H(3) + D(3) },
    { "one source is not enough", STANDARD, 10, 1, { { 1, M, 5, 10, 5 } }, VERDICT_BELOW, 5000, 0, 0 },
    { "two sources",
      STANDARD,
      H(2),
      2,
      { { 1, M, 5, 5, 1 }, { 2, M, 10, 10, 1 } },
      VERDICT_LISTED,
      1983,
      10,
      H(1) + D(7) },
    { "two sources, delayed",
      STANDARD,
      15,
      2,
      { { 1, M, 5, 5, 1 }, { 2, M, 10, 10, 1 } },
      VERDICT_DELAYED,
      2000,
      10,
      H(1) + D(7) },
    { "one day is not enough",
      CONSERVATIVE,
      10,
      3,
      { { 1, M, 5, 10, 5 }, { 2, M, 5, 10, 5 }, { 3, M, 5, 10, 5 } },
      VERDICT_BELOW,
      15000,
      0,
      0 },
    /* Day 1: 3 x 2^(-24/168) = 2.717, + 2 = 4.717 from minute D(1) + 5 on. 4.717 x 2^(-a/168) < 4 from a = 40
     * h (39.97). */
    { "two days",
      CONSERVATIVE,
      D(1) + 40,
      4,
      { { 1, M, 5, 10, 1 }, { 2, M, 5, 10, 1 }, { 3, M, 5, 10, 1 }, { 3, M, D(1) + 5, D(1) + 6, 2 } },
      VERDICT_LISTED,
      4717,
      D(1) + 5,
      D(1) + H(40) + D(7) },
};

static void check_case(const struct sender_case *c)
{
    const struct conf_policy presets[] = { aggressive, standard(), conservative() };
    const struct policy_env env = env_of(&presets[c->preset], at_minute(c->as_of));
    struct evidence_row rows[ROWS_MAX];

    for (size_t i = 0; i < c->n; i++)
        rows[i] = row(c->row[i].source, c->row[i].klass, c->row[i].first, c->row[i].last, c->row[i].count);
    const struct verdict v = judge(&env, rows, c->n);
    const bool spans = v.state == VERDICT_LISTED || v.state == VERDICT_DELAYED || v.state == VERDICT_EXPIRED;
    if (v.state != c->state || v.score_milli != c->score_milli)
        fail_msg("%s: %s with %llu", c->name, verdict_state_name(v.state), (unsigned long long)v.score_milli);
    if (spans && (v.since.us != at_minute(c->since).us || v.until.us != at_minute(c->until).us))
        fail_msg("%s: from minute %lld to minute %lld", c->name,
                 (long long)((v.since.us - at_minute(0).us) / MINUTE_US),
                 (long long)((v.until.us - at_minute(0).us) / MINUTE_US));
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i]);
}

static void test_numbers(void **state)
{
    const struct policy_env env = env_of(&aggressive, at_minute(D(1) + 10));
    struct evidence_row rows[] = { row(1, M, 5, 10, 7), row(1, M, 70, 71, 2), row(2, G, D(1), D(1), 1),
                                   row(2, EVIDENCE_TEST, 1, 1, 50) };

    (void)state;
    rows[1].node = 2;
    const struct verdict v = judge(&env, rows, 4);
    assert_int_equal(v.sources, 2);
    assert_int_equal(v.days, 2);
    assert_int_equal(v.nodes, 2);
    assert_int_equal(v.messages, 10);
    assert_int_equal(v.first.us, at_minute(5).us);
    assert_int_equal(v.last.us, at_minute(D(1)).us);
    assert_int_equal(v.saved_by, LIST_COUNT);
}

static void test_nodes(void **state)
{
    struct conf_policy p = aggressive;
    const struct policy_env env = env_of(&p, at_minute(D(3)));
    struct evidence_row rows[] = { row(1, M, 5, 10, 7), row(1, M, 70, 71, 2) };
    struct rule rule;
    struct verdict v;

    (void)state;
    p.nodes_min = 2;
    assert_int_equal(rule_init(&env, &rule), TRAP_OK);
    assert_int_equal(rule_sender(&rule, sender_key(), rows, 2, NULL, 0, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_LISTED); /* one node is all there is */
    rule.nodes_known = 2;
    assert_int_equal(rule_sender(&rule, sender_key(), rows, 2, NULL, 0, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_BELOW);
    rows[1].node = 9;
    assert_int_equal(rule_sender(&rule, sender_key(), rows, 2, NULL, 0, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_LISTED);
    rule_free(&rule);
}

static void test_acts(void **state)
{
    const struct prefix network = ip_network(sender_key().ip);
    struct act_prefix delist = { .prefix = network, .at = at_minute(10), .seq = 1 };
    struct act_prefix deny = { .prefix = network, .at = at_minute(3), .seq = 2 };
    struct acts_view acts = { .delist = &delist, .delist_count = 1 };
    struct policy_env env = env_of(&aggressive, at_minute(30));
    const struct evidence_row old[] = { row(1, M, 5, 10, 1) }, running[] = { row(1, M, 5, 11, 1) };
    const struct evidence_row again[] = { row(1, M, 5, 10, 1), row(2, M, 11, 11, 1) };
    struct verdict v;

    (void)state;
    env.acts = &acts;
    assert_int_equal(judge(&env, old, 1).state, VERDICT_DELISTED);
    assert_int_equal(judge(&env, running, 1).state, VERDICT_LISTED);
    v = judge(&env, again, 2);
    assert_int_equal(v.state, VERDICT_LISTED);
    assert_int_equal(v.since.us, at_minute(11).us);
    assert_int_equal(v.score_milli, 1000);

    acts = (struct acts_view){ .deny = &deny, .deny_count = 1 };
    v = judge(&env, NULL, 0);
    assert_int_equal(v.state, VERDICT_LISTED);
    assert_int_equal(v.reason, LISTING_DENY);
    assert_int_equal(v.since.us, deny.at.us);
    assert_int_equal(v.until.us, INT64_MAX);
    deny.prefix = ip_key(ip_v4(198, 44, 8, 9));
    assert_int_equal(judge(&env, NULL, 0).state, VERDICT_NOTHING);
}

static void test_pending(void **state)
{
    const struct conf_policy p = aggressive;
    struct policy_env env = env_of(&p, at_minute(D(1) + 4));
    struct pending_row waiting = {
        .klass = EVIDENCE_MINTED,
        .hit_node = 1, .hit = 8, .sender = sender_key(), .at = at_minute(5), .node = 2
    };
    struct pending_set set = { 0 };
    struct rule rule;
    struct verdict v;

    (void)state;
    assert_int_equal(rule_init(&env, &rule), TRAP_OK);
    assert_int_equal(pending_set_add(&set, &rule, &waiting), TRAP_OK);
    assert_int_equal(set.n, 0); /* one minute too young */
    env.as_of = at_minute(D(1) + 5);
    for (waiting.n = 0; waiting.n < 3; waiting.n++)
        assert_int_equal(pending_set_add(&set, &rule, &waiting), TRAP_OK);
    waiting.hit = 9;
    assert_int_equal(pending_set_add(&set, &rule, &waiting), TRAP_OK);
    waiting.hit = 8;
    waiting.node = 3;
    assert_int_equal(pending_set_add(&set, &rule, &waiting), TRAP_OK);
    assert_int_equal(pending_set_seal(&set), TRAP_OK);
    assert_int_equal(set.n, 3); /* hit 8 of two nodes, hit 9 */
    assert_int_equal(rule_sender(&rule, sender_key(), NULL, 0, set.v, 1, &v), TRAP_OK);
    assert_int_equal(v.score_milli, 793); /* 2^(-24/72) */
    assert_int_equal(v.state, VERDICT_BELOW);
    /* Three of them: 3 x 0.7937 = 2.381 when they began to count. */
    assert_int_equal(rule_sender(&rule, sender_key(), NULL, 0, set.v, 3, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_LISTED);
    assert_int_equal(v.sources, 2);
    assert_int_equal(v.since.us, at_minute(D(1) + 5).us);
    assert_int_equal(v.first.us, at_minute(5).us);
    pending_set_free(&set);
    rule_free(&rule);
}

/* Every key has its own delay and offset, inside the range, the same at each call, and not the same number
 * twice. */
static void test_keyed_times(void **state)
{
    struct conf_policy p = standard();
    const struct policy_env env = env_of(&p, at_minute(0));
    unsigned seen[60] = { 0 };
    bool differ = false;
    struct rule rule;

    (void)state;
    assert_int_equal(rule_init(&env, &rule), TRAP_OK);
    for (unsigned i = 0; i < 6000; i++) {
        const struct prefix key = ip_key(ip_v4(198, 44, (uint8_t)(i >> 8), (uint8_t)i));
        const span_t delay = rule_delay(&rule, key), offset = rule_offset(&rule, key);
        assert_in_range(delay.ms, SPAN_MIN(10).ms, SPAN_MIN(60).ms);
        assert_in_range(offset.ms, 0, SPAN_MIN(59).ms);
        assert_int_equal(offset.ms % 60000, 0);
        assert_int_equal(rule_delay(&rule, key).ms, delay.ms);
        seen[offset.ms / 60000]++;
        differ = differ || delay.ms / 60000 % 60 != offset.ms / 60000;
    }
    for (unsigned i = 0; i < 60; i++)
        assert_in_range(seen[i], 50, 150); /* 100 expected, deviation 10 */
    assert_true(differ);
    p.delay_min = p.delay_max = SPAN_MS(0);
    assert_int_equal(rule_delay(&rule, sender_key()).ms, 0);
    rule_free(&rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases), cmocka_unit_test(test_numbers), cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_acts),  cmocka_unit_test(test_pending), cmocka_unit_test(test_keyed_times),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
