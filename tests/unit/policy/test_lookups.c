/* What traplook wrote down becomes guard, whitelist and crawlers, as of a moment. */
#include "scratch.h"

#include <policy/listing.h>
#include <store/lookup.h>

#define NOW 1772366400LL /* 2026-03-01T12:00:00Z */
#define DAY 86400

static wall_t second(int64_t s)
{
    return (wall_t){ (NOW + s) * WALL_US_PER_S };
}

static void lookup(struct scratch *s, const char *subject, const char *detail, int64_t at)
{
    struct err_text why = { "" };
    struct act a = {
        .kind = ACT_LOOKUP, .at = second(at), .subject = bytes_str(subject), .detail = bytes_str(detail)
    };

    assert_trap_ok(act_append(s->acts, &a, 1, &why), why);
}

static struct lists load(struct scratch *s, const struct config *c, int64_t as_of)
{
    struct err_text why = { "" };
    struct acts_view v;
    struct lists l;

    assert_trap_ok(acts_view_load(s->acts, second(as_of), &v, &why), why);
    assert_trap_ok(lists_load(c, &v, second(as_of), &l, &why), why);
    acts_view_free(&v);
    return l;
}

static void assert_guards(struct scratch *s, int64_t as_of, const char *prefix, bool guarded)
{
    const struct config c = { 0 };
    struct lists l = load(s, &c, as_of);
    const enum list_name found = lists_find(&l, cidr(prefix), false, NULL);

    if (found != (guarded ? LIST_GUARD : LIST_COUNT))
        fail_msg("%s at %lld: %s", prefix, (long long)as_of, list_name(found));
    assert_int_equal(l.guard_missing, l.set[LIST_GUARD].n == 0);
    lists_free(&l);
}

static void test_guard(void **state)
{
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    lookup(&s, "provider:a.example", "spf=found ranges=45.1.0.0/16,2a00:1::/32", 0);
    lookup(&s, "provider:b.example", "spf=found ranges=45.2.0.0/24,2a00:2:0:1::25", 0);
    lookup(&s, "provider:a.example", "spf=undecided", 100);
    lookup(&s, "provider:a.example", "spf=partial ranges=45.3.0.0/24", 200);
    lookup(&s, "provider:a.example", "spf=none", 300);
    lookup(&s, "provider:a.example", "spf=found ranges=45.4.0.0/24", 400);
    lookup(&s, "198.44.1.1", "reverse=missing", 0);

    assert_guards(&s, -1, "45.1.9.9", false); /* not known yet */
    assert_guards(&s, 0, "45.1.9.9", true);
    assert_guards(&s, 0, "2a00:1:2:3::/64", true);
    assert_guards(&s, 0, "45.2.0.9", true);
    assert_guards(&s, 0, "2a00:2:0:1::/64", true); /* the whole key of a guarded host */
    assert_guards(&s, 0, "2a00:2:0:2::/64", false);
    assert_guards(&s, 150, "45.1.9.9", true); /* no answer changes nothing */
    assert_guards(&s, 150, "45.3.0.9", false);
    assert_guards(&s, 250, "45.3.0.9", true); /* parts are added */
    assert_guards(&s, 350, "45.1.9.9", true); /* nor does an empty one */
    assert_guards(&s, 400, "45.1.9.9", false);
    assert_guards(&s, 400, "45.3.0.9", false);
    assert_guards(&s, 400, "45.4.0.9", true);
    /* Each provider keeps its last ranges for seven days. */
    assert_guards(&s, 7 * DAY, "45.2.0.9", true);
    assert_guards(&s, 7 * DAY + 1, "45.2.0.9", false);
    assert_guards(&s, 7 * DAY + 400, "45.4.0.9", true);
    assert_guards(&s, 7 * DAY + 401, "45.4.0.9", false);
    scratch_end(&s);
}

static void test_guard_missing(void **state)
{
    struct config c = { 0 };
    struct scratch s;
    struct lists l;

    (void)state;
    scratch_begin(&s);
    l = load(&s, &c, 0);
    assert_true(l.guard_missing && strstr(l.guard_why.text, "has not resolved any") != NULL);
    lists_free(&l);
    lookup(&s, "provider:a.example", "spf=found ranges=45.1.0.0/16", 0);
    l = load(&s, &c, 7 * DAY + 1);
    assert_true(l.guard_missing && strstr(l.guard_why.text, "7 d") != NULL);
    lists_free(&l);
    c.guard_off = true;
    l = load(&s, &c, 7 * DAY + 1);
    assert_false(l.guard_missing);
    lists_free(&l);
    scratch_end(&s);
}

static void assert_found(struct scratch *s, int64_t as_of, const char *key, int crawler, int white)
{
    struct err_text why = { "" };
    const struct act_found_row *row;
    struct acts_view v;

    assert_trap_ok(acts_view_load(s->acts, second(as_of), &v, &why), why);
    row = acts_view_found(&v.crawlers, cidr(key));
    assert_int_equal(row == NULL ? -1 : (int)row->found, crawler);
    row = acts_view_found(&v.whitelisted, cidr(key));
    assert_int_equal(row == NULL ? -1 : (int)row->found, white);
    acts_view_free(&v);
}

