/* Rows in any order, in any number of runs: the same rows sorted, equal ones joined. */
#include "scratch.h"

#include "spool.h"

enum { KEY = 20, ROW = 28, NAIVE_MAX = 4096 };

static void join_counts(uint8_t *into, const uint8_t *other)
{
    uint64_t a, b;

    memcpy(&a, into + KEY, sizeof a);
    memcpy(&b, other + KEY, sizeof b);
    a += b;
    memcpy(into + KEY, &a, sizeof a);
}
static const struct spool_kind kind = { KEY, ROW, join_counts };

static uint64_t state = 88172645463325252ULL;

static uint64_t below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

/* Keys that differ in one place each: in the first word, the second, behind both, or nowhere. */
static void random_row(uint8_t row[ROW])
{
    const uint64_t count = 1 + below(3);

    memset(row, 7, KEY);
    row[below(KEY)] = (uint8_t)below(3);
    row[0] = (uint8_t)below(2);
    memcpy(row + KEY, &count, sizeof count);
}

struct naive {
    uint8_t row[NAIVE_MAX][ROW];
    size_t n, at;
};

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, KEY);
}

static void naive_join(struct naive *v)
{
    size_t kept = 0;

    qsort(v->row, v->n, ROW, by_key);
    for (size_t i = 1; i < v->n; i++) {
        if (by_key(v->row[kept], v->row[i]) == 0)
            join_counts(v->row[kept], v->row[i]);
        else
            memmove(v->row[++kept], v->row[i], ROW);
    }
    v->n = v->n == 0 ? 0 : kept + 1;
}

static enum trap_err expect(const uint8_t *row, void *arg)
{
    struct naive *v = arg;

    assert_true(v->at < v->n);
    assert_memory_equal(row, v->row[v->at++], ROW);
    return TRAP_OK;
}

static void test_sorted_and_joined(void **cmocka)
{
    static const size_t rows_max[] = { 2, 3, 64, 5000 }, counts[] = { 0, 1, 2, 3, 63, 64, 65, 128, 4000 };
    static struct naive v;
    struct scratch s;

    (void)cmocka;
    scratch_begin(&s, false);
    for (size_t i = 0; i < sizeof rows_max / sizeof rows_max[0]; i++)
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            struct spool *spool = NULL, *other = NULL;
            assert_int_equal(spool_new(&kind, s.dir, rows_max[i], &spool), TRAP_OK);
            assert_int_equal(spool_new(&kind, s.dir, rows_max[i], &other), TRAP_OK);
            v.n = v.at = 0;
            for (size_t n = 0; n < counts[k]; n++) {
                random_row(v.row[v.n]);
                spool_add(below(3) == 0 ? other : spool, v.row[v.n++]);
            }
            naive_join(&v);
            spool_take(spool, &other);
            assert_null(other);
            assert_int_equal(spool_each(spool, expect, &v), TRAP_OK);
            assert_int_equal(v.at, v.n);
            spool_free(&spool);
        }
    scratch_end(&s); /* fails where a file was left */
}

static enum trap_err stop(const uint8_t *row, void *arg)
{
    (void)row;
    return --*(size_t *)arg == 0 ? TRAP_ERANGE : TRAP_OK;
}

static void test_errors(void **cmocka)
{
    uint8_t row[ROW];
    struct spool *spool = NULL;
    struct scratch s;

    (void)cmocka;
    scratch_begin(&s, false);
    for (size_t rows_max = 2; rows_max < 200; rows_max += 150) {
        size_t left = 3;
        assert_int_equal(spool_new(&kind, s.dir, rows_max, &spool), TRAP_OK);
        for (size_t i = 0; i < 100; i++) {
            random_row(row);
            row[1] = (uint8_t)i;
            spool_add(spool, row);
        }
        assert_int_equal(spool_each(spool, stop, &left), TRAP_ERANGE);
        spool_free(&spool);
    }
    /* A directory that is not there: told at the end. */
    assert_int_equal(spool_new(&kind, "/nonexistent", 2, &spool), TRAP_OK);
    for (size_t i = 0; i < 10; i++)
        spool_add(spool, row);
    assert_int_equal(spool_each(spool, stop, NULL), TRAP_EIO);
    spool_free(&spool);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sorted_and_joined),
                                        cmocka_unit_test(test_errors) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
