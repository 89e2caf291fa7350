/* batch.h - some addresses that are looked up together: each once, as many at a time as queries may be under way.
 *
 * Skips:   special-use space, which is never listed; addresses that were looked up less than look.again ago.
 * Owns:    batch_clear() ends and frees what is under way (after the dns is gone, or when it is done).
 * Threads: the loop's.
 * Tests:   tests/functional/test_look.py
 */
#ifndef TRAPLOOK_BATCH_H
#define TRAPLOOK_BATCH_H

#include "address.h"

enum { BATCH_MAX = 2000, BATCH_SLOTS_MAX = 1000 };
struct batch {
    struct look_env *env;
    bool (*may_ask)(void *arg);
    void *arg;
    struct address_ask *v;
    size_t n, cap, next;
    struct address *running[BATCH_SLOTS_MAX];
    size_t running_count;
};
void batch_init(struct batch *b, struct look_env *env, bool (*may_ask)(void *arg), void *arg);
void batch_clear(struct batch *b);
/* Joins what is known of one address. TRAP_EFULL: no more fit; the caller goes on with what there is. */
TRAP_NODISCARD enum trap_err batch_add(struct batch *b, const struct address_ask *ask);
bool batch_is_done(const struct batch *b);
/* Starts what may be started; more by itself when something ends. */
void batch_turn(struct batch *b);

#endif