static void test_found(void **state)
{
    struct config c = { 0 };
    struct scratch s;
    struct lists l;

    (void)state;
    scratch_begin(&s);
    lookup(&s, "crawler:45.1.0.9", "crawler=undecided", 0);
    lookup(&s, "crawler:45.1.0.9", "crawler=undecided", 10);
    lookup(&s, "crawler:45.1.0.9", "crawler=none", 20);
    lookup(&s, "crawler:45.1.0.9", "crawler=undecided", 30); /* it was known once */
    lookup(&s, "crawler:45.1.0.8", "crawler=verified name=x.googlebot.com", 0);
    lookup(&s, "crawler:2a00:1::1", "crawler=none", 0);
    lookup(&s, "crawler:2a00:1::2", "crawler=verified name=y.googlebot.com", 1);
    lookup(&s, "dnswl:45.1.0.9", "dnswl=listed score=0", 0);
    lookup(&s, "dnswl:45.1.0.7", "dnswl=blocked", 0);
    lookup(&s, "dnswl:45.1.0.9", "dnswl=undecided", 50);
    assert_found(&s, -1, "45.1.0.9", -1, -1);
    assert_found(&s, 0, "45.1.0.9", ACT_FOUND_UNDECIDED, ACT_FOUND_YES);
    assert_found(&s, 19, "45.1.0.9", ACT_FOUND_UNDECIDED, ACT_FOUND_YES);
    assert_found(&s, 20, "45.1.0.9", ACT_FOUND_NO, ACT_FOUND_YES);
    assert_found(&s, 60, "45.1.0.9", ACT_FOUND_NO, ACT_FOUND_YES);
    assert_found(&s, 60, "45.1.0.8", ACT_FOUND_YES, -1);
    assert_found(&s, 60, "45.1.0.7", -1, ACT_FOUND_UNDECIDED);
    assert_found(&s, 0, "2a00:1::/64", ACT_FOUND_NO, -1);
    assert_found(&s, 1, "2a00:1::/64", ACT_FOUND_YES, -1);

    l = load(&s, &c, 60);
    assert_int_equal(lists_find(&l, cidr("45.1.0.9"), false, NULL), LIST_DNSWL);
    assert_int_equal(lists_find(&l, cidr("45.1.0.7"), false, NULL), LIST_COUNT);
    assert_int_equal(lists_find(&l, cidr("45.1.0.8"), false, NULL), LIST_COUNT); /* it may not send */
    assert_int_equal(lists_find(&l, cidr("45.1.0.8"), true, NULL), LIST_CRAWLERS);
    assert_int_equal(lists_find(&l, cidr("2a00:1::/64"), true, NULL), LIST_CRAWLERS);
    lists_free(&l);
    l = load(&s, &c, 7 * DAY + 1);
    assert_int_equal(lists_find(&l, cidr("45.1.0.9"), false, NULL), LIST_COUNT);
    lists_free(&l);
    scratch_end(&s);
}

