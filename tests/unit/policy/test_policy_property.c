/* From the log to the listings, over random histories: what must never be listed is not, and less evidence
 * never lists more. */
#include "world.h"

#include <mail/keyed.h>
#include <policy/listing.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after those above */
#include <cmocka.h>

enum { STORIES = 5, REMOVALS = 6, MOMENTS = 4 };
#define EVER ((wall_t){ INT64_MAX })
static const struct story_size size = { .visits = 60, .hits = 150, .sessions = 20, .days = 10 };

static struct conf_policy policy_of(uint64_t seed)
{
    static char name[] = "random";
    static struct conf_escalation networks[] = { { .members = 2, .from = 128, .to = 120, .v4 = true },
                                                 { .members = 2, .from = 64, .to = 56 } };
    struct conf_policy p = { .name = name,
                             .threshold_milli = 1000,
                             .sources_min = 1,
                             .days_min = 1,
                             .nodes_min = 1,
                             .young_sources_max = UINT32_MAX,
                             .young_age = SPAN_D(2),
                             .escalate = { networks, sizeof networks / sizeof networks[0] },
                             .per_source_day_max = 5,
                             .backscatter_day_max = 2,
                             .half_life = SPAN_D(3),
                             .stay_max = SPAN_D(15),
                             .delay_max = SPAN_H(2),
                             .weight_milli = { 1000, 1000, 500, 250, 250, 250, 0, 250, 250 },
                             .visit_age_max = SPAN_D(7),
                             .harvester_senders_min = 2,
                             .harvester_addresses_min = 3 };

    if (seed % 3 > 0) {
        p.sources_min = 2;
        p.young_sources_max = 1;
    }
    if (seed % 3 == 2)
        p.nodes_min = 2;
    return p;
}

static struct listings compute(struct world *w, const struct conf_policy *p, const struct lists *lists,
                               wall_t as_of, enum listing_kind kind)
{
    const struct acts_view acts = { .taints = w->taints };
    const struct policy_env env = {
        .policy = p, .lists = lists, .acts = &acts, .key = { { 5 } }, .as_of = as_of, .derived = w->derived
    };
    struct err_text why = { "" };
    struct listings l;

    if (listings_compute(&env, kind, &l, &why) != TRAP_OK)
        fail_msg("%s", why.text);
    return l;
}

static void whole_world(struct world *w, struct story *s)
{
    world_begin(w, s, false);
    world_write_all(w);
    (void)world_fold(w, 0, EVER);
}

static wall_t moment(struct story *s)
{
    return (wall_t){ (WORLD_BEGIN + (int64_t)story_random(s, 40ULL * 86400)) * WALL_US_PER_S };
}

static struct lists lists_of(struct story *s, size_t entries)
{
    struct err_text why = { "" };
    struct config c = { .guard_off = true };
    struct lists l;

    for (size_t i = 0; i < entries; i++) {
        const struct ip a = ip_v4(45, (uint8_t)(10 + 10 * story_random(s, 2)), (uint8_t)story_random(s, 4),
                                  (uint8_t)story_random(s, 8));
        assert_int_equal(prefix_set_add(&c.never_list, prefix_of(a, (uint8_t)(118 + story_random(s, 11)))),
                         TRAP_OK);
    }
    if (entries > 0)
        assert_int_equal(
            prefix_set_add(
                &c.never_list,
                prefix_of((struct ip){ { 0x2a, 0x00, 0x12, 0x34, 0, (uint8_t)story_random(s, 3) } }, 48)),
            TRAP_OK);
    assert_int_equal(prefix_set_seal(&c.never_list), TRAP_OK);
    assert_int_equal(lists_load(&c, NULL, EVER, &l, &why), TRAP_OK);
    prefix_set_free(&c.never_list);
    return l;
}

/* Sorted, disjoint, nothing forbidden; and together with what was saved all that would be listed without
 * lists. Returns how many were saved, 0 where nothing was kept. */
