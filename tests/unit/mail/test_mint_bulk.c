/* The mint in bulk: no address twice, guesses pass only by chance, what a call costs. With --long ten million
 * of each. */
#include "mint_test.h"
#include "mint_text.h"

#include <base/time.h>
#include <mail/keyed.h>
#include <mail/mint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
/* after the four above */
#include <cmocka.h>

static bool is_long;
static struct mint *mint_of_walk(void)
{
    struct keyring k = { .has_master = true };
    struct mint *m = NULL;

    for (size_t i = 0; i < KEY_BYTES; i++)
        k.master[i] = (uint8_t)(i * 5);
    assert_int_equal(mint_new(&k, &m), TRAP_OK);
    return m;
}

static void window_set(struct mint_window *w, size_t nodes, uint32_t newest, uint32_t count)
{
    *w = (struct mint_window){ 0 };
    for (size_t i = 0; i < nodes; i++) {
        w->node[i].newest = newest;
        w->node[i].count = count;
    }
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* All slots of serials in a row: two nodes of one epoch. Within one (node, epoch) the permutation forbids
 * duplicates, and so does the node under the outer one. Epochs of a node share 2^39 values: see
 * test_epochs_meet_by_chance. */
static void test_no_duplicates(void **state)
{
    const size_t count = is_long ? 10000000 : 200000 / MINT_TEST_DIVISOR;
    struct mint *m = mint_of_walk();
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    uint64_t *seen = malloc(count * sizeof(*seen));

    (void)state;
    assert_non_null(seen);
    for (size_t i = 0; i < count; i++) {
        const struct mint_ref ref = {
            .node = (uint8_t)(i % 2), .epoch = 7, .serial = (uint32_t)(i / 16), .slot = (uint8_t)(i / 2 % 8)
        };
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);

        assert_true(mint_text_read(bytes_of(out, n), &seen[i]));
    }
    qsort(seen, count, sizeof(*seen), compare_u64);
    for (size_t i = 1; i < count; i++)
        assert_true(seen[i - 1] != seen[i]);
    free(seen);
    mint_free(&m);
}

/* Two epochs of one node: an address of one is an address of the other, too, with (addresses of the other) *
 * 2^-39. */
static void test_epochs_meet_by_chance(void **state)
{
    enum { EACH = 100000 }; /* expected: 1e10 / 2^39 = 0.018 pairs */
    struct mint *m = mint_of_walk();
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    uint64_t *seen = malloc((size_t)2 * EACH * sizeof(*seen));
    unsigned same = 0;

    (void)state;
    assert_non_null(seen);
    for (uint32_t i = 0; i < 2 * EACH; i++) {
        const struct mint_ref ref = { .node = 1, .epoch = 1 + i % 2, .serial = i / 2, .slot = 0 };
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);

        assert_true(mint_text_read(bytes_of(out, n), &seen[i]));
    }
    qsort(seen, (size_t)2 * EACH, sizeof(*seen), compare_u64);
    for (size_t i = 1; i < (size_t)2 * EACH; i++)
        same += seen[i - 1] == seen[i];
    assert_true(same <= 1);
    free(seen);
    mint_free(&m);
}

static size_t guesses_that_pass(size_t nodes, size_t count)
{
    struct mint *m = mint_of_walk();
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window w;
    size_t passed = 0;

    window_set(&w, nodes, 9, 4);
    for (size_t i = 0; i < count; i++) {
        uint8_t text[MINT_LOCAL_MAX];
        struct mint_ref ref;
        const size_t n = mint_text_write(walk() % ((uint64_t)1 << MINT_TEXT_BITS), text);

        passed += mint_decode(m, d, bytes_of(text, n), &w, &ref) == TRAP_OK;
    }
    mint_free(&m);
    return passed;
}

/* Random texts of minted form against four epochs: 4 * 2^-9 where every node byte is a node, 1/256 of that
 * with one. */
static void test_guesses(void **state)
{
    const size_t count = is_long ? 10000000 : 1000000 / MINT_TEST_DIVISOR;
    const size_t one_count = is_long ? count : count / 4;
    const size_t all = guesses_that_pass(256, count), one = guesses_that_pass(1, one_count);
    const size_t all_max = count / 128, one_max = one_count / 128 / 256;

    (void)state;
    print_message("guesses that pass, 256 nodes: %zu of %zu (bound %zu)\n", all, count, all_max);
    print_message("guesses that pass, one node: %zu of %zu (bound %zu)\n", one, one_count, one_max);
    assert_true(about(all, all_max)); /* two epochs that both match count once: 0.3 % less */
    assert_true(not_above(one, one_max));
}

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

enum { TIMED = 100000 };
static uint8_t timed_text[TIMED][MINT_LOCAL_MAX];
static size_t timed_len[TIMED];

static double time_decode(struct mint *m, struct mint_domain d, const struct mint_window *w,
                          size_t *passed_out)
{
    struct mint_ref ref;
    size_t passed = 0;
    const double start = now_ns();

    for (size_t i = 0; i < TIMED; i++)
        passed += mint_decode(m, d, bytes_of(timed_text[i], timed_len[i]), w, &ref) == TRAP_OK;
    *passed_out = passed;
    return (now_ns() - start) / TIMED;
}

/* Figures to look at, no thresholds. */
static void test_print_cost(void **state)
{
    struct mint *m = mint_of_walk();
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window w;
    size_t good, guesses, foreign;
    double start, encode_ns, good_ns, guess_ns, foreign_ns;

    (void)state;
    window_set(&w, 3, 9, 4);
    start = now_ns();
    for (uint32_t i = 0; i < TIMED; i++)
        timed_len[i] =
            mint_encode(m, d, (struct mint_ref){ 1, 9 - i % 4, i, (uint8_t)(i % 8) }, timed_text[i]);
    encode_ns = (now_ns() - start) / TIMED;
    good_ns = time_decode(m, d, &w, &good);
    for (size_t i = 0; i < TIMED; i++)
        timed_len[i] = mint_text_write(walk() >> (64 - MINT_TEXT_BITS), timed_text[i]);
    guess_ns = time_decode(m, d, &w, &guesses);
    for (size_t i = 0; i < TIMED; i++)
        timed_text[i][0] = 'q';
    foreign_ns = time_decode(m, d, &w, &foreign);
    print_message("ns a call: encode %.0f; decode, 4 epochs: minted %.0f, guess %.0f, not of the form %.0f\n",
                  encode_ns, good_ns, guess_ns, foreign_ns);
    assert_int_equal(good, TIMED);
    mint_free(&m);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_duplicates),
        cmocka_unit_test(test_epochs_meet_by_chance),
        cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_print_cost),
    };

    is_long = argc > 1 && strcmp(argv[1], "--long") == 0;
    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