static void test_unreadable(void **state)
{
    static const struct {
        const char *subject, *detail;
    } bad[] = {
        { "provider:a.example", "spf=found ranges=45.1.0.0/33" },
        { "provider:a.example", "spf=found ranges=45.1.0.0/16,,45.2.0.0/16" },
        { "crawler:45.1.0", "crawler=verified" },
        { "crawler:45.1.0.9", "crawler=maybe" },
        { "crawler:45.1.0.9", "" },
        { "dnswl:45.1.0.9", "dnswl=verified" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err_text why = { "" };
        struct acts_view v;
        struct scratch s;

        scratch_begin(&s);
        lookup(&s, bad[i].subject, bad[i].detail, 0);
        assert_int_equal(acts_view_load(s.acts, second(1), &v, &why), TRAP_ECORRUPT);
        scratch_end(&s);
    }
}

/* ---- a harvester that may be a crawler ---- */

static struct verdict judge(struct scratch *s, bool looks_up, int64_t as_of)
{
    static const struct conf_policy policy = { .visit_age_max = { 30LL * DAY * 1000 },
                                               .harvester_senders_min = 1,
                                               .harvester_addresses_min = 1 };
    const struct link_row row = { .harvester = cidr("45.1.0.9"),
                                  .sender = cidr("45.9.0.1"),
                                  .count = 1,
                                  .first = second(0),
                                  .last = second(0),
                                  .visited = second(-DAY) };
    struct err_text why = { "" };
    struct lists lists = { .looks_up = looks_up };
    struct acts_view acts;
    struct verdict v;

    assert_trap_ok(acts_view_load(s->acts, second(as_of), &acts, &why), why);
    const struct policy_env env = {
        .policy = &policy, .lists = &lists, .acts = &acts, .as_of = second(as_of)
    };
    assert_int_equal(policy_harvester(&env, row.harvester, &row, 1, &v), TRAP_OK);
    acts_view_free(&acts);
    return v;
}

static void test_hold(void **state)
{
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    assert_int_equal(judge(&s, false, 0).state, VERDICT_LISTED);
    /* traplook will tell: at most 48 hours from when the rule was met */
    assert_int_equal(judge(&s, true, 2 * DAY - 1).state, VERDICT_DELAYED);
    assert_int_equal(judge(&s, true, 2 * DAY - 1).held_until.us, second(2 * DAY).us);
    assert_int_equal(judge(&s, true, 2 * DAY).state, VERDICT_LISTED);
    lookup(&s, "crawler:45.1.0.9", "crawler=undecided", 100);
    assert_int_equal(judge(&s, false, 100).state, VERDICT_DELAYED);
    assert_int_equal(judge(&s, true, 100).held_until.us, second(100 + 2 * DAY).us);
    lookup(&s, "crawler:45.1.0.9", "crawler=undecided", DAY);
    assert_int_equal(judge(&s, true, 99 + 2 * DAY).state, VERDICT_DELAYED);
    assert_int_equal(judge(&s, true, 100 + 2 * DAY).state, VERDICT_LISTED);
    assert_int_equal(judge(&s, true, 100 + 2 * DAY).held_until.us, second(100 + 2 * DAY).us);
    lookup(&s, "crawler:45.1.0.9", "crawler=failed", DAY + 1);
    assert_int_equal(judge(&s, true, DAY + 1).state, VERDICT_LISTED);
    assert_int_equal(judge(&s, true, DAY + 1).held_until.us, 0);
    scratch_end(&s);
}

/* ---- weights of what look-ups say of a sender ---- */

static struct verdict judge_sender(struct scratch *s, const char *key, const struct conf_policy *policy, uint8_t klass)
{
    const struct evidence_row row = { .sender = cidr(key),
                                      .source = source_of_name(SOURCE_TRAP, BYTES("a@trap.example")),
                                      .klass = klass,
                                      .hour = wall_hour(second(0)),
                                      .node = 1,
                                      .count = 1,
                                      .first = second(0),
                                      .last = second(0) };
    const struct policy_env env = { .policy = policy, .as_of = second(60), .lookups = s->acts };
    struct verdict v;

    assert_int_equal(policy_sender(&env, row.sender, &row, 1, &v), TRAP_OK);
    return v;
}

static void test_weights(void **state)
{
    static const struct {
        const char *key, *detail;
        int64_t at;
        uint32_t more;
    } cases[] = {
        { "45.1.0.1", "reverse=missing", 0, 100 },
        { "45.1.0.2", "reverse=unconfirmed name=x.example form=own helo=mismatch", 0, 500 },
        { "45.1.0.3", "reverse=confirmed name=x.example form=generic helo=match", 0, 200 },
        { "45.1.0.4", "reverse=undecided helo=undecided", 0, 0 },
        { "45.1.0.5", "reverse=confirmed name=x.example form=own helo=match", 0, 0 },
        { "45.1.0.6", "reverse=missing", 61, 0 }, /* not known yet */
        { "2a00:1:2:3::/64", "address=2a00:1:2:3::4 reverse=invalid", 0, 100 },
    };
    struct conf_policy p = { .threshold_milli = 1000,
                             .sources_min = 1,
                             .days_min = 1,
                             .nodes_min = 1,
                             .young_sources_max = UINT32_MAX,
                             .per_source_day_max = 5,
                             .half_life = SPAN_D(7),
                             .stay_max = SPAN_D(30),
                             .weight_milli = { [WEIGHT_PRISTINE] = 500 } };
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        lookup(&s, cases[i].key, cases[i].detail, cases[i].at);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            const uint32_t more = round == 0 ? 0 : cases[i].more;
            struct verdict v = judge_sender(&s, cases[i].key, &p, EVIDENCE_PRISTINE);

            assert_int_equal(v.look_milli, more);
            assert_int_equal(v.score_milli, 500 + more);
            assert_int_equal(v.state, v.score_milli >= 1000 ? VERDICT_LISTED : VERDICT_BELOW);
            assert_int_equal(judge_sender(&s, cases[i].key, &p, EVIDENCE_TEST).score_milli, 0); /* nothing of nothing */
        }
        p.weight_milli[WEIGHT_NO_REVERSE] = 100;
        p.weight_milli[WEIGHT_GENERIC_REVERSE] = 200;
        p.weight_milli[WEIGHT_HELO_MISMATCH] = 400;
    }
    scratch_end(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard),      cmocka_unit_test(test_guard_missing), cmocka_unit_test(test_found),
        cmocka_unit_test(test_unreadable), cmocka_unit_test(test_hold),
        cmocka_unit_test(test_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
