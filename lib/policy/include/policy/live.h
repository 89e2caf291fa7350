/* live.h - the listings of one policy kept up to date: judged again are only those whose rows changed, or whose moment
 * has come.
 *
 * Why:     judging a million senders takes half a minute, and mail comes every second.
 * Equal:   to listings_compute() of the same inputs, but for score_milli, which is that of the hour in which the key was
 *          judged last (docs/adr/0019). A verdict says until when it stands by itself (struct verdict, next); a key is
 *          judged again then, when its rows change, when an act `delist` concerns it or ceases to, and a harvester when
 *          its look-up as a crawler changes, a sender when it
 *          was looked up and the policy gives that a weight. Who is never listed is looked up anew when those lists change. Everybody is
 *          judged when nothing is known: at first, after a rebuild, when as_of goes back, or a node is new.
 * Memory:  150 bytes a listing, 32 bytes a key whose verdict will change by itself.
 * Threads: one per struct. Tests: tests/unit/policy/test_live_property.c
 */
#ifndef POLICY_LIVE_H
#define POLICY_LIVE_H

#include <policy/listing.h>

struct live;
/* kind: any but LISTINGS_NETS, which are counted from the senders; of one policy and one derived.db. */
TRAP_NODISCARD enum trap_err live_new(enum listing_kind kind, struct live **out);
void live_free(struct live **l);
/* changes: since the last update that went well (more is no harm). On failure everybody is judged next time. */
TRAP_NODISCARD enum trap_err live_update(struct live *l, const struct policy_env *env,
                                         const struct derived_changes *changes, struct listings *out,
                                         struct err_text *why);

#endif
