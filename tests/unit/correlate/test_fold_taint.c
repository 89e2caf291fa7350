/* What is tainted adds nothing, whenever it is said and however the log arrives; what is taken back is as if it
 * had never been said. */
#include "world.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after those above */
#include <cmocka.h>

enum { STORIES = 6, SUBJECT_MAX = 400 };
#define EVER ((wall_t){ INT64_MAX })
#define NOW  ((wall_t){ (WORLD_BEGIN + 30 * 86400) * WALL_US_PER_S })
static const struct story_size size = { .visits = 80, .hits = 160, .sessions = 20, .days = 12 };

static void random_subject(struct story *s, char out[SUBJECT_MAX])
{
    const struct story_visit *v = &s->visit[story_random(s, s->visits)];
    const struct story_hit *h = &s->hit[story_random(s, s->hits)];
    char ip[IP_TEXT_MAX], from[WALL_TEXT_MAX], to[WALL_TEXT_MAX];
    const wall_t t = { (v->at.us / WALL_US_PER_S) * WALL_US_PER_S };

    (void)wall_text(t, from);
    (void)wall_text(wall_add(t, SPAN_H(1 + story_random(s, 40))), to);
    switch (story_random(s, 9)) {
    case 0:
        (void)snprintf(out, SUBJECT_MAX, "trap=%s", h->rcpt[0].address);
        break;
    case 1:
        (void)snprintf(out, SUBJECT_MAX, "trap=old-brand.example");
        break;
    case 2:
        (void)snprintf(out, SUBJECT_MAX, "visit=%u/%u", v->node, 1 + (unsigned)story_random(s, s->visits / 2));
        break;
    case 3:
        (void)snprintf(out, SUBJECT_MAX, "harvester=%s%s", ip_text(ip_network(v->client).ip, ip),
                       ip_is_v4(v->client) ? "/24" : "/48");
        break;
    case 4:
        (void)snprintf(out, SUBJECT_MAX, "node=%u", (unsigned)v->node);
        break;
    case 5:
        (void)snprintf(out, SUBJECT_MAX, "from=%s to=%s", from, to);
        break;
    case 6:
        (void)snprintf(out, SUBJECT_MAX, "visited-from=%s visited-to=%s", from, to);
        break;
    case 7:
        (void)snprintf(out, SUBJECT_MAX, "site=www.shop.example page=/ visited-to=%s", to);
        break;
    default:
        (void)snprintf(out, SUBJECT_MAX, "node=%u from=%s to=%s", (unsigned)h->node, from, to);
        break;
    }
}

/* The same history in bits and pieces, with the taint said somewhere between. */
static void arrive(struct world *w, struct story *s, const char *subject)
{
    const size_t counts[] = { s->visits, s->hits, s->sessions };
    const unsigned said = (unsigned)story_random(s, 20);

    world_begin(w, s, s->seed % 2 == 0);
    for (unsigned step = 0; step < 20; step++) {
        const enum world_log log = (enum world_log)story_random(s, 3);
        const uint8_t node = (uint8_t)(1 + story_random(s, WORLD_NODES));
        const size_t now = w->written[log][node - 1];
        world_write(w, log, node, now + story_random(s, counts[log] - now + 1), EVER);
        if (step == said)
            (void)world_act(w, ACT_TAINT, subject, NOW);
        if (story_random(s, 4) == 0)
            world_restart(w, story_random(s, 2) == 0);
        if (story_random(s, 3) != 0)
            (void)world_fold(w, (uint32_t)(1 + story_random(s, 50)), EVER);
    }
    world_write_all(w);
    (void)world_fold(w, 13, EVER);
}

