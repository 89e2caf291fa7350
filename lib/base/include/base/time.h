/* time.h - three kinds of time that do not mix.
 *
 * Units:   mono_t  milliseconds of CLOCK_MONOTONIC: deadlines only, never stored.
 *          span_t  milliseconds: a length of time.
 *          wall_t  microseconds since 1970-01-01 UTC: stored and exported, never used for deadlines.
 * Text:    wall times are written as RFC 3339 in UTC: 2026-03-01T12:00:00.123456Z (fraction only where it is
 *          not zero).
 * Threads: any.
 * Tests:   tests/unit/base/test_time.c
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <base/bytes.h>
#include <base/err.h>

typedef struct { int64_t ms; } mono_t;
typedef struct { int64_t ms; } span_t;
typedef struct { int64_t us; } wall_t;

#define SPAN_MS(n)  ((span_t){ (int64_t)(n) })
#define SPAN_S(n)   ((span_t){ (int64_t)(n) * 1000 })
#define SPAN_MIN(n) ((span_t){ (int64_t)(n) * 60000 })
#define SPAN_H(n)   ((span_t){ (int64_t)(n) * 3600000 })
#define SPAN_D(n)   ((span_t){ (int64_t)(n) * 86400000 })
#define WALL_US_PER_S 1000000LL
#define WALL_US_PER_HOUR 3600000000LL
#define WALL_US_PER_DAY 86400000000LL

mono_t mono_now(void);
wall_t wall_now(void);

static inline mono_t mono_add(mono_t t, span_t d)
{
    return (mono_t){ t.ms + d.ms };
}
static inline span_t mono_diff(mono_t later, mono_t earlier)
{
    return (span_t){ later.ms - earlier.ms };
}
static inline wall_t wall_add(wall_t t, span_t d)
{
    return (wall_t){ t.us + d.ms * 1000 };
}
static inline span_t wall_diff(wall_t later, wall_t earlier)
{
    return (span_t){ (later.us - earlier.us) / 1000 };
}
/* Whole UTC hours and days since 1970; wall times before 1970 do not occur (readers refuse them). */
static inline uint32_t wall_hour(wall_t t)
{
    return (uint32_t)(t.us / WALL_US_PER_HOUR);
}
static inline uint32_t wall_day(wall_t t)
{
    return (uint32_t)(t.us / WALL_US_PER_DAY);
}

enum { WALL_TEXT_MAX = 32 };
/* Returns `out`. */
const char *wall_text(wall_t t, char out[WALL_TEXT_MAX]);
/* RFC 3339 with Z, the fraction and the time of day optional ("2026-03-01", "2026-03-01T12:00:00Z"), or "@"
 * and seconds since 1970. */
TRAP_NODISCARD enum trap_err wall_parse(struct bytes in, wall_t *out);

struct civil { int year, month, day, hour, minute, second; }; /* UTC, proleptic Gregorian */
struct civil wall_civil(wall_t t);

/* "90 d", "3 h 20 min", "45 s": for people. Returns `out`. */
const char *span_text(span_t d, char out[WALL_TEXT_MAX]);

#endif
