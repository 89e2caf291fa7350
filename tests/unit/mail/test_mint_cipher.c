/* The permutations of the mint: exhaustive where the width is small, a million random values where it is
 * not. */
#include "mint_cipher.h"

#include "mint_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

enum { ROUND_TRIPS = 1000000 / MINT_TEST_DIVISOR };

static const struct hash_key key_a = { { 1 } }, key_b = { { 2 } };

/* Odd and even widths: every value is met exactly once, and comes back. */
static void test_small_widths_are_permutations(void **state)
{
    (void)state;
    for (unsigned width = 2; width <= 16; width++) {
        const uint64_t n = (uint64_t)1 << width;
        uint8_t *seen = calloc(n, 1);

        assert_non_null(seen);
        for (uint64_t x = 0; x < n; x++) {
            const uint64_t y = mint_encipher(&key_a, width, width, x);

            assert_true(y < n);
            assert_int_equal(seen[y]++, 0);
            assert_int_equal(mint_decipher(&key_a, width, width, y), x);
        }
        free(seen);
    }
}

static void test_round_trips(void **state)
{
    static const unsigned widths[] = { 39, 47, 48 };

    (void)state;
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        const uint64_t mask = ((uint64_t)1 << widths[i]) - 1;

        for (int n = 0; n < ROUND_TRIPS; n++) {
            const uint64_t x = walk() & mask, tweak = walk();
            const uint64_t y = mint_encipher(&key_a, tweak, widths[i], x);

            if (y > mask || mint_decipher(&key_a, tweak, widths[i], y) != x)
                fail_msg("width %u, tweak %llx, value %llx", widths[i], (unsigned long long)tweak,
                         (unsigned long long)x);
        }
    }
}

static unsigned bits_of(uint64_t x)
{
    return (unsigned)__builtin_popcountll(x);
}

/* One bit of value, tweak or key changed: about half of all bits of the result change, none rarely or
 * mostly. */
static void test_every_bit_matters(void **state)
{
    enum { SAMPLES = 2000, WIDTH = 39 };
    const uint64_t mask = ((uint64_t)1 << WIDTH) - 1;

    (void)state;
    for (unsigned bit = 0; bit < WIDTH; bit++) {
        uint64_t by_value = 0, by_tweak = 0;

        for (int i = 0; i < SAMPLES; i++) {
            const uint64_t x = walk() & mask, tweak = walk();
            const uint64_t y = mint_encipher(&key_a, tweak, WIDTH, x);

            by_value += bits_of(y ^ mint_encipher(&key_a, tweak, WIDTH, x ^ (uint64_t)1 << bit));
            by_tweak += bits_of(y ^ mint_encipher(&key_a, tweak ^ (uint64_t)1 << bit, WIDTH, x));
        }
        /* mean 19.5 bits, standard error 0.07: six of them on either side */
        assert_in_range(by_value, SAMPLES * 191 / 10, SAMPLES * 199 / 10);
        assert_in_range(by_tweak, SAMPLES * 191 / 10, SAMPLES * 199 / 10);
    }
}

static void test_keys_and_tweaks_differ(void **state)
{
    unsigned same = 0;

    (void)state;
    for (uint64_t x = 0; x < 10000; x++) {
        const uint64_t y = mint_encipher(&key_a, 1, 47, x);

        same += y == mint_encipher(&key_b, 1, 47, x);
        same += y == mint_encipher(&key_a, 2, 47, x);
    }
    assert_int_equal(same, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_widths_are_permutations),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_every_bit_matters),
        cmocka_unit_test(test_keys_and_tweaks_differ),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
