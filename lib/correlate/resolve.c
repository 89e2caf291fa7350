/* resolve.c - the four outcomes. */
#include <correlate/resolve.h>

static const char *const names[] = {
    [RESOLVE_RESOLVED] = "resolved",
    [RESOLVE_AGED] = "aged",
    [RESOLVE_PENDING] = "pending",
    [RESOLVE_FORGED] = "forged",
    [RESOLVE_GONE] = "gone",
};

const char *resolve_outcome_name(enum resolve_outcome o)
{
    return (unsigned)o < sizeof names / sizeof names[0] ? names[o] : "?";
}

enum resolve_outcome resolve(const struct resolve_known *known, uint8_t slot, wall_t mailed)
{
    const struct visit *v = known->visit;
    const wall_t visited_by = wall_add(mailed, RESOLVE_SKEW_MAX);

    if (v != NULL) {
        const bool shown =
            (v->flags & VISIT_NOT_SHOWN) == 0 && slot < VISIT_SLOTS && visit_technique(v->recipe, slot) != 0;
        return shown && v->at.us <= visited_by.us ? RESOLVE_RESOLVED : RESOLVE_FORGED;
    }
    /* Mail from before the erasure had an outcome then, perhaps one that blames nobody (a test, a slot that was not
     * shown): an erasure must not turn that into evidence. */
    if (known->erased)
        return mailed.us < known->erased_at.us ? RESOLVE_GONE : RESOLVE_AGED;
    if (known->arrived)
        return RESOLVE_FORGED;
    /* A node's visits come in order: when later ones are there, this one can only be younger than the
     * mail. */
    return known->newest.us > visited_by.us ? RESOLVE_FORGED : RESOLVE_PENDING;
}

enum resolve_outcome resolve_readings(const enum resolve_outcome *each, size_t n, size_t *which_out)
{
    enum { OUTCOMES = RESOLVE_GONE + 1 };
    size_t count[OUTCOMES] = { 0 }, first[OUTCOMES] = { 0 };
    enum resolve_outcome decides = RESOLVE_FORGED;

    for (size_t i = n; i > 0; i--) {
        count[each[i - 1]]++;
        first[each[i - 1]] = i - 1;
    }
    if (count[RESOLVE_PENDING] > 0)
        decides = RESOLVE_PENDING;
    else if (count[RESOLVE_GONE] > 0)
        decides = RESOLVE_GONE;
    else if (count[RESOLVE_RESOLVED] > 0)
        decides = RESOLVE_RESOLVED;
    else if (count[RESOLVE_AGED] > 0)
        decides = RESOLVE_AGED;
    *which_out = first[decides];
    const bool several = count[RESOLVE_RESOLVED] + count[RESOLVE_AGED] > 1;
    return decides == RESOLVE_RESOLVED && several ? RESOLVE_AGED : decides;
}

bool resolve_is_test(const struct visit *visit, struct ip sender, wall_t mailed)
{
    if ((visit->flags & VISIT_BATCH) != 0)
        return false;
    return wall_diff(mailed, visit->at).ms <= RESOLVE_TEST_AGE.ms &&
           prefix_has(ip_network(visit->client), sender);
}