static void test_order_and_rebuild(void **state)
{
    uint64_t tainted = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3 * STORIES; seed++) {
        char subject[SUBJECT_MAX];
        struct story s;
        struct world at_once, bit_by_bit;
        story_make(&s, seed, size);
        random_subject(&s, subject);
        world_begin(&at_once, &s, false);
        (void)world_act(&at_once, ACT_TAINT, subject, NOW);
        world_write_all(&at_once);
        tainted += world_fold(&at_once, 0, EVER).tainted;
        arrive(&bit_by_bit, &s, subject);
        world_assert_same(&at_once, &bit_by_bit, true);
        assert_int_equal(derived_clear(bit_by_bit.derived), TRAP_OK);
        (void)world_fold(&bit_by_bit, 3, EVER);
        world_assert_same(&at_once, &bit_by_bit, true);
        (void)world_fold_bulk(&bit_by_bit, 5, EVER, true);
        world_assert_same(&at_once, &bit_by_bit, true);
        world_end(&bit_by_bit);
        world_end(&at_once);
        story_free(&s);
    }
    assert_true(tainted > 300);
}

static void test_taken_back(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed < 21 + STORIES; seed++) {
        char subject[SUBJECT_MAX], number[32];
        struct story s;
        struct world a, b;
        story_make(&s, seed, size);
        world_begin(&a, &s, false);
        world_write_all(&a);
        (void)world_fold(&a, 0, EVER);
        world_begin(&b, &s, true);
        world_write_all(&b);
        (void)world_fold(&b, 0, EVER);
        for (unsigned i = 0; i < 3; i++) {
            random_subject(&s, subject);
            const uint64_t act = world_act(&b, ACT_TAINT, subject, NOW);
            (void)world_fold(&b, 31, EVER);
            (void)snprintf(number, sizeof number, "%llu", (unsigned long long)act);
            (void)world_act(&b, ACT_REVOKE, number, NOW);
        }
        (void)world_fold(&b, 0, EVER);
        world_assert_same(&a, &b, true);
        world_end(&b);
        world_end(&a);
        story_free(&s);
    }
}

/* A taint of what is known from the mail alone gives the evidence of a log that never had it. */
static void test_as_if_never_there(void **state)
{
    (void)state;
    for (uint64_t seed = 31; seed < 31 + STORIES; seed++) {
        struct story s;
        struct world tainted, without;
        char subject[SUBJECT_MAX], from[WALL_TEXT_MAX], to[WALL_TEXT_MAX];
        story_make(&s, seed, size);
        const wall_t begin = { (WORLD_BEGIN + (int64_t)story_random(&s, 8 * 86400)) * WALL_US_PER_S };
        const wall_t end = wall_add(begin, SPAN_D(2));
        (void)snprintf(subject, sizeof subject, "from=%s to=%s", wall_text(begin, from), wall_text(end, to));
        world_begin(&tainted, &s, false);
        (void)world_act(&tainted, ACT_TAINT, subject, NOW);
        world_write_all(&tainted);
        (void)world_fold(&tainted, 0, EVER);
        for (size_t i = 0; i < s.hits; i++)
            s.hit[i].left_out = s.hit[i].at.us >= begin.us && s.hit[i].at.us < end.us;
        for (size_t i = 0; i < s.sessions; i++)
            if (s.session[i].at.us >= begin.us && s.session[i].at.us < end.us)
                s.session[i].klass = 0;
        world_begin(&without, &s, false);
        world_write_all(&without);
        (void)world_fold(&without, 0, EVER);
        world_assert_same(&tainted, &without, false);
        world_end(&without);
        world_end(&tainted);
        story_free(&s);
    }
}

/* As of a moment before the taint was said it is not in force; the caller loads the taints of that moment. */
static void test_cut(void **state)
{
    struct story s;
    struct world a, b;
    const wall_t t = { (WORLD_BEGIN + 8 * 86400) * WALL_US_PER_S };

    (void)state;
    story_make(&s, 41, size);
    world_begin(&a, &s, false);
    world_write_all(&a);
    (void)world_act(&a, ACT_TAINT, "harvester=45.10.0.0/16", NOW);
    (void)world_fold(&a, 0, t);
    world_begin(&b, &s, false);
    for (uint8_t node = 1; node <= WORLD_NODES; node++) {
        world_write(&b, WORLD_VISITS, node, s.visits, t);
        world_write(&b, WORLD_HITS, node, s.hits, t);
        world_write(&b, WORLD_SESSIONS, node, s.sessions, t);
    }
    (void)world_act(&b, ACT_TAINT, "harvester=45.10.0.0/16", NOW);
    (void)world_fold(&b, 5, EVER);
    world_assert_same(&a, &b, true);
    world_end(&b);
    world_end(&a);
    story_free(&s);
}

