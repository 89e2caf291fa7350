/* decay.c - 2^-x by its binary digits: the product of the constants 2^(-2^-k) whose digit k of x is set. */
#include "decay.h"

#include <base/err.h>

enum { FRACTION_BITS = 32, Q62 = 62, HOURS_PER_DAY = 24 };
static const int64_t ms_per_hour = 3600000;
__extension__ typedef unsigned __int128 wide; /* not in ISO C; both compilers that we build with have it */

/* [k - 1] = 2^(-2^-k) in Q62, rounded to nearest (test_score.c makes them again with long double). */
static const uint64_t power[FRACTION_BITS] = {
    0x2d413cccfe779921ULL, 0x35d13f32b5a75abdULL, 0x3ab031b9f7490e4cULL, 0x3d495f454921b30bULL,
    0x3ea0ecb6dc8a80cfULL, 0x3f4f83033d21b05dULL, 0x3fa784571ee3e213ULL, 0x3fd3b2d65447b229ULL,
    0x3fe9d59487236bb4ULL, 0x3ff4e9d4703df843ULL, 0x3ffa74acbdf6c9d5ULL, 0x3ffd3a46ffc6e30fULL,
    0x3ffe9d1fa8010199ULL, 0x3fff4e8ede053ad5ULL, 0x3fffa747318376acULL, 0x3fffd3a38961e6ffULL,
    0x3fffe9d1c0d8fd14ULL, 0x3ffff4e8df7680c5ULL, 0x3ffffa746f7dc0ecULL, 0x3ffffd3a37af8098ULL,
    0x3ffffe9d1bd3e854ULL, 0x3fffff4e8de8fe2cULL, 0x3fffffa746f44197ULL, 0x3fffffd3a37a116bULL,
    0x3fffffe9d1bd04deULL, 0x3ffffff4e8de8179ULL, 0x3ffffffa746f407fULL, 0x3ffffffd3a37a030ULL,
    0x3ffffffe9d1bd014ULL, 0x3fffffff4e8de809ULL, 0x3fffffffa746f404ULL, 0x3fffffffd3a37a02ULL,
};

uint64_t decay_power(uint64_t x)
{
    const uint64_t whole = x >> FRACTION_BITS;
    uint64_t r = 1ULL << Q62;

    if (whole > FRACTION_BITS)
        return 0;
    for (unsigned k = 1; k <= FRACTION_BITS; k++)
        if ((x >> (FRACTION_BITS - k) & 1) != 0)
            r = (uint64_t)((wide)r * power[k - 1] >> Q62);
    return r >> (Q62 - FRACTION_BITS + whole);
}

static uint64_t compute(span_t half_life, uint64_t age_hours)
{
    if (age_hours == 0)
        return DECAY_ONE;
    if (half_life.ms <= 0)
        return 0;
    const wide x = ((wide)age_hours * (uint64_t)ms_per_hour << FRACTION_BITS) / (uint64_t)half_life.ms;
    return x >> 64 != 0 ? 0 : decay_power((uint64_t)x);
}

void decay_init(struct decay *d, span_t half_life)
{
    d->half_life = half_life;
    for (uint64_t age = 0; age <= DECAY_HOURS; age++)
        d->by_hour[age] = compute(half_life, age);
}

uint64_t decay_at(const struct decay *d, uint32_t age_hours)
{
    if (age_hours <= DECAY_HOURS)
        return d->by_hour[age_hours];
    const uint64_t days = ((uint64_t)age_hours + HOURS_PER_DAY - 1) / HOURS_PER_DAY;
    return compute(d->half_life, days * HOURS_PER_DAY);
}
