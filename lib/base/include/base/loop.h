/* loop.h - one thread's event loop: descriptors, timers, wake-ups from other threads (libev inside).
 *
 * Why:     programs see one small interface; libev stays here.
 * Rule:    a callback may free its own watcher's owner only through loop_defer(), which runs after the batch
 *          of events.
 * Log:     log_flush() at the end of each batch of events: a thread may gather its lines (log_gather).
 * Owns:    watchers are embedded in the caller's structs and must be stopped before those go away.
 * Threads: all functions on the loop's thread, but loop_wake() on any (async-signal-unsafe).
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <base/err.h>
#include <base/time.h>

#include <stdbool.h>
#include <stdint.h>

struct loop;
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_io {
    void (*cb)(struct loop_io *io, int events);
    void *arg;
    _Alignas(16) unsigned char ev[64];     /* libev's own watcher; size checked in loop.c */
};
struct loop_timer {
    void (*cb)(struct loop_timer *t);
    void *arg;
    _Alignas(16) unsigned char ev[64];
};
struct loop_wakeup {
    void (*cb)(struct loop_wakeup *w);
    void *arg;
    struct loop *loop;
    _Alignas(16) unsigned char ev[64];
};

TRAP_NODISCARD enum trap_err loop_new(struct loop **out);
void loop_free(struct loop **l);
void loop_run(struct loop *l);               /* until loop_stop */
void loop_stop(struct loop *l);
/* A busy loop may pause for so long before it waits, so that one wake-up serves several clients: each costs
 * the sender, too. Only where more than one descriptor was ready. On the loop's thread. */
void loop_set_nap(struct loop *l, uint32_t us);
mono_t loop_now(const struct loop *l);       /* read once an iteration */

void loop_io_init(struct loop_io *io, int fd, int events, void (*cb)(struct loop_io *, int), void *arg);
void loop_io_start(struct loop *l, struct loop_io *io);
void loop_io_stop(struct loop *l, struct loop_io *io);
void loop_io_set(struct loop *l, struct loop_io *io, int events);   /* 0 = pause */

void loop_timer_init(struct loop_timer *t, void (*cb)(struct loop_timer *), void *arg);
void loop_timer_start(struct loop *l, struct loop_timer *t, span_t after);  /* restarts a running one */
void loop_timer_stop(struct loop *l, struct loop_timer *t);

void loop_wakeup_init(struct loop_wakeup *w, void (*cb)(struct loop_wakeup *), void *arg);
void loop_wakeup_start(struct loop *l, struct loop_wakeup *w);
void loop_wakeup_stop(struct loop *l, struct loop_wakeup *w);
void loop_wake(struct loop_wakeup *w);       /* any thread; several calls may give one callback */

/* Runs fn(arg) after the present batch of events. */
TRAP_NODISCARD enum trap_err loop_defer(struct loop *l, void (*fn)(void *arg), void *arg);

#endif
