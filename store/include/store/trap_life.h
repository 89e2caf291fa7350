/* trap_life.h - the life of a static trap that was added by act: conditioning, observing, armed, tainted,
 * retired.
 *
 * Conditioning: mail is refused exactly like that to an unknown recipient, so that whoever looks after his list
 *               takes the address off. Observing: mail is accepted and kept, its recipient marked RCPT_OBSERVED:
 *               evidence of weight 0. Armed: it counts. Tainted: an act of taint names the trap; mail is still
 *               accepted, and nothing of it counts, also what came before. Retired: refused.
 * Purely:       of the act `trap-add` (its time and detail), the acts behind it, and the moment asked for.
 * Units:        whole seconds since 1970; a stretch that ends within a second ends with it.
 * Threads:      any. Tests: tests/unit/store/test_trapdir.c
 */
#ifndef STORE_TRAP_LIFE_H
#define STORE_TRAP_LIFE_H

#include <base/buf.h>
#include <base/time.h>

#include <stdint.h>

enum trap_life { TRAP_CONDITIONING = 1, TRAP_OBSERVING, TRAP_ARMED, TRAP_TAINTED, TRAP_RETIRED };
const char *trap_life_name(enum trap_life l);

/* The detail of an act `trap-add`: the class, then words condition=SECONDS observe=SECONDS where they are not 0:
 * "recycled condition=31536000 observe=2592000". */
enum { TRAP_LIFE_SPAN_MAX_D = 3650 };
struct trap_birth {
    struct bytes klass;
    uint32_t condition_s, observe_s;
};
void trap_birth_put(const struct trap_birth *b, struct buf *out);
TRAP_NODISCARD enum trap_err trap_birth_get(struct bytes detail, struct trap_birth *out);

/* When its stretches begin; both 0 where it was armed at once. */
struct trap_times {
    uint32_t observing_from, armed_from;
};
struct trap_times trap_times_of(wall_t added, const struct trap_birth *b);
/* Of a trap that is neither tainted nor retired. *ends_out: when the next stretch begins; us = 0: it stays. */
enum trap_life trap_life_at(struct trap_times t, wall_t now, wall_t *ends_out);

#endif
