#include <base/log.h>
#include <base/loop.h>

#include "loop_memory.h"

#include <ev.h>
#include <stdlib.h>
#include <sys/prctl.h>

_Static_assert(sizeof(struct ev_io) <= sizeof(((struct loop_io *)0)->ev), "loop_io.ev");
_Static_assert(sizeof(struct ev_timer) <= sizeof(((struct loop_timer *)0)->ev), "loop_timer.ev");
_Static_assert(sizeof(struct ev_async) <= sizeof(((struct loop_wakeup *)0)->ev), "loop_wakeup.ev");
_Static_assert((int)LOOP_READ == (int)EV_READ && (int)LOOP_WRITE == (int)EV_WRITE, "events are libev's own");

/* One ready descriptor is a client alone, who would only lose; when many are ready the next ones come
 * together anyway. */
enum { NAP_FROM = 2, NAP_BELOW = 16 };

struct deferred {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    struct ev_loop *ev;
    ev_check after_wait;    /* first of all after each wait: reads the clock */
    ev_prepare before_wait; /* the batch is done: runs what was deferred, writes what was logged */
    mono_t now;
    bool running;
    unsigned handled; /* descriptors that were ready in this batch */
    ev_tstamp nap;    /* 0: never */
    struct deferred *deferred;
    size_t deferred_n, deferred_cap;
};

static void read_clock(struct ev_loop *ev, ev_check *w, int events)
{
    struct loop *const l = w->data;

    (void)ev;
    (void)events;
    l->now = mono_now();
}

/* A deferred function may defer others: they run in the same round. */
static void run_deferred(struct loop *l)
{
    for (size_t i = 0; i < l->deferred_n; i++) {
        const struct deferred d = l->deferred[i]; /* the array may move */
        d.fn(d.arg);
    }
    l->deferred_n = 0;
}

/* libev sleeps before it waits, if that is asked for. While it sleeps nobody needs to wake us. */
static void set_nap(struct loop *l)
{
    const bool several = l->handled >= NAP_FROM && l->handled < NAP_BELOW;

    l->handled = 0;
    if (l->nap > 0.)
        ev_set_io_collect_interval(l->ev, several ? l->nap : 0.);
}

static void end_batch(struct ev_loop *ev, ev_prepare *w, int events)
{
    (void)ev;
    (void)events;
    run_deferred(w->data);
    log_flush();
    set_nap(w->data);
}

enum trap_err loop_new(struct loop **out)
{
    struct loop *const l = calloc(1, sizeof *l);

    if (l == NULL || loop_memory_reserve() != TRAP_OK) {
        free(l);
        return TRAP_ENOMEM;
    }
    ev_set_allocator(loop_memory);
    /* NOENV: the environment chooses no backend. NOSIGMASK: signals are daemon.h's business. */
    l->ev = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOSIGMASK | EVBACKEND_EPOLL);
    if (l->ev == NULL) {
        free(l);
        return TRAP_EIO;
    }
    l->now = mono_now();
    ev_set_userdata(l->ev, l);
    ev_check_init(&l->after_wait, read_clock);
    l->after_wait.data = l;
    ev_set_priority(&l->after_wait, EV_MAXPRI);
    ev_check_start(l->ev, &l->after_wait);
    ev_prepare_init(&l->before_wait, end_batch);
    l->before_wait.data = l;
    ev_prepare_start(l->ev, &l->before_wait);
    *out = l;
    return TRAP_OK;
}

void loop_free(struct loop **l)
{
    if (*l == NULL)
        return;
    run_deferred(*l); /* they release what they were given */
    ev_loop_destroy((*l)->ev);
    free((*l)->deferred);
    free(*l);
    *l = NULL;
}

void loop_run(struct loop *l)
{
    TRAP_BUG_ON(l->running);
    l->running = true;
    ev_now_update(l->ev);
    l->now = mono_now();
    /* Our own two watchers would keep it alive for ever: it ends by loop_stop() only. */
    (void)ev_run(l->ev, 0);
    run_deferred(l);
    log_flush();
    l->running = false;
}

void loop_set_nap(struct loop *l, uint32_t us)
{
    enum { SLACK_NS = 1000 };

    l->nap = (ev_tstamp)us / 1e6;
    (void)prctl(PR_SET_TIMERSLACK, (unsigned long)SLACK_NS); /* the kernel's 50 us would double it */
}

