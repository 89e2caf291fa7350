/* Networks that are listed for their members: which, since when, until when; never past a list; and never more
 * of them for less evidence. */
#include "listings_bench.h"

enum { V4 = 96 };

static void set_rows(struct bench *b, struct conf_escalation *rows, size_t n)
{
    b->policy.escalate = (struct conf_escalations){ rows, n };
}

/* A sender that is listed since that hour, for three days or, with count 5, longer. */
static void list_sender(struct bench *b, const char *ip, int64_t hour, uint32_t count)
{
    add_evidence(b, ip, net_of("45.1.1.1"), hour, count);
}

static void test_members(void **state)
{
    struct conf_escalation rows[] = { { .members = 3, .from = V4 + 32, .to = V4 + 24, .v4 = true } };
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    set_rows(&b, rows, 1);
    for (int i = 1; i <= 2; i++) { /* one below */
        list_sender(&b, i == 1 ? "45.9.0.1" : "45.9.0.2", i, 1);
        list_sender(&b, i == 1 ? "45.9.1.1" : "45.9.1.2", i, 1);
    }
    list_sender(&b, "45.9.1.255", 5, 1); /* three of one network, at hours 1, 2, 5 */
    list_sender(&b, "45.9.2.0", 5, 1);   /* its neighbour */
    l = compute(&b, 6, LISTINGS_NETS);
    assert_listed(&l, "45.9.1.0/24");
    assert_int_equal(l.v[0].reason, LISTING_MEMBERS);
    assert_int_equal(l.v[0].since.us, at_hour(5).us);
    listings_free(&l);
    l = compute(&b, 6, LISTINGS_SENDERS); /* the senders' zone knows nothing of it */
    assert_int_equal(l.n, 6);
    listings_free(&l);
    bench_end(&b);
}

/* It ends with the listing of the k-th longest member: then fewer than k are left. */
static void test_end(void **state)
{
    struct conf_escalation rows[] = { { .members = 2, .from = V4 + 32, .to = V4 + 24, .v4 = true } };
    struct bench b;
    struct listings l;
    wall_t until[3];

    (void)state;
    bench_begin(&b);
    set_rows(&b, rows, 1);
    list_sender(&b, "45.9.1.1", 0, 1);
    list_sender(&b, "45.9.1.2", 10, 1);
    list_sender(&b, "45.9.1.3", 20, 1);
    l = compute(&b, 21, LISTINGS_SENDERS);
    for (size_t i = 0; i < 3; i++)
        until[i] = l.v[i].until;
    listings_free(&l);
    l = compute(&b, 21, LISTINGS_NETS);
    assert_listed(&l, "45.9.1.0/24");
    assert_int_equal(l.v[0].until.us, until[1].us);
    assert_int_equal(l.v[0].since.us, at_hour(10).us);
    listings_free(&l);
    l = compute(&b, (until[1].us - at_hour(0).us) / WALL_US_PER_HOUR + 1, LISTINGS_NETS);
    assert_listed(&l, "");
    listings_free(&l);
    bench_end(&b);
}

/* /64 -> /56 -> /48: the networks of one row are the members of the next; the outermost is published. */
static void test_chain(void **state)
{
    struct conf_escalation rows[] = { { .members = 2, .from = 64, .to = 56 },
                                      { .members = 2, .from = 56, .to = 48 } };
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    set_rows(&b, rows, 2);
    list_sender(&b, "2a00:1:2:100::1", 0, 1);
    list_sender(&b, "2a00:1:2:101::1", 0, 1);
    list_sender(&b, "2a00:1:3:100::1", 0, 1);
    list_sender(&b, "2a00:1:3:101::1", 0, 1);
    list_sender(&b, "45.9.1.1", 0, 1);
    list_sender(&b, "45.9.1.2", 0, 1); /* no row for these */
    l = compute(&b, 1, LISTINGS_NETS);
    assert_listed(&l, "2a00:1:2:100::/56 2a00:1:3:100::/56");
    listings_free(&l);
    list_sender(&b, "2a00:1:2:200::1", 1, 1);
    list_sender(&b, "2a00:1:2:2ff::1", 2, 1);
    l = compute(&b, 3, LISTINGS_NETS);
    assert_listed(&l, "2a00:1:2::/48 2a00:1:3:100::/56");
    assert_int_equal(l.v[0].since.us, at_hour(2).us);
    listings_free(&l);
    bench_end(&b);
}

