/* Everybody at once, over a real derived.db: overlaps, set difference, young networks, waiting addresses,
 * harvesters. */
#include "listings_bench.h"

/* A sender nobody could name (::), and a deny around the place where IPv4 is stored: neither is all of IPv4,
 * and neither hides those that are listed. */
static void test_around_ipv4(void **state)
{
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    add_evidence(&b, "45.9.0.1", 1, 0, 3);
    add_evidence(&b, "::", 1, 0, 3);
    add_evidence(&b, "::1", 2, 0, 3);
    add_evidence(&b, "2a00:1:2:3::9", 1, 0, 3);
    (void)scratch_act(&b.files, ACT_DENY, "::/16", at_hour(0), (wall_t){ 0 });
    l = compute(&b, 1, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.1 2a00:1:2:3::/64");
    listings_free(&l);
    bench_end(&b);
}

static void test_overlaps(void **state)
{
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    add_evidence(&b, "45.9.0.1", 1, 0, 3);
    add_evidence(&b, "45.9.1.1", 1, 0, 3);      /* inside a deny */
    add_evidence(&b, "2a00:1:2:3::9", 1, 0, 3); /* its /64 holds a deny */
    add_evidence(&b, "45.9.3.1", 1, 0, 0);      /* nothing */
    add_evidence(&b, "45.9.4.1", 1, 0, 3);      /* allowed */
    add_evidence(&b, "192.168.9.9", 1, 0, 3);   /* special use */
    (void)scratch_act(&b.files, ACT_DENY, "45.9.1.0/24", at_hour(0), at_hour(500));
    (void)scratch_act(&b.files, ACT_DENY, "45.9.1.128/25", at_hour(0), (wall_t){ 0 });
    (void)scratch_act(&b.files, ACT_DENY, "2a00:1:2:3::5", at_hour(0), (wall_t){ 0 });
    (void)scratch_act(&b.files, ACT_DENY, "10.0.0.0/7", at_hour(0),
                      (wall_t){ 0 }); /* half of it is special use */
    (void)scratch_act(&b.files, ACT_ALLOW, "45.9.4.0/30", at_hour(0), (wall_t){ 0 });
    (void)scratch_act(&b.files, ACT_ALLOW, "45.9.1.64/26", at_hour(0), (wall_t){ 0 });
    l = compute(&b, 1, LISTINGS_SENDERS);
    assert_listed(&l, "11.0.0.0/8 45.9.0.1 45.9.1.0/26 45.9.1.128/25 2a00:1:2:3::/64");
    assert_int_equal(l.v[1].reason, LISTING_EVIDENCE);
    assert_int_equal(l.v[1].messages, 3);
    assert_int_equal(l.v[1].sources, 1);
    assert_true(l.v[1].score_milli < 3000 && l.v[1].score_milli > 2900);
    assert_int_equal(l.v[2].reason, LISTING_DENY);
    assert_int_equal(prefix_cmp(l.v[2].key, cidr("45.9.1.0/24")), 0);
    assert_int_equal(l.v[2].until.us, at_hour(500).us);
    assert_int_equal(l.v[0].until.us, INT64_MAX);
    assert_int_equal(l.v[4].reason, LISTING_EVIDENCE);
    /* Saved: 10/8 of the deny, the allowed quarter, the allowed sender, the special one. */
    assert_int_equal(l.save_count, 4);
    assert_int_equal(l.saves[0].by, LIST_SPECIAL_USE);
    assert_int_equal(l.saves[1].by, LIST_ALLOW);
    assert_int_equal(prefix_cmp(l.saves[1].entry, cidr("45.9.1.64/26")), 0);
    assert_int_equal(prefix_cmp(l.saves[2].key, cidr("45.9.4.1")), 0);
    assert_int_equal(l.saves[3].by, LIST_SPECIAL_USE);
    listings_free(&l);
    bench_end(&b);
}

static void test_guard_missing(void **state)
{
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    add_evidence(&b, "45.9.0.1", 1, 0, 3);
    b.config.guard_off = false;
    l = compute(&b, 1, LISTINGS_SENDERS);
    assert_true(l.guard_missing);
    assert_int_equal(l.n, 0);
    listings_free(&l);
    l = compute(&b, 1, LISTINGS_HARVESTERS);
    assert_false(l.guard_missing);
    listings_free(&l);
    bench_end(&b);
}

/* Two sources are asked for, of which at most one may be a network that was first seen less than 48 h ago. */
static void test_young_networks(void **state)
{
    struct bench b;
    struct listings l;
    struct verdict v;

    (void)state;
    bench_begin(&b);
    b.policy.sources_min = 2;
    b.policy.threshold_milli = 2000;
    b.policy.half_life = SPAN_D(7);
    b.policy.young_sources_max = 1;
    b.policy.young_age = SPAN_H(48);
    derived_add_visitor(b.batch, &(struct visitor_row){ key_of("45.50.1.7"), 1, at_hour(0), at_hour(0) });
    derived_add_visitor(b.batch, &(struct visitor_row){ key_of("45.50.2.7"), 1, at_hour(5), at_hour(5) });
    add_evidence(&b, "45.9.0.1", net_of("45.50.1.9"), 10, 5);
    add_evidence(&b, "45.9.0.1", net_of("45.50.2.9"), 10, 5);
    add_evidence(&b, "45.9.0.2", net_of("45.50.1.9"), 10, 5);
    add_evidence(&b, "45.9.0.2", source_of_name(SOURCE_TRAP, BYTES("a@b.example")), 10, 5);
    l = compute(&b, 10, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.2"); /* one young one counts, beside a trap */
    const struct evidence_row rows[] = {
        { key_of("45.9.0.1"), net_of("45.50.1.9"), EVIDENCE_MINTED, wall_hour(at_hour(10)), 1, 5, at_hour(10),
          at_hour(10) },
        { key_of("45.9.0.1"), net_of("45.50.2.9"), EVIDENCE_MINTED, wall_hour(at_hour(10)), 1, 5, at_hour(10),
          at_hour(10) },
    };
    assert_int_equal(policy_sender(&b.env, key_of("45.9.0.1"), rows, 2, &v), TRAP_OK);
    assert_int_equal(v.state, VERDICT_BELOW);
    assert_int_equal(v.sources, 1);
    assert_int_equal(v.young_sources, 2);
    listings_free(&l);
    /* 48 h after its first visit the older network is young no more: from that moment on it is listed. */
    l = compute(&b, 47, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.2");
    listings_free(&l);
    l = compute(&b, 48, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.1 45.9.0.2");
    assert_int_equal(l.v[0].since.us, at_hour(48).us);
    listings_free(&l);
    bench_end(&b);
}

/* Three asked for, one of them may be young: the second that is old decides, in whatever order they came. */
static void test_second_old_network(void **state)
{
    static const char *const networks[] = { "45.50.3.7", "45.50.1.7", "45.50.2.7" };
    static const int64_t first_visit[] = { 8, 0, 5 };
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    b.policy.sources_min = 3;
    b.policy.half_life = SPAN_D(7);
    b.policy.young_sources_max = 1;
    b.policy.young_age = SPAN_H(48);
    for (size_t i = 0; i < 3; i++) {
        const wall_t seen = at_hour(first_visit[i]);
        derived_add_visitor(b.batch, &(struct visitor_row){ key_of(networks[i]), 1, seen, seen });
        add_evidence(&b, "45.9.0.1", net_of(networks[i]), 10 + (int64_t)i, 5);
    }
    l = compute(&b, 52, LISTINGS_SENDERS);
    assert_listed(&l, "");
    listings_free(&l);
    l = compute(&b, 70, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.1");
    assert_int_equal(l.v[0].since.us, at_hour(53).us);
    listings_free(&l);
    bench_end(&b);
}

static void add_pending(struct bench *b, const char *sender, uint64_t hit, uint32_t n, int64_t hour)
{
    derived_add_pending(b->batch, &(struct pending_row){ .klass = EVIDENCE_MINTED,
                                                         .hit_node = 1,
                                                         .hit = hit,
                                                         .n = n,
                                                         .sender = key_of(sender),
                                                         .at = at_hour(hour),
                                                         .node = 2,
                                                         .epoch = 1,
                                                         .serial = 5,
                                                         .sender_ip = cidr(sender).ip });
}

/* In the order of keys, before, between and behind those who have evidence, and of both families. */
static void test_pending(void **state)
{
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    b.policy.threshold_milli = 500;
    add_evidence(&b, "45.9.0.5", 1, 10, 1);
    add_evidence(&b, "2a00:1:2:3::9", 1, 10, 1);
    add_pending(&b, "45.9.0.1", 1, 0, 0);
    add_pending(&b, "45.9.0.5", 2, 0, 0);
    add_pending(&b, "45.9.0.5", 2, 1, 0);
    add_pending(&b, "45.9.0.7", 3, 0, 0);
    add_pending(&b, "2a00:1:2:3::7", 4, 0, 0);
    add_pending(&b, "2a00:1:2:4::7", 5, 0, 0);
    l = compute(&b, 23, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.5 2a00:1:2:3::/64");
    assert_int_equal(l.v[0].messages, 1);
    listings_free(&l);
    l = compute(&b, 24, LISTINGS_SENDERS);
    assert_listed(&l, "45.9.0.1 45.9.0.5 45.9.0.7 2a00:1:2:3::/64 2a00:1:2:4::/64");
    assert_int_equal(l.v[1].messages, 2);
    assert_int_equal(l.v[1].sources, 2);
    assert_int_equal(l.v[3].messages, 2);
    listings_free(&l);
    bench_end(&b);
}

static void add_link(struct bench *b, const char *harvester, const char *sender, uint8_t slot, uint32_t flags)
{
    derived_add_link(b->batch, &(struct link_row){ .harvester = key_of(harvester),
                                                   .sender = key_of(sender),
                                                   .node = 1,
                                                   .visit = 1,
                                                   .slot = slot,
                                                   .day = wall_day(at_hour(3)),
                                                   .count = 1,
                                                   .first = at_hour(3),
                                                   .last = at_hour(3),
                                                   .visited = at_hour(0),
                                                   .visit_flags = flags });
}

static void test_harvesters(void **state)
{
    char crawlers[PATH_TEXT_MAX];
    char *files[] = { crawlers };
    struct bench b;
    struct listings l;

    (void)state;
    bench_begin(&b);
    (void)scratch_file(&b.files, "crawlers", "45.66.0.0/16\n", crawlers);
    b.config.crawler_files = (struct strings){ files, 1 };
    add_link(&b, "45.50.1.1", "45.9.0.1", 0, 0);
    add_link(&b, "45.50.1.1", "45.9.0.2", 0, 0);
    add_link(&b, "45.50.1.2", "45.9.0.1", 0, 0); /* one of each */
    add_link(&b, "45.50.1.3", "45.9.0.1", 0, VISIT_CRAWLER);
    add_link(&b, "45.50.1.3", "45.9.0.2", 1, VISIT_CRAWLER);
    add_link(&b, "45.66.1.3", "45.9.0.2", 1, 0); /* a crawler whose range came later */
    add_link(&b, "45.66.1.3", "45.9.0.2", 2, 0);
    derived_add_visitor(b.batch, &(struct visitor_row){ key_of("45.50.1.1"), 2, at_hour(0), at_hour(24) });
    (void)scratch_act(&b.files, ACT_DENY, "45.50.1.2", at_hour(0), (wall_t){ 0 }); /* of senders only */
    l = compute(&b, 4, LISTINGS_HARVESTERS);
    assert_listed(&l, "45.50.1.1");
    assert_int_equal(l.v[0].last_visit.us, at_hour(24).us);
    assert_int_equal(l.v[0].until.us, at_hour(24 + 30 * 24).us);
    assert_int_equal(l.save_count, 1);
    assert_int_equal(l.saves[0].by, LIST_CRAWLERS);
    listings_free(&l);
    l = compute(&b, 31 * 24 - 1, LISTINGS_HARVESTERS);
    assert_listed(&l, "45.50.1.1");
    listings_free(&l);
    l = compute(&b, 31 * 24, LISTINGS_HARVESTERS);
    assert_listed(&l, "");
    listings_free(&l);
    bench_end(&b);
}

static void test_policy_text(void **state)
{
    struct conf_policy p = aggressive;
    char name[] = "mine";
    struct buf out;

    (void)state;
    p.name = name;
    p.young_sources_max = 1;
    p.young_age = SPAN_D(2);
    buf_init(&out, 65536);
    policy_text(&p, &out);
    const char *text = buf_cstr(&out);
    assert_non_null(text);
    assert_non_null(strstr(text, "Policy \"mine\""));
    assert_non_null(strstr(text, "0.25  to an address that was guessed"));
    assert_non_null(strstr(text, "At most 5 messages a day"));
    assert_non_null(strstr(text, "At most 1 of these sources"));
    assert_non_null(strstr(text, "15 d after the last message"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_around_ipv4),       cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_guard_missing),
        cmocka_unit_test(test_young_networks),    cmocka_unit_test(test_pending),
        cmocka_unit_test(test_harvesters),        cmocka_unit_test(test_policy_text),
        cmocka_unit_test(test_second_old_network)
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
