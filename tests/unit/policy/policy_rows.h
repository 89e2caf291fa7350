/* policy_rows.h - rows, presets and times for the tests of the rule for senders. */
#ifndef TEST_POLICY_ROWS_H
#define TEST_POLICY_ROWS_H

#include "rule.h"

/* 2026-03-01T00:00:00Z; times of the table are minutes after it. */
#define DAY_ZERO  20513LL
#define MINUTE_US (60 * WALL_US_PER_S)

static inline wall_t at_minute(int64_t minute)
{
    return (wall_t){ DAY_ZERO * WALL_US_PER_DAY + minute * MINUTE_US };
}

static const struct conf_policy aggressive = {
    .name = NULL,
    .threshold_milli = 1000,
    .sources_min = 1,
    .days_min = 1,
    .nodes_min = 1,
    .young_sources_max = UINT32_MAX,
    .per_source_day_max = 5,
    .half_life = { 3 * 86400000LL },
    .stay_max = { 15 * 86400000LL },
    .weight_milli = { 1000, 1000, 500, 250, 250, 250, 0 },
};

static inline struct conf_policy standard(void)
{
    struct conf_policy p = aggressive;

    p.threshold_milli = 2000;
    p.sources_min = 2;
    p.half_life = SPAN_D(7);
    p.stay_max = SPAN_D(30);
    p.delay_min = SPAN_MIN(10);
    p.delay_max = SPAN_MIN(60);
    return p;
}

static inline struct conf_policy conservative(void)
{
    struct conf_policy p = standard();

    p.threshold_milli = 4000;
    p.sources_min = 3;
    p.days_min = 2;
    p.nodes_min = 2;
    p.delay_min = p.delay_max = SPAN_MIN(30);
    return p;
}

static inline struct prefix sender_key(void)
{
    return ip_key(ip_v4(198, 44, 7, 9));
}

static inline struct evidence_row row(uint64_t source, uint8_t klass, int64_t first, int64_t last,
                                      uint32_t count)
{
    return (struct evidence_row){ .sender = sender_key(),
                                  .source = (uint64_t)SOURCE_TRAP << 60 | source,
                                  .klass = klass,
                                  .hour = wall_hour(at_minute(first)),
                                  .node = 1,
                                  .count = count,
                                  .first = at_minute(first),
                                  .last = at_minute(last) };
}

static inline struct policy_env env_of(const struct conf_policy *p, wall_t as_of)
{
    return (struct policy_env){ .policy = p, .key = { { 7, 7, 7 } }, .as_of = as_of };
}

#define H(n) ((n)*60)
#define D(n) ((n)*1440)

#endif