static size_t check_difference(struct world *w, const struct conf_policy *p, const struct lists *never,
                             const struct lists *none, enum listing_kind kind)
{
    const wall_t at = { (WORLD_BEGIN + 9 * 86400) * WALL_US_PER_S };
    struct listings all = compute(w, p, none, at, kind), kept = compute(w, p, never, at, kind);
    size_t k = 0;

    for (size_t i = 0; i < kept.n; i++) {
        assert_false(prefix_set_overlaps(&never->forbidden, kept.v[i].prefix, NULL));
        assert_true(prefix_covers(kept.v[i].key, kept.v[i].prefix));
        if (i > 0) {
            assert_true(prefix_cmp(kept.v[i - 1].prefix, kept.v[i].prefix) < 0);
            assert_false(prefix_covers(kept.v[i - 1].prefix, kept.v[i].prefix));
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        bool found = false;
        while (k < kept.n && prefix_cmp(kept.v[k].key, all.v[i].key) < 0)
            k++;
        for (size_t j = 0; j < kept.save_count; j++)
            found = found || prefix_cmp(kept.saves[j].key, all.v[i].key) == 0;
        assert_true(found || (k < kept.n && prefix_cmp(kept.v[k].key, all.v[i].key) == 0));
    }
    const size_t saved = kept.n > 0 ? kept.save_count : 0;
    listings_free(&all);
    listings_free(&kept);
    return saved;
}

static void test_never_listed(void **state)
{
    size_t saved[LISTINGS_HARVESTERS + 1] = { 0 };

    (void)state;
    for (uint64_t seed = 1; seed <= STORIES; seed++) {
        const struct conf_policy p = policy_of(0);
        struct story s;
        struct world w;
        story_make(&s, seed, size);
        whole_world(&w, &s);
        struct lists never = lists_of(&s, 12), none = lists_of(&s, 0);
        for (enum listing_kind kind = LISTINGS_SENDERS; kind <= LISTINGS_HARVESTERS; kind++)
            saved[kind] += check_difference(&w, &p, &never, &none, kind);
        lists_free(&never);
        lists_free(&none);
        world_end(&w);
        story_free(&s);
    }
    assert_true(saved[LISTINGS_SENDERS] >= STORIES && saved[LISTINGS_HARVESTERS] >= STORIES);
}

/* Returns how many were compared. */
static size_t assert_not_more(struct listings *less, struct listings *all)
{
    const size_t n = less->n;
    size_t k = 0;

    for (size_t i = 0; i < less->n; i++) {
        while (k < all->n && prefix_cmp(all->v[k].prefix, less->v[i].prefix) < 0)
            k++;
        assert_true(k < all->n && prefix_cmp(all->v[k].prefix, less->v[i].prefix) == 0);
        assert_true(all->v[k].until.us >= less->v[i].until.us);
        assert_true(all->v[k].since.us <= less->v[i].since.us);
    }
    listings_free(less);
    listings_free(all);
    return n;
}

static void test_removing_a_hit(void **state)
{
    size_t compared[LISTINGS_NETS + 1] = { 0 };

    (void)state;
    for (uint64_t seed = 11; seed < 11 + STORIES; seed++) {
        const struct conf_policy p = policy_of(seed);
        struct story s;
        struct world whole, less;
        story_make(&s, seed, size);
        whole_world(&whole, &s);
        struct lists none = lists_of(&s, 0);
        for (unsigned i = 0; i < REMOVALS; i++) {
            struct story_hit *h = &s.hit[story_random(&s, s.hits)];
            h->left_out = true;
            whole_world(&less, &s);
            h->left_out = false;
            for (unsigned m = 0; m < MOMENTS; m++) {
                const wall_t at = moment(&s);
                for (enum listing_kind kind = LISTINGS_SENDERS; kind <= LISTINGS_NETS; kind++) {
                    struct listings few = compute(&less, &p, &none, at, kind),
                                    many = compute(&whole, &p, &none, at, kind);
                    compared[kind] += assert_not_more(&few, &many);
                }
            }
            world_end(&less);
        }
        lists_free(&none);
        world_end(&whole);
        story_free(&s);
    }
    assert_true(compared[LISTINGS_SENDERS] > 300 && compared[LISTINGS_HARVESTERS] > 100);
    assert_true(compared[LISTINGS_BACKSCATTER] > 50 && compared[LISTINGS_NETS] > 50);
}

/* Some of the history, by its makers, its addresses, its times. */
static void taint_some(struct world *w, struct story *s)
{
    const struct story_visit *v = &s->visit[story_random(s, s->visits)];
    const struct story_hit *h = &s->hit[story_random(s, s->hits)];
    char subject[400], a[WALL_TEXT_MAX], b[WALL_TEXT_MAX], ip[IP_TEXT_MAX];
    const wall_t t = { v->at.us / WALL_US_PER_S * WALL_US_PER_S };
    const uint64_t kind = story_random(s, 7);

    (void)wall_text(t, a);
    (void)wall_text(wall_add(t, SPAN_H(2 + story_random(s, 60))), b);
    if (kind == 0)
        (void)snprintf(subject, sizeof subject, "trap=%s", h->rcpt[0].address);
    else if (kind == 1)
        (void)snprintf(subject, sizeof subject, "trap=shop.example");
    else if (kind == 2)
        (void)snprintf(subject, sizeof subject, "visit=%u/%u", v->node, 1 + (unsigned)story_random(s, 30));
    else if (kind == 3)
        (void)snprintf(subject, sizeof subject, "harvester=%s", ip_text(v->client, ip));
    else if (kind == 4)
        (void)snprintf(subject, sizeof subject, "node=%u visited-from=%s", (unsigned)v->node, a);
    else if (kind == 5)
        (void)snprintf(subject, sizeof subject, "from=%s to=%s", a, b);
    else
        (void)snprintf(subject, sizeof subject, "site=www.shop.example visited-from=%s visited-to=%s", a, b);
    (void)world_act(w, ACT_TAINT, subject, (wall_t){ WORLD_BEGIN * WALL_US_PER_S });
}

/* The same for a taint, and for a second one on top of it. */
static void test_adding_a_taint(void **state)
{
    size_t compared = 0;
    uint64_t tainted = 0;

    (void)state;
    for (uint64_t seed = 31; seed < 31 + STORIES; seed++) {
        const struct conf_policy p = policy_of(seed);
        struct story s;
        struct world whole, less;
        story_make(&s, seed, size);
        whole_world(&whole, &s);
        whole_world(&less, &s);
        struct lists none = lists_of(&s, 0);
        for (unsigned i = 0; i < REMOVALS; i++) {
            if (i % 2 == 0) {
                world_end(&less);
                whole_world(&less, &s);
            }
            taint_some(&less, &s);
            tainted += world_fold(&less, 0, EVER).tainted;
            for (unsigned m = 0; m < MOMENTS; m++) {
                const wall_t at = moment(&s);
                for (enum listing_kind kind = LISTINGS_SENDERS; kind <= LISTINGS_NETS; kind++) {
                    struct listings few = compute(&less, &p, &none, at, kind),
                                    many = compute(&whole, &p, &none, at, kind);
                    compared += assert_not_more(&few, &many);
                }
            }
        }
        lists_free(&none);
        world_end(&less);
        world_end(&whole);
        story_free(&s);
    }
    assert_true(compared > 300 && tainted > 300);
}

/* Folded in bits or at once, by whatever machine: the same listings with the same times. */
static void test_identical(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed < 21 + STORIES; seed++) {
        const struct conf_policy p = policy_of(seed);
        const wall_t at = { (WORLD_BEGIN + 9 * 86400) * WALL_US_PER_S };
        struct story s;
        struct world a, b;
        story_make(&s, seed, size);
        whole_world(&a, &s);
        world_begin(&b, &s, true);
        world_write(&b, WORLD_HITS, 2, s.hits, EVER);
        (void)world_fold(&b, 4, EVER);
        world_write_all(&b);
        (void)world_fold(&b, 9, EVER);
        struct lists none = lists_of(&s, 0);
        struct listings x = compute(&a, &p, &none, at, LISTINGS_SENDERS),
                        y = compute(&b, &p, &none, at, LISTINGS_SENDERS);
        assert_int_equal(x.n, y.n);
        for (size_t i = 0; i < x.n; i++) {
            assert_int_equal(prefix_cmp(x.v[i].prefix, y.v[i].prefix), 0);
            assert_int_equal(x.v[i].since.us, y.v[i].since.us);
            assert_int_equal(x.v[i].until.us, y.v[i].until.us);
            assert_int_equal(x.v[i].score_milli, y.v[i].score_milli);
        }
        listings_free(&x);
        listings_free(&y);
        lists_free(&none);
        world_end(&b);
        world_end(&a);
        story_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_never_listed),
                                        cmocka_unit_test(test_removing_a_hit),
                                        cmocka_unit_test(test_adding_a_taint),
                                        cmocka_unit_test(test_identical) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
