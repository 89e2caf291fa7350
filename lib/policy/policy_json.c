/* policy_json.c - the rule as JSON, beside its text: the same numbers, for programs. Names are words without
 * quotes or controls (CONF_WORD), so nothing needs an escape. */
#include <base/buf.h>
#include <policy/listing.h>

static void add_milli(struct buf *out, const char *name, uint32_t milli)
{
    buf_addf(out, "\"%s\": %u.%03u", name, (unsigned)(milli / 1000), (unsigned)(milli % 1000));
}

static void add_seconds(struct buf *out, const char *name, span_t d)
{
    buf_addf(out, "\"%s\": %lld.%03d", name, (long long)(d.ms / 1000), (int)(d.ms % 1000));
}

static void add_weights(const struct conf_policy *p, struct buf *out)
{
    static const char *const names[WEIGHT_CLASSES] = {
        [WEIGHT_MINTED] = "minted",
        [WEIGHT_PRISTINE] = "pristine",
        [WEIGHT_RECYCLED] = "recycled",
        [WEIGHT_TYPO] = "typo",
        [WEIGHT_GUESS] = "guess",
        [WEIGHT_ATTEMPT] = "attempt",
        [WEIGHT_BEHAVIOUR] = "behaviour",
        [WEIGHT_LIST] = "list",
        [WEIGHT_AUTOMATIC] = "automatic",
        [WEIGHT_NO_REVERSE] = "no_reverse",
        [WEIGHT_GENERIC_REVERSE] = "generic_reverse",
        [WEIGHT_HELO_MISMATCH] = "helo_mismatch",
    };

    buf_add_str(out, "  \"weights\": {");
    for (size_t i = 0; i < WEIGHT_CLASSES; i++) {
        buf_add_str(out, i == 0 ? "" : ", ");
        add_milli(out, names[i], p->weight_milli[i]);
    }
    buf_add_str(out, "},\n");
}

static void add_conditions(const struct conf_policy *p, struct buf *out)
{
    buf_add_str(out, "  ");
    add_milli(out, "threshold", p->threshold_milli);
    buf_addf(out,
             ",\n  \"sources\": %u,\n  \"days\": %u,\n  \"nodes\": %u,\n  \"per_source_day\": %u,\n  "
             "\"backscatter_per_day\": %u,\n  \"young_sources\": ",
             (unsigned)p->sources_min, (unsigned)p->days_min, (unsigned)p->nodes_min,
             (unsigned)p->per_source_day_max, (unsigned)p->backscatter_day_max);
    if (p->young_sources_max == UINT32_MAX)
        buf_add_str(out, "null,\n  ");
    else
        buf_addf(out, "%u,\n  ", (unsigned)p->young_sources_max);
    add_seconds(out, "young_age_s", p->young_age);
    buf_add_str(out, ",\n  ");
    add_seconds(out, "half_life_s", p->half_life);
    buf_add_str(out, ",\n  ");
    add_seconds(out, "longest_stay_s", p->stay_max);
    buf_add_str(out, ",\n  ");
    add_seconds(out, "listing_delay_min_s", p->delay_min);
    buf_add_str(out, ",\n  ");
    add_seconds(out, "listing_delay_max_s", p->delay_max);
    buf_add_str(out, ",\n");
}

static void add_harvesters(const struct conf_policy *p, struct buf *out)
{
    buf_add_str(out, "  \"harvesters\": {");
    add_seconds(out, "visit_age_max_s", p->visit_age_max);
    buf_addf(out, ", \"senders\": %u, \"addresses\": %u},\n", (unsigned)p->harvester_senders_min,
             (unsigned)p->harvester_addresses_min);
}

static void add_networks(const struct conf_policy *p, struct buf *out)
{
    enum { V4_MAPPED = 96 };

    buf_add_str(out, "  \"escalate\": [");
    for (size_t i = 0; i < p->escalate.n; i++) {
        const struct conf_escalation *e = &p->escalate.v[i];
        const unsigned family = e->v4 ? V4_MAPPED : 0;

        buf_addf(out, "%s{\"family\": %u, \"members\": %u, \"from\": %u, \"to\": %u}", i == 0 ? "" : ", ",
                 e->v4 ? 4u : 6u, (unsigned)e->members, e->from - family, e->to - family);
    }
    buf_add_str(out, "]\n");
}

void policy_json(const struct conf_policy *p, struct buf *out)
{
    buf_addf(out, "{\n  \"policy\": \"%s\",\n  \"preset\": \"%s\",\n", p->name, p->preset);
    buf_addf(out, "  \"guard\": \"%s\",\n", p->guard_off ? "off" : "on");
    buf_addf(out, "  \"submissions\": \"%s\",\n", p->submissions ? "on" : "off");
    add_weights(p, out);
    add_conditions(p, out);
    add_harvesters(p, out);
    add_networks(p, out);
    buf_add_str(out, "}\n");
}
