/* decay.h - 2^(-age / half_life) in integers: the same number on every machine, whatever its libm.
 *
 * Units:   results in Q32 (DECAY_ONE is 1). Ages in whole UTC hours; beyond 14 days in whole days, rounded
 *          up, so that the value never rises with age.
 * Error:   the exponent is cut to 2^-32, which adds at most 0.7 x 2^-32; the product of at most 32 constants
 *          in Q62 takes away less than 2^-56, the cut to Q32 less than 2^-32. In all less than 2^-32 either
 *          way (docs/adr/0009).
 * Threads: any; read-only after decay_init().
 * Tests:   tests/unit/policy/test_score.c
 */
#ifndef POLICY_DECAY_H
#define POLICY_DECAY_H

#include <base/time.h>

#define DECAY_ONE (1ULL << 32)
enum { DECAY_HOURS = 14 * 24 };

struct decay {
    span_t half_life;
    uint64_t by_hour[DECAY_HOURS + 1];
};
void decay_init(struct decay *d, span_t half_life);
uint64_t decay_at(const struct decay *d, uint32_t age_hours);

/* 2^-x for x in Q32. */
uint64_t decay_power(uint64_t x);

#endif
