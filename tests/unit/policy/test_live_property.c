/* Listings that are kept up to date are those that are computed from the beginning, whatever happens in between: mail and
 * visits in any order, hours and days that pass, acts, look-ups, lists, taints, rebuilds, a clock that goes back. */
#include "world.h"

#include <mail/keyed.h>
#include <policy/live.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after those above */
#include <cmocka.h>

enum { STORIES = 12, STEPS = 50, ACTS_MAX = 8, KINDS = 3 };
#define EVER ((wall_t){ INT64_MAX })
static const struct story_size size = { .visits = 70, .hits = 200, .sessions = 20, .days = 12 };
static const enum listing_kind kinds[KINDS] = { LISTINGS_SENDERS, LISTINGS_HARVESTERS, LISTINGS_BACKSCATTER };

static struct conf_policy policy_of(uint64_t seed)
{
    static char name[] = "random";
    struct conf_policy p = { .name = name,
                             .threshold_milli = 1000,
                             .sources_min = 1,
                             .days_min = 1,
                             .nodes_min = 1,
                             .young_sources_max = UINT32_MAX,
                             .young_age = SPAN_D(2),
                             .per_source_day_max = 5,
                             .half_life = SPAN_D(3),
                             .stay_max = SPAN_D(6),
                             .delay_min = SPAN_MIN(10),
                             .delay_max = SPAN_H(6),
                             .weight_milli = { 1000, 1000, 500, 250, 250, 250, 0 },
                             .visit_age_max = SPAN_D(4),
                             .harvester_senders_min = 2,
                             .harvester_addresses_min = 3,
                             .submissions = seed % 2 == 0 };

    if (seed % 3 > 0) {
        p.young_age = SPAN_D(1 + seed % 8);
        p.threshold_milli = 500;
        p.sources_min = 2;
        p.young_sources_max = 1;
    }
    if (seed % 3 == 2)
        p.nodes_min = 2;
    return p;
}

/* ---- acts, lists and look-ups of a made-up operator ---- */

struct office {
    struct acts_view acts;
    struct act_prefix deny[ACTS_MAX], delist[ACTS_MAX], submit[ACTS_MAX];
    struct act_found_row crawlers[ACTS_MAX];
    struct lists lists;
    uint64_t seq;
};

static struct prefix some_key(struct story *s)
{
    const struct ip a = story_random(s, 2) == 0 ? s->hit[story_random(s, s->hits)].sender
                                                : s->visit[story_random(s, s->visits)].client;
    const uint64_t wide = story_random(s, 3);

    return wide == 0 ? ip_network(a) : ip_key(a);
}

static void add_act(struct office *o, struct story *s, struct act_prefix *v, size_t *n, wall_t now)
{
    if (*n == ACTS_MAX || (*n > 0 && story_random(s, 3) == 0)) { /* taken back, or ended */
        v[0] = v[--*n];
        return;
    }
    v[(*n)++] = (struct act_prefix){ .prefix = some_key(s), .at = now, .seq = ++o->seq };
}

static int by_key(const void *a, const void *b)
{
    return prefix_cmp(((const struct act_found_row *)a)->key, ((const struct act_found_row *)b)->key);
}

static void look_up(struct office *o, struct story *s, wall_t now)
{
    const struct ip a = s->visit[story_random(s, s->visits)].client;
    const struct act_found_row row = { a, ip_key(a), (enum act_found)story_random(s, 3), now };
    struct act_found_list *l = &o->acts.crawlers;

    for (size_t i = 0; i < l->n; i++)
        if (prefix_cmp(l->v[i].key, row.key) == 0) {
            l->v[i] = row;
            return;
        }
    if (l->n < ACTS_MAX)
        l->v[l->n++] = row;
    qsort(l->v, l->n, sizeof *l->v, by_key);
}

static void new_lists(struct office *o, struct story *s)
{
    struct err_text why = { "" };
    struct config c = { .guard_off = true };
    const bool looks_up = o->lists.looks_up;

    lists_free(&o->lists);
    for (size_t i = story_random(s, 6); i > 0; i--) {
        const struct prefix p = some_key(s);
        assert_int_equal(prefix_set_add(&c.never_list, p), TRAP_OK);
    }
    assert_int_equal(prefix_set_seal(&c.never_list), TRAP_OK);
    assert_int_equal(lists_load(&c, NULL, EVER, &o->lists, &why), TRAP_OK);
    prefix_set_free(&c.never_list);
    o->lists.looks_up = story_random(s, 6) == 0 ? !looks_up : looks_up;
}

static void something_happens(struct office *o, struct story *s, wall_t now)
{
    switch (story_random(s, 10)) {
    case 0:
        add_act(o, s, o->deny, &o->acts.deny_count, now);
        break;
    case 1:
    case 2:
        add_act(o, s, o->delist, &o->acts.delist_count, now);
        break;
    case 3:
        add_act(o, s, o->submit, &o->acts.submit_count, now);
        break;
    case 4:
    case 5:
        look_up(o, s, now);
        break;
    case 6:
        new_lists(o, s);
        break;
    default:
        break;
    }
}

/* ---- both ways ---- */

