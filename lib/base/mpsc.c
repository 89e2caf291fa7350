/* mpsc.c - see mpsc.h.
 *
 * The head word is the address of the newest node (0 = empty) with two flags in its low bits:
 *   CLOSED    set once, never cleared; no push succeeds any more.
 *   SLEEPING  set by the consumer, and only on an empty, open queue, before it waits for the semaphore.
 *             Whoever clears it (a push, a close, or the consumer itself at its deadline) owns the wake-up:
 *             one clearing, one post. A consumer that finds the flag already cleared at its deadline takes
 *             the post that it was sent.
 *
 * Memory order: every push is a release operation on the head, the drain an acquire operation; a later push
 * goes on with the release sequence of the earlier ones, so that the consumer sees the content of every node
 * that it takes.
 */
#include <base/mpsc.h>

#include <errno.h>
#include <time.h>

enum { CLOSED = 1, SLEEPING = 2, FLAGS = CLOSED | SLEEPING };
_Static_assert(_Alignof(struct mpsc_node) > FLAGS, "the low bits of a node's address carry the flags");

static struct mpsc_node *node_of(uintptr_t head)
{
    return (struct mpsc_node *)(head & ~(uintptr_t)FLAGS); /* NOLINT(performance-no-int-to-ptr) */
}

enum trap_err mpsc_init(struct mpsc *q, size_t max)
{
    atomic_init(&q->head, 0);
    atomic_init(&q->count, 0);
    q->max = max;
    return sem_init(&q->wake, 0, 0) == -1 ? TRAP_EIO : TRAP_OK;
}

void mpsc_destroy(struct mpsc *q)
{
    (void)sem_destroy(&q->wake);
}

static bool place_take(struct mpsc *q)
{
    size_t n = atomic_load_explicit(&q->count, memory_order_relaxed);

    do {
        if (n >= q->max)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&q->count, &n, n + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void wake(struct mpsc *q)
{
    TRAP_BUG_ON(sem_post(&q->wake) == -1); /* only EOVERFLOW or EINVAL: both would be our mistake */
}

enum trap_err mpsc_push(struct mpsc *q, struct mpsc_node *node)
{
    uintptr_t old = atomic_load_explicit(&q->head, memory_order_relaxed);

    if (old & CLOSED)
        return TRAP_ECLOSED;
    if (!place_take(q))
        return TRAP_EFULL;
    do {
        if (old & CLOSED) {
            (void)atomic_fetch_sub_explicit(&q->count, 1, memory_order_relaxed);
            return TRAP_ECLOSED;
        }
        node->next = node_of(old);
    } while (!atomic_compare_exchange_weak_explicit(&q->head, &old, (uintptr_t)node, memory_order_release,
                                                    memory_order_relaxed));
    if (old & SLEEPING)
        wake(q);
    return TRAP_OK;
}

void mpsc_close(struct mpsc *q)
{
    uintptr_t old = atomic_load_explicit(&q->head, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(&q->head, &old, (old & ~(uintptr_t)SLEEPING) | CLOSED,
                                                  memory_order_release, memory_order_relaxed))
        ;
    if (old & SLEEPING)
        wake(q);
}

size_t mpsc_count(const struct mpsc *q)
{
    return atomic_load_explicit(&q->count, memory_order_relaxed);
}

/* Returns when the SLEEPING flag is cleared and its post, if any, is consumed. */
static void sleep_until(struct mpsc *q, mono_t deadline)
{
    const struct timespec at = { .tv_sec = deadline.ms / 1000, .tv_nsec = deadline.ms % 1000 * 1000000 };
    int rc;

    do {
        rc = deadline.ms == MPSC_FOREVER.ms ? sem_wait(&q->wake)
                                            : sem_clockwait(&q->wake, CLOCK_MONOTONIC, &at);
    } while (rc == -1 && errno == EINTR);
    if (rc == 0)
        return;
    TRAP_BUG_ON(errno != ETIMEDOUT);
    if (atomic_fetch_and_explicit(&q->head, ~(uintptr_t)SLEEPING, memory_order_relaxed) & SLEEPING)
        return;
    do { /* somebody cleared the flag at the same moment: its post is on the way */
        rc = sem_wait(&q->wake);
    } while (rc == -1 && errno == EINTR);
}

static size_t reverse(struct mpsc_node *newest, struct mpsc_node **oldest_out)
{
    struct mpsc_node *list = NULL;
    size_t n = 0;

    while (newest != NULL) {
        struct mpsc_node *const older = newest->next;
        newest->next = list;
        list = newest;
        newest = older;
        n++;
    }
    *oldest_out = list;
    return n;
}

enum trap_err mpsc_drain_wait(struct mpsc *q, mono_t deadline, struct mpsc_node **list_out, size_t *count_out)
{
    for (;;) {
        /* Takes the list and leaves CLOSED as it was. */
        const uintptr_t old = atomic_fetch_and_explicit(&q->head, (uintptr_t)CLOSED, memory_order_acquire);
        uintptr_t empty = 0;

        if (node_of(old) != NULL) {
            *count_out = reverse(node_of(old), list_out);
            (void)atomic_fetch_sub_explicit(&q->count, *count_out, memory_order_relaxed);
            return TRAP_OK;
        }
        if (old & CLOSED)
            return TRAP_ECLOSED;
        if (deadline.ms != MPSC_FOREVER.ms && mono_now().ms >= deadline.ms)
            return TRAP_ENOENT;
        if (atomic_compare_exchange_strong_explicit(&q->head, &empty, (uintptr_t)SLEEPING,
                                                    memory_order_relaxed, memory_order_relaxed))
            sleep_until(q, deadline);
    }
}
