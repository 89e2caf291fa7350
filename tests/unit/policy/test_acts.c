/* Acts in the listings: submissions, taints of what is pending, what a save tells. */
#include "listings_bench.h"

static void test_submissions(void **state)
{
    struct bench b;
    struct listings l;
    struct verdict v;

    (void)state;
    bench_begin(&b);
    add_evidence(&b, "45.9.0.1", 1, 0, 3);
    add_evidence(&b, "45.9.8.1", 1, 0, 3); /* inside a submission */
    (void)scratch_act(&b.files, ACT_SUBMIT, "45.9.0.1", at_hour(0), at_hour(2)); /* ends before the evidence */
    (void)scratch_act(&b.files, ACT_SUBMIT, "45.9.4.0/23", at_hour(0), at_hour(10));
    (void)scratch_act(&b.files, ACT_SUBMIT, "45.9.8.0/24", at_hour(0), at_hour(10));
    (void)scratch_act(&b.files, ACT_SUBMIT, "45.9.16.0/24", at_hour(0), at_hour(10));
    (void)scratch_act(&b.files, ACT_DENY, "45.9.16.0/24", at_hour(0), at_hour(10));
    (void)scratch_act(&b.files, ACT_SUBMIT, "10.0.0.0/8", at_hour(0), at_hour(10)); /* special use */
    (void)scratch_act(&b.files, ACT_ALLOW, "45.9.5.0/24", at_hour(0), (wall_t){ 0 });
    l = compute(&b, 1, LISTINGS_SENDERS); /* a policy that takes none */
    assert_listed(&l, "45.9.0.1 45.9.8.1 45.9.16.0/24");
    listings_free(&l);
    b.policy.submissions = true;
    l = compute(&b, 1, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.1 45.9.4.0/24 45.9.8.0/24 45.9.16.0/24");
    assert_int_equal(l.v[0].reason, LISTING_EVIDENCE);
    assert_int_equal(l.v[1].reason, LISTING_SUBMIT);
    assert_int_equal(l.v[1].since.us, at_hour(0).us);
    assert_int_equal(l.v[1].until.us, at_hour(10).us);
    assert_int_equal(l.v[2].reason, LISTING_SUBMIT);
    assert_int_equal(l.v[3].reason, LISTING_DENY);
    assert_int_equal(l.save_count, 2);
    assert_int_equal(l.saves[1].by, LIST_ALLOW);
    assert_int_equal(l.saves[1].reason, LISTING_SUBMIT);
    assert_int_equal(l.saves[1].since.us, at_hour(0).us);
    assert_int_equal(l.saves[1].until.us, at_hour(10).us);
    assert_int_equal(policy_sender(&b.env, key_of("45.9.4.9"), NULL, 0, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_LISTED);
    assert_int_equal(v.reason, LISTING_SUBMIT);
    listings_free(&l);
    l = compute(&b, 10, LISTINGS_SENDERS); /* they end */
    assert_listed(&l, "45.9.0.1 45.9.8.1");
    listings_free(&l);
    l = compute(&b, 1, LISTINGS_HARVESTERS); /* of senders only */
    assert_listed(&l, "");
    listings_free(&l);
    bench_end(&b);
}

static void add_pending(struct bench *b, const char *sender, uint64_t hit, uint8_t node, int64_t hour)
{
    derived_add_pending(b->batch, &(struct pending_row){ .klass = EVIDENCE_MINTED,
                                                         .hit_node = 1,
                                                         .hit = hit,
                                                         .sender = key_of(sender),
                                                         .at = at_hour(hour),
                                                         .node = node,
                                                         .epoch = 1,
                                                         .serial = 5,
                                                         .sender_ip = cidr(sender).ip });
}

/* Of what waits only node and time are known; the rest is asked when its visit has come. */
static void test_taint_of_pending(void **state)
{
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    b.policy.threshold_milli = 500;
    add_pending(&b, "45.9.0.1", 1, 2, 0);
    add_pending(&b, "45.9.0.2", 2, 3, 0);
    add_pending(&b, "45.9.0.3", 3, 3, 5);
    (void)scratch_act(&b.files, ACT_TAINT, "site=www.shop.example", at_hour(0), (wall_t){ 0 });
    l = compute(&b, 30, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.1 45.9.0.2 45.9.0.3");
    listings_free(&l);
    (void)scratch_act(&b.files, ACT_TAINT, "node=2", at_hour(31), (wall_t){ 0 });
    l = compute(&b, 30, LISTINGS_SENDERS); /* before it was said */
    assert_listed(&l, "45.9.0.1 45.9.0.2 45.9.0.3");
    listings_free(&l);
    l = compute(&b, 31, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.2 45.9.0.3");
    listings_free(&l);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_submissions),
                                        cmocka_unit_test(test_taint_of_pending) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
