/* lookups_view.h - the part of acts_view that traplook's acts make.
 *
 * Errors:  TRAP_ECORRUPT: an act that cannot be read (logged): one that was skipped could list somebody.
 * Owns:    what it adds to out is the caller's, also on failure: acts_view_free().
 * Threads: one.
 * Tests:   tests/unit/policy/test_lookups.c
 */
#ifndef POLICY_LOOKUPS_VIEW_H
#define POLICY_LOOKUPS_VIEW_H

#include <policy/lists.h>

TRAP_NODISCARD enum trap_err lookups_view_load(struct store_db *acts, wall_t as_of, struct acts_view *out);

#endif
