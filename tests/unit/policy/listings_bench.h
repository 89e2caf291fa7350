/* listings_bench.h - a derived.db, acts and lists of a test's own, and the listings that follow from them. */
#ifndef TEST_LISTINGS_BENCH_H
#define TEST_LISTINGS_BENCH_H

#include "scratch.h"

#include <mail/keyed.h>
#include <policy/listing.h>

#define DAY_ZERO 20513LL /* 2026-03-01 */

static inline wall_t at_hour(int64_t hour)
{
    return (wall_t){ DAY_ZERO * WALL_US_PER_DAY + hour * WALL_US_PER_HOUR };
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
    .visit_age_max = { 30 * 86400000LL },
    .harvester_senders_min = 2,
    .harvester_addresses_min = 2,
};

struct bench {
    struct scratch files;
    struct config config;
    struct conf_policy policy;
    struct acts_view acts;
    struct lists lists;
    struct derived_batch *batch;
    struct policy_env env;
};

static inline void bench_begin(struct bench *b)
{
    char name[] = "aggressive";

    *b = (struct bench){ .policy = aggressive, .config = { .guard_off = true } };
    b->policy.name = strdup(name);
    scratch_begin(&b->files);
    assert_int_equal(prefix_set_seal(&b->config.never_list), TRAP_OK);
    assert_int_equal(derived_batch_new(&b->batch), TRAP_OK);
}

/* Acts and evidence are written; compute as of that hour. */
static inline struct listings compute(struct bench *b, int64_t hour, enum listing_kind kind)
{
    struct err_text why = { "" };
    struct listings l;

    acts_view_free(&b->acts);
    lists_free(&b->lists);
    assert_int_equal(derived_commit(b->files.derived, b->batch), TRAP_OK);
    assert_trap_ok(acts_view_load(b->files.acts, at_hour(hour), &b->acts, &why), why);
    assert_trap_ok(lists_load(&b->config, &b->acts, at_hour(hour), &b->lists, &why), why);
    b->env = (struct policy_env){ .policy = &b->policy,
                                  .lists = &b->lists,
                                  .acts = &b->acts,
                                  .as_of = at_hour(hour),
                                  .derived = b->files.derived };
    assert_trap_ok(listings_compute(&b->env, kind, &l, &why), why);
    return l;
}

static inline void bench_end(struct bench *b)
{
    acts_view_free(&b->acts);
    lists_free(&b->lists);
    derived_batch_free(&b->batch);
    prefix_set_free(&b->config.never_list);
    free(b->policy.name);
    scratch_end(&b->files);
}

static inline struct prefix key_of(const char *address)
{
    return ip_key(cidr(address).ip);
}

static inline void add_evidence(struct bench *b, const char *sender, uint64_t source, int64_t hour, uint32_t count)
{
    derived_add_evidence(b->batch, &(struct evidence_row){ .sender = key_of(sender),
                                                           .source = source,
                                                           .klass = EVIDENCE_MINTED,
                                                           .hour = wall_hour(at_hour(hour)),
                                                           .node = 1,
                                                           .count = count,
                                                           .first = at_hour(hour),
                                                           .last = at_hour(hour) });
}

static inline uint64_t net_of(const char *address)
{
    return source_of_network(cidr(address).ip);
}

/* "prefix prefix …" in the order of the listings. */
static inline void assert_listed(const struct listings *l, const char *want)
{
    char got[1024] = "", text[PREFIX_TEXT_MAX];
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i == 0 ? "" : " ",
                              prefix_text(l->v[i].prefix, text));
    assert_string_equal(got, want);
}

#endif