static void test_lists(void **state)
{
    struct conf_escalation rows[] = { { .members = 2, .from = V4 + 32, .to = V4 + 24, .v4 = true } };
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    set_rows(&b, rows, 1);
    list_sender(&b, "45.9.1.1", 0, 1);
    list_sender(&b, "45.9.1.2", 0, 1);
    list_sender(&b, "45.9.2.1", 0, 1);
    list_sender(&b, "45.9.2.2", 0, 1);
    (void)scratch_act(&b.files, ACT_ALLOW, "45.9.1.2", at_hour(0), (wall_t){ 0 }); /* no member any more */
    (void)scratch_act(&b.files, ACT_ALLOW, "45.9.2.128/25", at_hour(0),
                      (wall_t){ 0 });                                                /* nobody's; cut out */
    (void)scratch_act(&b.files, ACT_DENY, "45.9.3.0/30", at_hour(0), (wall_t){ 0 }); /* an act is no member */
    l = compute(&b, 1, LISTINGS_NETS);
    assert_listed(&l, "45.9.2.0/25");
    assert_int_equal(l.save_count, 1);
    assert_int_equal(l.saves[0].by, LIST_ALLOW);
    listings_free(&l);
    bench_end(&b);
}

static void test_off(void **state)
{
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    for (int i = 0; i < 4; i++)
        list_sender(&b, (const char *const[]){ "45.9.1.1", "45.9.1.2", "45.9.1.3", "45.9.1.4" }[i], 0, 1);
    l = compute(&b, 1, LISTINGS_NETS);
    assert_int_equal(l.n, 0);
    listings_free(&l);
    bench_end(&b);
}

/* Every set of senders: a part of it makes no network that the whole does not. */
static void test_less_is_less(void **state)
{
    enum { SENDERS = 6 };
    static const char *const ip[SENDERS] = { "45.8.1.1", "45.8.1.2", "45.9.1.1",
                                             "45.9.1.2", "45.9.2.1", "45.9.2.2" };
    struct conf_escalation rows[] = { { .members = 2, .from = V4 + 32, .to = V4 + 24, .v4 = true },
                                      { .members = 2, .from = V4 + 24, .to = V4 + 16, .v4 = true } };
    bool listed[1 << SENDERS][2];
    struct listing all[SENDERS] = { { .score_milli = 0 } };
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    set_rows(&b, rows, 2);
    l = compute(&b, 0, LISTINGS_SENDERS);
    listings_free(&l);
    for (size_t i = 0; i < SENDERS; i++)
        all[i] =
            (struct listing){ .prefix = key_of(ip[i]), .key = key_of(ip[i]), .reason = LISTING_EVIDENCE };
    for (unsigned set = 0; set < 1 << SENDERS; set++) {
        struct listing some[SENDERS];
        struct listings senders = { .v = some };
        for (unsigned i = 0; i < SENDERS; i++)
            if ((set >> i & 1) != 0)
                some[senders.n++] = all[i];
        assert_int_equal(listings_escalate(&b.env, &senders, &l), TRAP_OK);
        listed[set][0] = listed[set][1] = false;
        for (size_t i = 0; i < l.n; i++) {
            listed[set][0] |= prefix_has(l.v[i].prefix, ip_v4(45, 9, 1, 1));
            listed[set][1] |= prefix_has(l.v[i].prefix, ip_v4(45, 8, 1, 1));
        }
        listings_free(&l);
        for (unsigned i = 0; i < SENDERS; i++)
            for (int k = 0; k < 2; k++)
                if ((set >> i & 1) != 0 && listed[set & ~(1u << i)][k])
                    assert_true(listed[set][k]);
    }
    bench_end(&b);
    assert_true(listed[(1 << SENDERS) - 1][0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_members), cmocka_unit_test(test_end),
                                        cmocka_unit_test(test_chain),   cmocka_unit_test(test_lists),
                                        cmocka_unit_test(test_off),     cmocka_unit_test(test_less_is_less) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
