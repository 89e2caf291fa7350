/* clock.c - clocks that a test sets (LD_PRELOAD).
 *
 * The file $TRAPLINE_CLOCK holds struct control: nanoseconds by which the monotonic and the wall clock of the
 * daemon are ahead. Every wait is cut into slices of a millisecond, so that a step of the clock is seen at
 * once. Before each wait for events a thread counts up its entry of turns[]: when it has grown by two since
 * the test did something, the daemon has dealt with it and waits again.
 */
#include "control.h"

#include <errno.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64, SLICE_NS = 1000000, NS_PER_S = 1000000000 };

struct control {
    int64_t mono_ns, wall_ns;
    uint64_t threads; /* how many entries of turns[] are in use */
    uint64_t turns[THREADS_MAX];
};

static struct control none, *control = &none;

__attribute__((constructor)) static void start(void)
{
    struct control *mapped = control_map("TRAPLINE_CLOCK");

    if (mapped != NULL)
        control = mapped;
}

/* ---- clocks ---- */

static int64_t ahead(clockid_t id)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return __atomic_load_n(&control->wall_ns, __ATOMIC_RELAXED);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        return __atomic_load_n(&control->mono_ns, __ATOMIC_RELAXED);
    default:
        return 0;
    }
}

static struct timespec later(struct timespec t, int64_t ns)
{
    const int64_t all = (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec + ns;

    return (struct timespec){ .tv_sec = all / NS_PER_S, .tv_nsec = all % NS_PER_S };
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    const int rc = NEXT(clock_gettime)(id, out);

    if (rc == 0)
        *out = later(*out, ahead(id));
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &t) == -1)
        return -1;
    *out = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t = { .tv_sec = 0 };

    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (out != NULL)
        *out = t.tv_sec;
    return t.tv_sec;
}

/* libev reads the clock past libc. */
long syscall(long number, ...)
{
    long a[6];
    va_list ap;

    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_clock_gettime)
        return clock_gettime((clockid_t)a[0], (struct timespec *)a[1]); /* NOLINT(performance-no-int-to-ptr) */
    return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- waits for events ---- */

static void count_turn(void)
{
    static __thread uint64_t number; /* from 1; 0: none yet */

    if (number == 0)
        number = __atomic_add_fetch(&control->threads, 1, __ATOMIC_RELAXED);
    if (number <= THREADS_MAX)
        (void)__atomic_add_fetch(&control->turns[number - 1], 1, __ATOMIC_RELEASE);
}

static int slice(int timeout_ms)
{
    return timeout_ms < 0 || timeout_ms > 1 ? 1 : timeout_ms;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    count_turn();
    return NEXT(epoll_wait)(fd, events, max, slice(timeout_ms));
}

int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms, const sigset_t *mask)
{
    count_turn();
    return NEXT(epoll_pwait)(fd, events, max, slice(timeout_ms), mask);
}

/* ---- waits of other threads ---- */

static int past(clockid_t id, const struct timespec *deadline)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return now.tv_sec > deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

int sem_clockwait(sem_t *restrict sem, clockid_t id, const struct timespec *restrict deadline)
{
    for (;;) {
        const int last = past(id, deadline);
        struct timespec at;
        int rc;

        (void)NEXT(clock_gettime)(CLOCK_MONOTONIC, &at);
        at = later(at, last ? 0 : SLICE_NS);
        rc = NEXT(sem_clockwait)(sem, CLOCK_MONOTONIC, &at);
        if (rc == 0 || errno != ETIMEDOUT || last)
            return rc;
    }
}
