/* guard.h - keeps the networks of the mail providers on record: each resolved every guard_interval; one of whose
 * answers something is missing again after a twelfth of that.
 *
 * Acts:    one a provider and walk (store/lookup.h); lib/policy/lists.c makes the guard of them.
 * Bounds:  WALKS_MAX at once.
 * Threads: the loop's.
 * Tests:   tests/functional/test_look_guard.py
 */
#ifndef TRAPLOOK_GUARD_H
#define TRAPLOOK_GUARD_H

#include "address.h"

struct guard;
TRAP_NODISCARD enum trap_err guard_new(struct look_env *env, struct guard **out, struct err_text *why);
/* When the dns is gone. */
void guard_free(struct guard **g);
/* Starts what is due. */
void guard_turn(struct guard *g);

#endif
