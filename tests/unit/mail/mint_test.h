/* What the tests of the mint share: numbers that are the same in every run, and a bound for chance. */
#ifndef MINT_TEST_H
#define MINT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Loops of a million are cut by this under the thread sanitizer: they use one thread and take ten times as
 * long. */
#ifndef MINT_TEST_DIVISOR
#define MINT_TEST_DIVISOR 1
#endif

/* xorshift64*, of the calling program. */
static inline uint64_t walk(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15ULL;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return x * 0x2545f4914f6cdd1dULL;
}

/* A count of rare events is not above `expected` by more than six standard deviations, sqrt(expected)
 * each. */
static inline bool not_above(size_t count, size_t expected)
{
    return count <= expected || (count - expected) * (count - expected) <= 36 * (expected + 1);
}

static inline bool about(size_t count, size_t expected)
{
    return not_above(count, expected) &&
           not_above(2 * expected - (count < expected ? count : expected), expected);
}

#endif
