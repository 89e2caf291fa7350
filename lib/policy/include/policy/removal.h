/* removal.h - how often a key asked for removal, and until when it may not ask again by itself.
 *
 * Why:     a removal that costs nothing can be asked for each hour by a sender who goes on. Each one locks the
 *          next for longer: after the n-th within a year as long as the n-th span of `delist_lockout` says, the
 *          last span for all later ones. Evidence that comes after a removal lists again, whether locked or
 *          not; an operator's `delist` is never refused.
 * Purely:  of the acts and as_of. Threads: any. Tests: tests/unit/policy/test_removal.c
 */
#ifndef POLICY_REMOVAL_H
#define POLICY_REMOVAL_H

#include <base/config.h>
#include <policy/lists.h>

#define REMOVAL_COUNTED_FOR SPAN_D(365)

struct removal_lock {
    uint32_t count; /* removals that share addresses with the key, in the year before as_of */
    wall_t last;    /* 0: none */
    wall_t until;   /* locked until then; 0 or not after as_of: it is not */
};
struct removal_lock removal_locked(const struct acts_view *acts, const struct spans *lockout,
                                   struct prefix key, wall_t as_of);

#endif
