/* What goes in comes out, in memory and in a file. */
#include "visit_table.h"

#include "world.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those above */
#include <cmocka.h>

enum { FIRST = 1000, COUNT = 5000 };

static struct visit made(uint64_t seq)
{
    struct visit v = { .seq = seq,
                       .at = { (int64_t)seq * 77 },
                       .recipe = seq * 0x0101010101ULL,
                       .flags = seq % 4 == 0 ? VISIT_CRAWLER : 0 };

    if (seq % 7 == 0)
        v.flags |= VISIT_BATCH;
    else if (seq % 3 == 0)
        v.client = (struct ip){ { 0x2a, 0, 0x12, (uint8_t)seq, 0, 0, 0, (uint8_t)(seq >> 8), 9, 9 } };
    else
        v.client = ip_v4(255, 0, (uint8_t)(seq >> 8), (uint8_t)seq);
    return v;
}

static void check(struct store_db *derived, size_t memory_max)
{
    struct visit_table *t = NULL;
    struct visit v;

    assert_int_equal(visit_table_new(derived, FIRST, FIRST + COUNT - 1, memory_max, &t), TRAP_OK);
    for (uint64_t seq = FIRST; seq < FIRST + COUNT; seq++) {
        v = made(seq);
        if (seq % 11 != 0) /* erased */
            assert_int_equal(visit_table_add(t, &v), TRAP_OK);
    }
    v = made(FIRST - 1);
    assert_int_equal(visit_table_add(t, &v), TRAP_ECORRUPT);
    v = made(FIRST + COUNT);
    assert_int_equal(visit_table_add(t, &v), TRAP_ECORRUPT);
    for (uint64_t seq = FIRST - 2; seq < FIRST + COUNT + 2; seq++) {
        const struct visit w = made(seq);
        const bool there = seq >= FIRST && seq < FIRST + COUNT && seq % 11 != 0;
        assert_int_equal(visit_table_get(t, seq, &v), there);
        if (!there)
            continue;
        assert_true(v.seq == seq && v.at.us == w.at.us && v.recipe == w.recipe && v.flags == w.flags);
        assert_true(ip_eq(v.client, w.client));
    }
    visit_table_free(&t);
    assert_null(t);
}

static void test_table(void **state)
{
    struct story s;
    struct world w;

    (void)state;
    story_make(&s, 1, (struct story_size){ .visits = 2, .hits = 2, .sessions = 1, .days = 1 });
    world_begin(&w, &s, false);
    check(w.derived, 0);
    check(w.derived, 1); /* too large for memory: a file */
    world_end(&w);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
