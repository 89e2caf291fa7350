/* seek.h - finds the senders and harvesters that are to be looked up: those of the messages that the fold has taken in
 * since the last batch.
 *
 * Reads:   derived.db (how far the fold is, who harvested what a sender mailed), hits.db (the address and the HELO),
 *          visits.db (the address behind the /64 of an IPv6 harvester); read-only. One that is not there yet is tried
 *          again.
 * Mark:    state_dir/snap/look: the last message of the last batch that was finished. Where it is lost the log is
 *          gone through again, and what is on record is not asked again.
 * Bounds:  a batch is at most BATCH_HITS messages and BATCH_MAX addresses; an address once in look.again; what is
 *          over queries_per_hour waits for the next hour.
 * Undecided: an address that may be a crawler's is asked again after look.again, for a week.
 * Threads: the loop's.
 * Tests:   tests/functional/test_look.py
 */
#ifndef TRAPLOOK_SEEK_H
#define TRAPLOOK_SEEK_H

#include "address.h"

struct seek;
TRAP_NODISCARD enum trap_err seek_new(struct look_env *env, struct seek **out);
/* When the dns is gone. */
void seek_free(struct seek **s);
/* Reads the next batch where the last one is finished; goes on with it where questions may be asked again. */
void seek_turn(struct seek *s);

#endif