void loop_stop(struct loop *l)
{
    ev_break(l->ev, EVBREAK_ALL);
}

mono_t loop_now(const struct loop *l)
{
    return l->running ? l->now : mono_now();
}

/* ---- descriptors ---- */

static ev_io *io_watcher(struct loop_io *io)
{
    return (ev_io *)(void *)io->ev;
}

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
    struct loop_io *const io = w->data;
    struct loop *const l = ev_userdata(ev);

    l->handled++;
    io->cb(io, events & (LOOP_READ | LOOP_WRITE));
}

void loop_io_init(struct loop_io *io, int fd, int events, void (*cb)(struct loop_io *, int), void *arg)
{
    ev_io *const w = io_watcher(io);

    io->cb = cb;
    io->arg = arg;
    ev_io_init(w, on_io, fd, events);
    w->data = io;
}

void loop_io_start(struct loop *l, struct loop_io *io)
{
    if (io_watcher(io)->events & (LOOP_READ | LOOP_WRITE))
        ev_io_start(l->ev, io_watcher(io));
}

void loop_io_stop(struct loop *l, struct loop_io *io)
{
    ev_io_stop(l->ev, io_watcher(io));
}

void loop_io_set(struct loop *l, struct loop_io *io, int events)
{
    ev_io *const w = io_watcher(io);

    if (ev_is_active(w) && (w->events & (LOOP_READ | LOOP_WRITE)) == events)
        return;
    ev_io_stop(l->ev, w);
    ev_io_set(w, w->fd, events);
    if (events != 0)
        ev_io_start(l->ev, w);
}

/* ---- timers ---- */

static ev_timer *timer_watcher(struct loop_timer *t)
{
    return (ev_timer *)(void *)t->ev;
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    struct loop_timer *const t = w->data;

    (void)ev;
    (void)events;
    t->cb(t);
}

void loop_timer_init(struct loop_timer *t, void (*cb)(struct loop_timer *), void *arg)
{
    ev_timer *const w = timer_watcher(t);

    t->cb = cb;
    t->arg = arg;
    ev_timer_init(w, on_timer, 0., 0.);
    w->data = t;
}

void loop_timer_start(struct loop *l, struct loop_timer *t, span_t after)
{
    ev_timer *const w = timer_watcher(t);

    if (!l->running)
        ev_now_update(l->ev); /* libev's time stands still outside of ev_run() */
    ev_timer_stop(l->ev, w);
    ev_timer_set(w, after.ms > 0 ? (double)after.ms / 1000. : 0., 0.);
    ev_timer_start(l->ev, w);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    ev_timer_stop(l->ev, timer_watcher(t));
}

/* ---- wake-ups from other threads ---- */

static ev_async *async_watcher(struct loop_wakeup *w)
{
    return (ev_async *)(void *)w->ev;
}

static void on_wakeup(struct ev_loop *ev, ev_async *a, int events)
{
    struct loop_wakeup *const w = a->data;

    (void)ev;
    (void)events;
    w->cb(w);
}

void loop_wakeup_init(struct loop_wakeup *w, void (*cb)(struct loop_wakeup *), void *arg)
{
    ev_async *const a = async_watcher(w);

    w->cb = cb;
    w->arg = arg;
    w->loop = NULL;
    ev_async_init(a, on_wakeup);
    a->data = w;
}

void loop_wakeup_start(struct loop *l, struct loop_wakeup *w)
{
    w->loop = l;
    ev_async_start(l->ev, async_watcher(w));
}

void loop_wakeup_stop(struct loop *l, struct loop_wakeup *w)
{
    ev_async_stop(l->ev, async_watcher(w));
}

void loop_wake(struct loop_wakeup *w)
{
    ev_async_send(w->loop->ev, async_watcher(w));
}

/* ---- deferred calls ---- */

enum trap_err loop_defer(struct loop *l, void (*fn)(void *arg), void *arg)
{
    if (l->deferred_n == l->deferred_cap) {
        const size_t cap = l->deferred_cap == 0 ? 64 : l->deferred_cap * 2;
        struct deferred *const grown = reallocarray(l->deferred, cap, sizeof *grown);
        if (grown == NULL)
            return TRAP_ENOMEM;
        l->deferred = grown;
        l->deferred_cap = cap;
    }
    l->deferred[l->deferred_n++] = (struct deferred){ fn, arg };
    return TRAP_OK;
}
