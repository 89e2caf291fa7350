#include <base/mpsc.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct item {
    unsigned producer, number;
    struct mpsc_node node;
};

static struct item *item_of(struct mpsc_node *n)
{
    return MPSC_OWNER(n, struct item, node);
}

static mono_t in_ms(int64_t ms)
{
    return mono_add(mono_now(), SPAN_MS(ms));
}

static void test_order(void **state)
{
    struct mpsc q;
    struct item items[5];
    struct mpsc_node *list = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(mpsc_init(&q, 5), TRAP_OK);
    for (unsigned i = 0; i < 5; i++) {
        items[i].number = i;
        assert_int_equal(mpsc_push(&q, &items[i].node), TRAP_OK);
        assert_int_equal(mpsc_count(&q), i + 1);
    }
    assert_int_equal(mpsc_drain_wait(&q, in_ms(-1), &list, &n), TRAP_OK);
    assert_int_equal(n, 5);
    for (unsigned i = 0; i < 5; i++, list = list->next)
        assert_int_equal(item_of(list)->number, i);
    assert_null(list);
    assert_int_equal(mpsc_count(&q), 0);
    mpsc_destroy(&q);
}

static void test_bound(void **state)
{
    static const size_t limits[] = { 0, 1, 2, 7 };
    struct item items[8];

    (void)state;
    for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
        struct mpsc q;
        struct mpsc_node *list = NULL;
        size_t n = 0;

        assert_int_equal(mpsc_init(&q, limits[l]), TRAP_OK);
        for (int round = 0; round < 3; round++) {
            for (size_t i = 0; i < limits[l]; i++)
                assert_int_equal(mpsc_push(&q, &items[i].node), TRAP_OK);
            assert_int_equal(mpsc_push(&q, &items[limits[l]].node), TRAP_EFULL);
            assert_int_equal(mpsc_count(&q), limits[l]);
            if (limits[l] == 0)
                continue;
            assert_int_equal(mpsc_drain_wait(&q, MPSC_FOREVER, &list, &n), TRAP_OK);
            assert_int_equal(n, limits[l]);
        }
        mpsc_destroy(&q);
    }
}

static void test_close(void **state)
{
    struct mpsc q;
    struct item a, b;
    struct mpsc_node *list = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(mpsc_init(&q, 1), TRAP_OK);
    assert_int_equal(mpsc_push(&q, &a.node), TRAP_OK);
    mpsc_close(&q);
    mpsc_close(&q);
    assert_int_equal(mpsc_push(&q, &b.node), TRAP_ECLOSED); /* not EFULL: it will never help to try again */
    assert_int_equal(mpsc_drain_wait(&q, MPSC_FOREVER, &list, &n), TRAP_OK);
    assert_ptr_equal(list, &a.node);
    assert_int_equal(n, 1);
    assert_int_equal(mpsc_push(&q, &b.node), TRAP_ECLOSED);
    assert_int_equal(mpsc_drain_wait(&q, MPSC_FOREVER, &list, &n), TRAP_ECLOSED);
    assert_int_equal(mpsc_drain_wait(&q, in_ms(50), &list, &n), TRAP_ECLOSED);
    mpsc_destroy(&q);
}

static void test_deadline(void **state)
{
    struct mpsc q;
    struct item a;
    struct mpsc_node *list = NULL;
    size_t n = 0;
    mono_t start;
    int posts = 0;

    (void)state;
    assert_int_equal(mpsc_init(&q, 1), TRAP_OK);
    start = mono_now();
    assert_int_equal(mpsc_drain_wait(&q, mono_add(start, SPAN_MS(30)), &list, &n), TRAP_ENOENT);
    assert_true(mono_diff(mono_now(), start).ms >= 30);
    assert_int_equal(mpsc_drain_wait(&q, (mono_t){ 0 }, &list, &n), TRAP_ENOENT);
    /* After a deadline the consumer is awake: a push posts nothing. */
    assert_int_equal(mpsc_push(&q, &a.node), TRAP_OK);
    assert_int_equal(sem_getvalue(&q.wake, &posts), 0);
    assert_int_equal(posts, 0);
    assert_int_equal(mpsc_drain_wait(&q, in_ms(1000), &list, &n), TRAP_OK);
    mpsc_destroy(&q);
}

static void *close_later(void *arg)
{
    (void)usleep(20000);
    mpsc_close(arg);
    return NULL;
}

static void test_close_wakes_sleeper(void **state)
{
    struct mpsc q;
    struct mpsc_node *list = NULL;
    size_t n = 0;
    pthread_t t;

    (void)state;
    assert_int_equal(mpsc_init(&q, 1), TRAP_OK);
    assert_int_equal(pthread_create(&t, NULL, close_later, &q), 0);
    assert_int_equal(mpsc_drain_wait(&q, MPSC_FOREVER, &list, &n), TRAP_ECLOSED);
    assert_int_equal(pthread_join(t, NULL), 0);
    mpsc_destroy(&q);
}

