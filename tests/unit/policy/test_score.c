/* The decay against long double, and the adding up against sums worked out by hand. */
#include "score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

enum { ROWS_MAX = 16 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Every constant by itself, then a million products: never further from 2^-x than one unit of Q32. */
static void test_power(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15ULL;

    (void)state;
    assert_int_equal(decay_power(0), DECAY_ONE);
    assert_int_equal(decay_power(DECAY_ONE), DECAY_ONE / 2);
    assert_int_equal(decay_power(32ULL << 32), 1);
    assert_int_equal(decay_power(33ULL << 32), 0);
    assert_int_equal(decay_power(UINT64_MAX), 0);
    for (unsigned k = 0; k < 32; k++) {
        const long double want = exp2l(32 - exp2l(-(long double)k));
        assert_true(fabsl((long double)decay_power(DECAY_ONE >> k) - want) <= 1.0L);
    }
    for (unsigned i = 0; i < 1000000; i++) {
        const uint64_t x = next_random(&seed) % (34ULL << 32);
        const long double want = exp2l(32 - (long double)x / 4294967296.0L);
        assert_true(fabsl((long double)decay_power(x) - want) <= 1.0L);
    }
}

static void test_decay_never_rises(void **state)
{
    const span_t half_lives[] = { SPAN_MS(0), SPAN_MS(1), SPAN_H(1),    SPAN_D(3),
                                  SPAN_D(7),  SPAN_D(30), SPAN_D(36500) };
    struct decay d;

    (void)state;
    for (size_t i = 0; i < sizeof half_lives / sizeof half_lives[0]; i++) {
        decay_init(&d, half_lives[i]);
        assert_int_equal(decay_at(&d, 0), DECAY_ONE);
        for (uint32_t age = 1; age < 24 * 400; age++)
            assert_true(decay_at(&d, age) <= decay_at(&d, age - 1));
        assert_true(decay_at(&d, UINT32_MAX) <= decay_at(&d, 24 * 400));
    }
}

static void test_decay_by_hand(void **state)
{
    struct decay d;

    (void)state;
    decay_init(&d, SPAN_D(7));
    assert_int_equal(decay_at(&d, 168), DECAY_ONE / 2);
    assert_int_equal(decay_at(&d, 336), DECAY_ONE / 4);
    /* One hour more than 14 days are 15 days: 2^(-15/7) = 0.226430, and so to the end of the day. */
    assert_int_equal(decay_at(&d, 337) * 1000000 >> 32, 226430);
    assert_int_equal(decay_at(&d, 360), decay_at(&d, 337));
    assert_int_equal(decay_at(&d, 361), decay_at(&d, 384));
    assert_int_equal(decay_at(&d, 21 * 24), DECAY_ONE / 8);
}

struct score_case {
    const char *name;
    uint32_t per_day, hour; /* asked for */
    size_t take, n;         /* the first rows that are there */
    struct {
        uint64_t source;
        uint32_t hour, count, weight;
    } row[5];
    uint64_t want; /* thousandths */
};

/* Half-life 24 h, hour 0 = a midnight. Decays: 12 h 0.707106, 24 h 0.5, 48 h 0.25. */
static const struct score_case cases[] = {
    { "one message now", 5, 10, 1, 1, { { 1, 10, 1, 1000 } }, 1000 },
    { "three messages one half-life ago", 5, 34, 1, 1, { { 1, 10, 3, 1000 } }, 1500 },
    { "five a source and day", 5, 10, 1, 1, { { 1, 10, 6, 1000 } }, 5000 },
    /* Hours 2 and 14 are one day. At hour 26: 4 x 0.707106 + 1 x 0.5 = 3.328427 */
    { "of one day the newer hour first", 5, 26, 2, 2, { { 1, 2, 9, 1000 }, { 1, 14, 4, 1000 } }, 3328 },
    { "two sources of one day count apart", 5, 10, 2, 2, { { 1, 10, 9, 1000 }, { 2, 10, 9, 1000 } }, 10000 },
    { "two days of one source count apart: 5 + 5 x 0.5",
      5,
      34,
      2,
      2,
      { { 1, 10, 9, 1000 }, { 1, 34, 9, 1000 } },
      7500 },
    /* A light class does not push out a heavy one: 3 x 0.971532 + 2 x 0.25. */
    { "heavier first", 5, 10, 2, 2, { { 1, 9, 3, 1000 }, { 1, 10, 9, 250 } }, 3414 },
    { "none a day", 0, 10, 1, 1, { { 1, 10, 9, 1000 } }, 0 },
    { "as many as there are", UINT32_MAX, 10, 1, 1, { { 1, 10, 1000000, 1000 } }, 1000000000 },
    { "only the first row", 5, 10, 1, 2, { { 1, 9, 1, 500 }, { 2, 10, 1, 1000 } }, 485 },
    { "nothing", 5, 10, 0, 1, { { 1, 9, 1, 500 } }, 0 },
    { "later hours count as of now", 5, 9, 1, 1, { { 1, 10, 2, 1000 } }, 2000 },
};

static void fill(const struct score_case *c, const struct decay *d, struct score_rows *out)
{
    assert_int_equal(score_rows_new(c->n, out), TRAP_OK);
    out->decay = d;
    out->per_source_day_max = c->per_day;
    out->n = c->n;
    for (size_t i = 0; i < c->n; i++) {
        const wall_t at = { (int64_t)c->row[i].hour * WALL_US_PER_HOUR };
        out->row[i].weight_milli = c->row[i].weight;
        out->row[i].row = (struct evidence_row){ .source = c->row[i].source,
                                                 .hour = c->row[i].hour,
                                                 .count = c->row[i].count,
                                                 .first = at,
                                                 .last = at };
    }
    score_rows_sort(out);
    score_rows_group(out, 0);
}

static void test_scores(void **state)
{
    struct score_rows rows;
    struct decay d;

    (void)state;
    decay_init(&d, SPAN_D(1));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fill(&cases[i], &d, &rows);
        const uint64_t got = score_milli(score_at(&rows, cases[i].take, cases[i].hour));
        if (got != cases[i].want)
            fail_msg("%s: %llu, not %llu", cases[i].name, (unsigned long long)got,
                     (unsigned long long)cases[i].want);
        score_rows_free(&rows);
    }
}

