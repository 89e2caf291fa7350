/* Whatever arrives first, in whatever batches, however often it is stopped: the same rows. Fixed seeds, real
 * files, two nodes. */
#include "world.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after those above */
#include <cmocka.h>

enum { STORIES = 6 };
#define EVER ((wall_t){ INT64_MAX })
static const struct story_size size = { .visits = 80, .hits = 160, .sessions = 20, .days = 12 };

static void fold_at_once(struct world *w, const struct story *s, bool turned, uint32_t batch_max)
{
    world_begin(w, s, turned);
    world_write_all(w);
    (void)world_fold(w, batch_max, EVER);
}

static void test_batches_and_nodes(void **state)
{
    static const uint32_t batches[] = { 1, 7, 100 };

    (void)state;
    for (uint64_t seed = 1; seed <= STORIES; seed++) {
        struct story s;
        struct world a, b;
        story_make(&s, seed, size);
        fold_at_once(&a, &s, false, 0);
        fold_at_once(&b, &s, true, batches[seed % 3]);
        world_assert_same(&a, &b, true);
        world_end(&b);
        world_end(&a);
        story_free(&s);
    }
}

/* Every kind of outcome must have been there, or the properties show nothing. */
static void test_story_has_everything(void **state)
{
    struct fold_result sum = { 0 };

    (void)state;
    for (uint64_t seed = 1; seed <= STORIES; seed++) {
        struct story s;
        struct world w;
        story_make(&s, seed, size);
        world_begin(&w, &s, false);
        world_write_all(&w);
        const struct fold_result r = world_fold(&w, 0, EVER);
        assert_int_equal(r.visits, size.visits);
        assert_int_equal(r.hits, size.hits);
        assert_int_equal(r.sessions, size.sessions);
        sum.resolved += r.resolved;
        sum.pending += r.pending;
        sum.forged += r.forged;
        sum.static_traps += r.static_traps;
        sum.guesses += r.guesses;
        sum.attempts += r.attempts;
        sum.tests += r.tests;
        world_end(&w);
        story_free(&s);
    }
    assert_true(sum.resolved > 300 && sum.pending > 20 && sum.forged > 20 && sum.static_traps > 100);
    assert_true(sum.guesses > 30 && sum.attempts > 50 && sum.tests > 5);
}

/* Bits and pieces of every log arrive in a random order, with a fold after each, now and then by a new
 * process. */
static void arrive(struct world *w, struct story *s, bool turned)
{
    const size_t counts[] = { s->visits, s->hits, s->sessions };

    world_begin(w, s, turned);
    for (unsigned step = 0; step < 24; step++) {
        const enum world_log log = (enum world_log)story_random(s, 3);
        const uint8_t node = (uint8_t)(1 + story_random(s, WORLD_NODES));
        const size_t now = w->written[log][node - 1];
        world_write(w, log, node, now + story_random(s, counts[log] - now + 1), EVER);
        if (story_random(s, 4) == 0)
            world_restart(w, story_random(s, 2) == 0);
        if (story_random(s, 3) != 0)
            (void)world_fold(w, (uint32_t)(1 + story_random(s, 50)), EVER);
    }
    world_write_all(w);
    (void)world_fold(w, 13, EVER);
}

static void test_order_of_arrival(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed < 11 + STORIES; seed++) {
        struct story s;
        struct world at_once, bit_by_bit;
        story_make(&s, seed, size);
        fold_at_once(&at_once, &s, false, 0);
        arrive(&bit_by_bit, &s, seed % 2 == 0);
        world_assert_same(&at_once, &bit_by_bit, true);
        /* And again from nothing, in the same place. */
        assert_int_equal(derived_clear(bit_by_bit.derived), TRAP_OK);
        (void)world_fold(&bit_by_bit, 3, EVER);
        world_assert_same(&at_once, &bit_by_bit, true);
        world_end(&bit_by_bit);
        world_end(&at_once);
        story_free(&s);
    }
}