enum { PRODUCERS = 4, PER_PRODUCER = 50000, QUEUE_MAX = 64 };
struct producer {
    struct mpsc *q;
    struct item *items;
    unsigned id;
    unsigned pushed, refused_closed;
    bool pause;
};

static void *produce(void *arg)
{
    struct producer *const p = arg;

    for (unsigned i = 0; i < PER_PRODUCER; i++) {
        enum trap_err err;
        p->items[i] = (struct item){ .producer = p->id, .number = i };
        while ((err = mpsc_push(p->q, &p->items[i].node)) == TRAP_EFULL)
            (void)sched_yield();
        if (err == TRAP_ECLOSED) {
            p->refused_closed++;
            continue;
        }
        p->pushed++;
        if (p->pause && i % 512 == 0)
            (void)usleep(100); /* lets the consumer fall asleep now and then */
    }
    return NULL;
}

/* Every node exactly once, those of a producer in order; a short deadline races with pushes all the time. */
static unsigned run(unsigned close_after, bool pause)
{
    struct mpsc q;
    struct producer p[PRODUCERS] = { 0 };
    pthread_t threads[PRODUCERS];
    unsigned next[PRODUCERS] = { 0 };
    unsigned got = 0, pushed = 0;
    bool closed = false;
    int posts = -1;

    assert_int_equal(mpsc_init(&q, QUEUE_MAX), TRAP_OK);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        p[i] = (struct producer){ .q = &q, .id = i, .pause = pause };
        p[i].items = calloc(PER_PRODUCER, sizeof *p[i].items);
        assert_non_null(p[i].items);
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &p[i]), 0);
    }
    for (;;) {
        struct mpsc_node *list = NULL;
        size_t n = 0, seen = 0;
        const enum trap_err err = mpsc_drain_wait(&q, pause ? in_ms(1) : MPSC_FOREVER, &list, &n);

        if (err == TRAP_ECLOSED)
            break;
        if (err == TRAP_ENOENT)
            continue;
        assert_int_equal(err, TRAP_OK);
        assert_in_range(n, 1, QUEUE_MAX);
        for (; list != NULL; list = list->next, seen++) {
            const struct item *const it = item_of(list);
            assert_int_equal(it->number, next[it->producer]++);
        }
        assert_int_equal(seen, n);
        got += (unsigned)n;
        if (!closed && got >= close_after) {
            mpsc_close(&q);
            closed = true;
        }
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        pushed += p[i].pushed;
        assert_int_equal(p[i].pushed + p[i].refused_closed, PER_PRODUCER);
        free(p[i].items);
    }
    assert_int_equal(got, pushed);
    assert_int_equal(mpsc_count(&q), 0);
    assert_int_equal(sem_getvalue(&q.wake, &posts), 0);
    assert_int_equal(posts, 0); /* one post for one sleep */
    mpsc_destroy(&q);
    return got;
}

static void test_threads(void **state)
{
    (void)state;
    assert_int_equal(run(PRODUCERS * PER_PRODUCER, false), PRODUCERS * PER_PRODUCER);
    assert_int_equal(run(PRODUCERS * PER_PRODUCER, true), PRODUCERS * PER_PRODUCER);
}

static void test_threads_close_amid(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 20; i++)
        assert_in_range(run(i * 997, i % 2 == 0), i * 997, PRODUCERS * PER_PRODUCER);
}

/* ---- a push at the very moment of the deadline: the wait itself is replaced (--wrap) ---- */

static struct mpsc *push_into; /* with this set, the next wait pushes and then says that its time is over */
static struct item late;

int __real_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *at);
int __wrap_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *at);

int __wrap_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *at)
{
    struct mpsc *const q = push_into;

    if (q == NULL)
        return __real_sem_clockwait(sem, clock, at);
    push_into = NULL;
    assert_int_equal(mpsc_push(q, &late.node), TRAP_OK);
    errno = ETIMEDOUT;
    return -1;
}

static void test_push_at_deadline(void **state)
{
    struct mpsc q;
    struct mpsc_node *list = NULL;
    size_t n = 0;
    int posts = -1;

    (void)state;
    assert_int_equal(mpsc_init(&q, 1), TRAP_OK);
    push_into = &q;
    assert_int_equal(mpsc_drain_wait(&q, in_ms(1000), &list, &n), TRAP_OK); /* the node, not the deadline */
    assert_ptr_equal(list, &late.node);
    assert_int_equal(sem_getvalue(&q.wake, &posts), 0);
    assert_int_equal(posts, 0); /* the push's post was taken */
    mpsc_destroy(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_close_wakes_sleeper),
        cmocka_unit_test(test_threads_close_amid),
        cmocka_unit_test(test_push_at_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
