/* candidates.h - what would be listed, before the set difference: shared by listings.c (everybody judged at once) and
 * live.c (only whom something new concerns).
 *
 * Owns: the array: free(c->v). Threads: one.
 */
#ifndef POLICY_CANDIDATES_H
#define POLICY_CANDIDATES_H

#include "rule.h"

struct candidate {
    struct listing listing;
    struct prefix saved;
    enum list_name saved_by;
};
struct candidates {
    struct candidate *v;
    size_t n, cap;
};
struct candidate candidate_of(struct prefix key, const struct verdict *v);
TRAP_NODISCARD enum trap_err candidates_add(struct candidates *c, const struct candidate *one);
/* Acts `deny` and `submit`, as far as the policy takes them. */
TRAP_NODISCARD enum trap_err candidates_add_acts(const struct policy_env *env, struct candidates *c);
/* Sorts, leaves out what lies inside another, subtracts who is never listed. */
TRAP_NODISCARD enum trap_err candidates_finish(const struct policy_env *env, bool harvesters,
                                               struct candidates *c, struct listings *out);

#endif