static void assert_same_result(struct fold_result a, struct fold_result b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

/* All at once outside of the database, by several threads: as by batches. And so is what comes on top of it. */
static void test_bulk(void **state)
{
    static const size_t rows_max[] = { 2, 7, 0 };

    (void)state;
    for (uint64_t seed = 41; seed < 41 + STORIES; seed++) {
        struct story s;
        struct world batches, bulk;
        story_make(&s, seed, size);
        world_begin(&batches, &s, false);
        world_write_all(&batches);
        const struct fold_result expected = world_fold(&batches, 9, EVER);
        world_begin(&bulk, &s, seed % 2 == 0);
        world_write_all(&bulk);
        assert_same_result(world_fold_bulk(&bulk, rows_max[seed % 3], EVER, false), expected);
        world_assert_same(&batches, &bulk, true);
        assert_int_equal(world_fold_bulk(&bulk, 0, EVER, false).hits, 0); /* nothing new */
        assert_same_result(world_fold_bulk(&bulk, rows_max[seed % 3], EVER, true), expected);
        world_assert_same(&batches, &bulk, true);
        world_end(&bulk);
        world_end(&batches);
        story_free(&s);
    }
}

/* Pieces arrive; now and then all is made anew. */
static void test_bulk_between(void **state)
{
    (void)state;
    for (uint64_t seed = 51; seed < 51 + STORIES; seed++) {
        struct story s;
        struct world at_once, pieces;
        story_make(&s, seed, size);
        fold_at_once(&at_once, &s, false, 5);
        world_begin(&pieces, &s, seed % 2 == 0);
        const size_t counts[] = { s.visits, s.hits, s.sessions };
        for (unsigned step = 0; step < 16; step++) {
            const enum world_log log = (enum world_log)story_random(&s, 3);
            const uint8_t node = (uint8_t)(1 + story_random(&s, WORLD_NODES));
            const size_t now = pieces.written[log][node - 1];
            world_write(&pieces, log, node, now + story_random(&s, counts[log] - now + 1), EVER);
            if (story_random(&s, 3) == 0)
                (void)world_fold_bulk(&pieces, 3, EVER, story_random(&s, 2) == 0);
            else
                (void)world_fold(&pieces, 7, EVER);
        }
        world_write_all(&pieces);
        (void)world_fold_bulk(&pieces, 3, EVER, false);
        world_assert_same(&at_once, &pieces, true);
        world_end(&pieces);
        world_end(&at_once);
        story_free(&s);
    }
}

static void test_bulk_as_of(void **state)
{
    (void)state;
    for (uint64_t seed = 61; seed < 61 + STORIES; seed++) {
        struct story s;
        struct world batches, bulk;
        story_make(&s, seed, size);
        const wall_t t = s.visit[10 + story_random(&s, s.visits - 20)].at;
        world_begin(&batches, &s, false);
        world_write_all(&batches);
        (void)world_fold(&batches, 17, t);
        world_begin(&bulk, &s, false);
        world_write_all(&bulk);
        (void)world_fold_bulk(&bulk, 4, t, false);
        world_assert_same(&batches, &bulk, true);
        world_end(&bulk);
        world_end(&batches);
        story_free(&s);
    }
}

/* The same mail, taken in in another order: other sequences, the same evidence. */
static void test_order_of_mail(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed < 21 + STORIES; seed++) {
        struct story s;
        struct world a, b;
        story_make(&s, seed, size);
        fold_at_once(&a, &s, false, 0);
        for (size_t i = s.hits - 1; i > 0; i--) {
            const size_t k = story_random(&s, i + 1);
            const struct story_hit h = s.hit[i];
            s.hit[i] = s.hit[k];
            s.hit[k] = h;
        }
        fold_at_once(&b, &s, false, 0);
        world_assert_same(&a, &b, false);
        world_end(&b);
        world_end(&a);
        story_free(&s);
    }
}

/* As of T is what a log says that ends at T. */
static void test_as_of(void **state)
{
    (void)state;
    for (uint64_t seed = 31; seed < 31 + STORIES; seed++) {
        struct story s;
        struct world whole, ended;
        story_make(&s, seed, size);
        const wall_t t = s.visit[10 + story_random(&s, s.visits - 20)].at;
        world_begin(&whole, &s, false);
        world_write_all(&whole);
        (void)world_fold(&whole, 17, t);
        world_begin(&ended, &s, false);
        for (uint8_t node = 1; node <= WORLD_NODES; node++) {
            world_write(&ended, WORLD_VISITS, node, s.visits, t);
            world_write(&ended, WORLD_HITS, node, s.hits, t);
            world_write(&ended, WORLD_SESSIONS, node, s.sessions, t);
        }
        (void)world_fold(&ended, 0, EVER);
        world_assert_same(&whole, &ended, true);
        world_end(&ended);
        world_end(&whole);
        story_free(&s);
    }
}

static void test_cut_refuses(void **state)
{
    const struct fold_options cut = { .as_of = { WORLD_BEGIN * WALL_US_PER_S } },
                              all = { .as_of = { INT64_MAX } };
    struct fold_result r;
    struct err_text why;
    struct story s;
    struct world w;

    (void)state;
    story_make(&s, 5, size);
    fold_at_once(&w, &s, false, 0);
    assert_int_equal(fold_run(w.fold, &cut, &r, &why), TRAP_EINVAL);
    assert_int_equal(derived_clear(w.derived), TRAP_OK);
    assert_int_equal(fold_run(w.fold, &cut, &r, &why), TRAP_OK);
    assert_int_equal(fold_run(w.fold, &cut, &r, &why), TRAP_EINVAL);
    assert_int_equal(fold_run(w.fold, &all, &r, &why), TRAP_EINVAL);
    world_end(&w);
    story_free(&s);
}

/* Nothing new: nothing changes, nothing is counted. */
static void test_idle(void **state)
{
    struct story s;
    struct world a, b;

    (void)state;
    story_make(&s, 6, size);
    fold_at_once(&a, &s, false, 0);
    fold_at_once(&b, &s, false, 0);
    for (unsigned i = 0; i < 3; i++) {
        const struct fold_result r = world_fold(&b, 0, EVER);
        assert_int_equal(r.visits + r.hits + r.sessions + r.resolved, 0);
        world_assert_same(&a, &b, true);
    }
    world_end(&b);
    world_end(&a);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_and_nodes), cmocka_unit_test(test_story_has_everything),
        cmocka_unit_test(test_order_of_arrival),  cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_between),      cmocka_unit_test(test_bulk_as_of),
        cmocka_unit_test(test_order_of_mail),     cmocka_unit_test(test_as_of),
        cmocka_unit_test(test_cut_refuses),       cmocka_unit_test(test_idle),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
