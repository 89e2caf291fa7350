/* mpsc.h - bounded queue from many threads to one, drained whole.
 *
 * Why:     a group-commit writer wants everything that waits, in order, with few wake-ups: a producer wakes
 *          the consumer only where it really sleeps, and one call takes all nodes.
 * How:     producers push onto an atomic list head (compare and swap), the consumer takes the whole list with
 *          one atomic operation and reverses it. Nodes are never taken one by one, so that the ABA problem
 *          cannot occur.
 * Order:   nodes of one producer come out in the order in which they went in; over all producers, in the
 *          order in which the pushes took effect.
 * Owns:    no node: a node is the queue's from a successful push until it is drained, then the consumer's.
 *          Embed struct mpsc_node and find the owner with MPSC_OWNER.
 * Limits:  `max` nodes may wait, exactly. What was drained does not count any more.
 * Errors:  a refused push (TRAP_EFULL, TRAP_ECLOSED) leaves the node with the caller.
 * Threads: mpsc_push, mpsc_close and mpsc_count on any; mpsc_drain_wait on one at a time; init and destroy
 *          alone.
 * Tests:   tests/unit/base/test_mpsc.c (also under tsan)
 */
#ifndef BASE_MPSC_H
#define BASE_MPSC_H

#include <base/err.h>
#include <base/time.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct mpsc_node {
    struct mpsc_node *next;
};

/* The struct `type` whose member `member` is the node. */
#define MPSC_OWNER(node, type, member) ((type *)(void *)((unsigned char *)(node) - offsetof(type, member)))

struct mpsc {
    atomic_uintptr_t head;              /* newest node, and two flag bits: see mpsc.c */
    atomic_size_t count;                /* nodes that wait, and places that are being taken */
    size_t max;
    sem_t wake;                         /* posted once for every time the consumer was found asleep */
};

/* A deadline that never comes. */
#define MPSC_FOREVER ((mono_t){ INT64_MAX })

TRAP_NODISCARD enum trap_err mpsc_init(struct mpsc *q, size_t max);
/* No thread may use the queue any more; nodes that were not drained stay with their owner. */
void mpsc_destroy(struct mpsc *q);

/* TRAP_EFULL: `max` nodes wait already. TRAP_ECLOSED: mpsc_close() was called. Never blocks. */
TRAP_NODISCARD enum trap_err mpsc_push(struct mpsc *q, struct mpsc_node *node);

/* Takes all nodes that wait, oldest first, as a list that ends in NULL; blocks while there is none.
 * TRAP_OK:      at least one; also after mpsc_close(), until the queue is empty.
 * TRAP_ENOENT:  the deadline passed and there was none. A deadline in the past only looks.
 * TRAP_ECLOSED: closed and empty: no node will ever come. */
TRAP_NODISCARD enum trap_err mpsc_drain_wait(struct mpsc *q, mono_t deadline, struct mpsc_node **list_out,
                                             size_t *count_out);

/* Later pushes are refused; a sleeping consumer wakes. May be called more than once. */
void mpsc_close(struct mpsc *q);

/* Nodes that wait: a moment's value, for metrics and for back-pressure. */
size_t mpsc_count(const struct mpsc *q);

#endif