/* More rows never lower a score, time alone never raises it. */
static void test_score_is_monotone(void **state)
{
    uint64_t seed = 7;
    struct decay d;

    (void)state;
    decay_init(&d, SPAN_H(30));
    for (unsigned round = 0; round < 2000; round++) {
        struct score_case c = { .per_day = (uint32_t)(next_random(&seed) % 7),
                                .n = 1 + next_random(&seed) % 5 };
        struct score_rows rows;
        for (size_t i = 0; i < c.n; i++) {
            c.row[i].source = 1 + next_random(&seed) % 2;
            c.row[i].hour = 100 + (uint32_t)(next_random(&seed) % 60);
            c.row[i].count = 1 + (uint32_t)(next_random(&seed) % 8);
            c.row[i].weight = next_random(&seed) % 2 == 0 ? 250 : 1000;
        }
        fill(&c, &d, &rows);
        for (uint32_t hour = 90; hour < 600; hour += 1 + hour / 20) {
            for (size_t k = 1; k <= rows.n; k++)
                assert_true(score_at(&rows, k, hour) >= score_at(&rows, k - 1, hour));
            assert_true(score_at(&rows, rows.n, hour + 1) <= score_at(&rows, rows.n, hour));
        }
        score_rows_free(&rows);
    }
}

static void test_marks(void **state)
{
    static const struct score_case c = {
        "", 5, 0, 0, 5, { { 2, 30, 1, 1 }, { 1, 1, 1, 1 }, { 1, 50, 1, 1 }, { 2, 2, 1, 1 }, { 3, 31, 1, 1 } },
        0
    };
    static const bool source[] = { true, true, false, true, false },
                      day[] = { true, false, true, false, true };
    struct score_rows rows;
    struct decay d;

    (void)state;
    decay_init(&d, SPAN_D(1));
    fill(&c, &d, &rows); /* in order: (1, hour 1) (2, 2) (2, 30) (3, 31) (1, 50) */
    for (size_t i = 0; i < rows.n; i++) {
        assert_int_equal(rows.row[i].new_source, source[i]);
        assert_int_equal(rows.row[i].new_day, day[i]);
        assert_int_equal(rows.row[i].new_node, i == 0);
    }
    score_rows_group(&rows, 2); /* (2, 30) (3, 31) (1, 50) are left */
    assert_int_equal(rows.n, 3);
    assert_true(rows.row[0].new_source && rows.row[1].new_source && rows.row[2].new_source);
    assert_true(rows.row[0].new_day && !rows.row[1].new_day && rows.row[2].new_day);
    score_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power),         cmocka_unit_test(test_decay_never_rises),
        cmocka_unit_test(test_decay_by_hand), cmocka_unit_test(test_scores),
        cmocka_unit_test(test_marks),         cmocka_unit_test(test_score_is_monotone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