/* ---- what exactly is left out ---- */

struct links {
    uint8_t node;
    uint64_t visit;
    uint32_t of_visit, others;
};

static enum trap_err count_links(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    struct links *l = arg;

    (void)harvester;
    for (size_t i = 0; i < n; i++) {
        const bool of = rows[i].node == l->node && rows[i].visit == l->visit;
        l->of_visit += of ? rows[i].count : 0;
        l->others += of ? 0 : rows[i].count;
    }
    return TRAP_OK;
}

static void test_one_visit(void **state)
{
    uint32_t taken = 0;

    (void)state;
    for (uint64_t seed = 51; seed < 51 + STORIES; seed++) {
        struct story s;
        struct world w;
        char subject[SUBJECT_MAX];
        story_make(&s, seed, size);
        struct links before = { .node = 1, .visit = 1 + story_random(&s, 30) }, after = before;
        world_begin(&w, &s, false);
        world_write_all(&w);
        (void)world_fold(&w, 0, EVER);
        assert_int_equal(link_each(w.derived, count_links, &before), TRAP_OK);
        (void)snprintf(subject, sizeof subject, "visit=1/%llu", (unsigned long long)before.visit);
        (void)world_act(&w, ACT_TAINT, subject, NOW);
        (void)world_fold(&w, 0, EVER);
        assert_int_equal(link_each(w.derived, count_links, &after), TRAP_OK);
        assert_int_equal(after.of_visit, 0);
        assert_int_equal(after.others, before.others);
        taken += before.of_visit;
        world_end(&w);
        story_free(&s);
    }
    assert_true(taken > 3);
}

struct visitors {
    struct prefix p;
    uint64_t inside, outside;
};

static enum trap_err count_visitors(const struct visitor_row *row, void *arg)
{
    struct visitors *v = arg;

    v->inside += prefix_covers(v->p, row->client) ? row->count : 0;
    v->outside += prefix_covers(v->p, row->client) ? 0 : row->count;
    return TRAP_OK;
}

/* A tainted visit is none: of its client, and of its network. */
static void test_visitors(void **state)
{
    uint64_t taken = 0;

    (void)state;
    for (uint64_t seed = 61; seed < 61 + STORIES; seed++) {
        struct story s;
        struct world w;
        wall_t first;
        story_make(&s, seed, size);
        struct visitors before = { .p = prefix_of(ip_v4(45, 10, 2, 0), 96 + 24) }, after = before;
        world_begin(&w, &s, false);
        world_write_all(&w);
        (void)world_fold(&w, 0, EVER);
        assert_int_equal(visitor_each(w.derived, count_visitors, &before), TRAP_OK);
        (void)world_act(&w, ACT_TAINT, "harvester=45.10.2.0/24", NOW);
        (void)world_fold(&w, 0, EVER);
        assert_int_equal(visitor_each(w.derived, count_visitors, &after), TRAP_OK);
        assert_int_equal(after.inside, 0);
        assert_int_equal(after.outside, before.outside);
        assert_int_equal(network_first(w.derived, source_of_network(ip_v4(45, 10, 2, 1)), &first), TRAP_ENOENT);
        taken += before.inside;
        world_end(&w);
        story_free(&s);
    }
    assert_true(taken > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_rebuild), cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_as_if_never_there), cmocka_unit_test(test_cut), cmocka_unit_test(test_one_visit),
        cmocka_unit_test(test_visitors),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