static void assert_same_listing(const struct listing *x, const struct listing *y)
{
    assert_int_equal(prefix_cmp(x->prefix, y->prefix), 0);
    assert_int_equal(prefix_cmp(x->key, y->key), 0);
    assert_int_equal(x->reason, y->reason);
    assert_int_equal(x->since.us, y->since.us);
    assert_int_equal(x->until.us, y->until.us);
    assert_int_equal(x->messages, y->messages);
    assert_int_equal(x->sources, y->sources);
    assert_int_equal(x->last_visit.us, y->last_visit.us);
}

/* Returns how many are listed. */
static size_t compare(struct live *live, const struct policy_env *env, enum listing_kind kind,
                      const struct derived_changes *changes)
{
    struct listings kept, whole;
    struct err_text why = { "" };
    size_t n;

    assert_int_equal(live_update(live, env, changes, &kept, &why), TRAP_OK);
    assert_int_equal(listings_compute(env, kind, &whole, &why), TRAP_OK);
    assert_int_equal(kept.n, whole.n);
    for (size_t i = 0; i < kept.n; i++)
        assert_same_listing(&kept.v[i], &whole.v[i]);
    assert_int_equal(kept.save_count, whole.save_count);
    for (size_t i = 0; i < kept.save_count; i++) {
        assert_int_equal(prefix_cmp(kept.saves[i].key, whole.saves[i].key), 0);
        assert_int_equal(prefix_cmp(kept.saves[i].entry, whole.saves[i].entry), 0);
        assert_int_equal(kept.saves[i].by, whole.saves[i].by);
    }
    n = kept.n;
    listings_free(&kept);
    listings_free(&whole);
    return n;
}

static void more_arrives(struct world *w, struct story *s, wall_t now)
{
    static const enum world_log logs[] = { WORLD_VISITS, WORLD_HITS, WORLD_HITS, WORLD_SESSIONS };
    const enum world_log log = logs[story_random(s, 4)];
    const uint8_t node = (uint8_t)(1 + story_random(s, WORLD_NODES));
    const size_t total = log == WORLD_VISITS ? s->visits : log == WORLD_HITS ? s->hits : s->sessions;
    size_t upto = w->written[log][node - 1];

    /* Mostly what has happened by now, sometimes a clock that is ahead; visits may come behind the mail. */
    while (upto < total && story_random(s, 100) != 0) {
        const wall_t at = log == WORLD_VISITS ? s->visit[upto].at
                          : log == WORLD_HITS ? s->hit[upto].at
                                              : s->session[upto].at;
        if (at.us > now.us && story_random(s, 200) != 0)
            break;
        upto++;
    }
    world_write(w, log, node, upto, EVER);
    if (story_random(s, 25) == 0)
        (void)world_fold_bulk(w, 7, EVER, true);
    else
        (void)world_fold(w, (uint32_t)(1 + story_random(s, 30)), EVER);
}

static void one_step(struct world *w, struct office *o, struct story *s, wall_t *now)
{
    if (story_random(s, 4) != 0)
        more_arrives(w, s, *now);
    something_happens(o, s, *now);
    *now = story_random(s, 20) == 0 ? wall_add(*now, SPAN_H(-30))
                                    : wall_add(*now, SPAN_MIN(story_random(s, 14 * 60)));
    o->acts.taints = w->taints;
}

static size_t one_story(uint64_t seed)
{
    const struct conf_policy p = policy_of(seed);
    struct office o = { .seq = 0 };
    struct live *live[KINDS] = { NULL };
    wall_t now = { WORLD_BEGIN * WALL_US_PER_S };
    struct story s;
    struct world w;
    size_t listed = 0;

    story_make(&s, seed, size);
    world_begin(&w, &s, seed % 2 == 0);
    assert_int_equal(derived_watch(w.derived), TRAP_OK);
    o.acts = (struct acts_view){
        .deny = o.deny, .delist = o.delist, .submit = o.submit, .crawlers.v = o.crawlers
    };
    new_lists(&o, &s);
    for (size_t k = 0; k < KINDS; k++)
        assert_int_equal(live_new(kinds[k], &live[k]), TRAP_OK);
    for (unsigned step = 0; step < STEPS; step++) {
        struct derived_changes changes;
        struct policy_env env = {
            .policy = &p, .lists = &o.lists, .acts = &o.acts, .key = { { 5 } }, .derived = w.derived
        };
        one_step(&w, &o, &s, &now);
        if (step == STEPS / 2 && seed % 3 == 0) {
            (void)world_act(&w, ACT_TAINT, "trap=shop.example", (wall_t){ WORLD_BEGIN * WALL_US_PER_S });
            o.acts.taints = w.taints;
        }
        env.as_of = now;
        derived_changes_take(w.derived, &changes);
        for (size_t k = 0; k < KINDS; k++)
            listed += compare(live[k], &env, kinds[k], &changes);
        derived_changes_free(&changes);
    }
    for (size_t k = 0; k < KINDS; k++)
        live_free(&live[k]);
    lists_free(&o.lists);
    world_end(&w);
    story_free(&s);
    return listed;
}

static void test_same(void **state)
{
    size_t listed = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= STORIES; seed++)
        listed += one_story(seed);
    assert_true(listed > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
