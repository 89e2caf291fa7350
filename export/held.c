/* held.c - a dataset while the provider guard is missing or the fold fails: no additions, but removals get
 * through. */
#include "publisher.h"

/* An act `delist` may be on disk a little later than its own time says. */
enum { ACT_LATE_S = 10 };

/* An operator's listing that he took back, or whose end has come; a submitted one, likewise. */
static bool act_ended(const struct zone_entry *e, const struct acts_view *acts)
{
    const bool deny = e->reason == LISTING_DENY;
    const struct act_prefix *v = deny ? acts->deny : acts->submit;
    const size_t n = deny ? acts->deny_count : acts->submit_count;

    if (!deny && e->reason != LISTING_SUBMIT)
        return false;
    for (size_t i = 0; i < n; i++)
        if (prefix_covers(v[i].prefix, e->prefix))
            return false;
    return true;
}

static bool must_go(const struct zone_entry *e, bool harvesters, wall_t shown_as_of,
                    const struct publish_input *in)
{
    const struct prefix_set *forbidden =
        harvesters ? &in->lists->forbidden_harvesters : &in->lists->forbidden;

    if (e->value == 0 && harvesters)
        return true; /* known from the record alone, which has no values: it cannot be written */
    if (e->until.us <= in->as_of.us || act_ended(e, in->acts) ||
        prefix_set_overlaps(forbidden, e->prefix, NULL) ||
        prefix_set_overlaps(special_use(), e->prefix, NULL))
        return true;
    for (size_t i = 0; i < in->acts->delist_count; i++) {
        const struct act_prefix *d = &in->acts->delist[i];

        /* Older ones were weighed against the evidence when the entry was computed. */
        if (d->at.us < shown_as_of.us - ACT_LATE_S * WALL_US_PER_S)
            continue;
        if (prefix_covers(d->prefix, e->prefix) || prefix_covers(e->prefix, d->prefix))
            return true;
    }
    return false;
}

enum trap_err held_entries(const struct zone_entries *shown, bool harvesters, wall_t shown_as_of,
                           const struct publish_input *in, struct zone_entries *out)
{
    struct zone_entries kept = { 0 };

    for (size_t i = 0; i < shown->n; i++) {
        if (must_go(&shown->v[i], harvesters, shown_as_of, in))
            continue;
        const enum trap_err err = zone_entries_add(&kept, shown->v[i]);
        if (err != TRAP_OK) {
            zone_entries_free(&kept);
            return err;
        }
    }
    *out = kept;
    return TRAP_OK;
}
