#include <base/loop.h>
#include <base/mpsc.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *l;

static int setup(void **state)
{
    (void)state;
    return loop_new(&l) == TRAP_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&l);
    loop_free(&l);
    return 0;
}

/* ---- descriptors ---- */

static int seen_events;
static unsigned calls;

static void note_and_stop(struct loop_io *io, int events)
{
    (void)io;
    seen_events |= events;
    calls++;
    loop_stop(l);
}

static void stop_timer(struct loop_timer *t)
{
    (void)t;
    calls += 100;
    loop_stop(l);
}

static void run_for(int64_t ms)
{
    struct loop_timer t;

    loop_timer_init(&t, stop_timer, NULL);
    loop_timer_start(l, &t, SPAN_MS(ms));
    loop_run(l);
    loop_timer_stop(l, &t);
}

static void test_io(void **state)
{
    struct loop_io io;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    loop_io_init(&io, fds[0], LOOP_READ, note_and_stop, NULL);
    loop_io_start(l, &io);

    calls = 0;
    run_for(20); /* nothing to read */
    assert_int_equal(calls, 100);

    calls = 0;
    seen_events = 0;
    assert_int_equal(write(fds[1], "x", 1), 1);
    run_for(2000);
    assert_int_equal(calls, 1);
    assert_int_equal(seen_events, LOOP_READ);

    calls = 0;
    loop_io_set(l, &io, 0); /* paused: the byte is still there */
    run_for(20);
    assert_int_equal(calls, 100);

    calls = 0;
    seen_events = 0;
    loop_io_set(l, &io, LOOP_READ | LOOP_WRITE);
    run_for(2000);
    assert_int_equal(calls, 1);
    assert_int_equal(seen_events, LOOP_READ | LOOP_WRITE);

    calls = 0;
    seen_events = 0;
    loop_io_set(l, &io, LOOP_WRITE);
    loop_io_set(l, &io, LOOP_WRITE);
    run_for(2000);
    assert_int_equal(seen_events, LOOP_WRITE);

    calls = 0;
    loop_io_stop(l, &io);
    loop_io_stop(l, &io);
    run_for(20);
    assert_int_equal(calls, 100);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* ---- naps ---- */

enum { NAP_MS = 1000 };
static int later[2];

static void read_and_go_on(struct loop_io *io, int events)
{
    char c;

    (void)events;
    assert_int_equal(read(*(int *)io->arg, &c, 1), 1);
    calls++;
    if (later[1] != -1) { /* the next event is there before the loop waits */
        assert_int_equal(write(later[1], "x", 1), 1);
        later[1] = -1;
    }
}

/* The time from a batch of `ready` descriptors to the next event, which is there already. */
static int64_t time_after(unsigned ready)
{
    enum { MAX = 2 };
    struct loop_io io[MAX], next;
    int fds[MAX][2], end[2];
    mono_t begun;
    int64_t ms;

    calls = 0;
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    later[1] = end[1];
    for (unsigned i = 0; i < ready; i++) {
        assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
        loop_io_init(&io[i], fds[i][0], LOOP_READ, read_and_go_on, &fds[i][0]);
        loop_io_start(l, &io[i]);
    }
    loop_io_init(&next, end[0], LOOP_READ, note_and_stop, NULL);
    loop_io_start(l, &next);
    begun = mono_now();
    loop_run(l);
    ms = mono_diff(mono_now(), begun).ms;
    assert_int_equal(calls, ready + 1);
    for (unsigned i = 0; i < ready; i++) {
        loop_io_stop(l, &io[i]);
        (void)close(fds[i][0]);
        (void)close(fds[i][1]);
    }
    loop_io_stop(l, &next);
    (void)close(end[0]);
    (void)close(end[1]);
    return ms;
}

static void test_nap(void **state)
{
    (void)state;
    assert_true(time_after(2) < NAP_MS); /* never, where it is not wanted */
    loop_set_nap(l, NAP_MS * 1000);
    assert_true(time_after(1) < NAP_MS);
    assert_true(time_after(2) >= NAP_MS);
    assert_true(time_after(1) < NAP_MS);
}

/* ---- timers ---- */

static char order[16];
static size_t order_n;

static void note_name(struct loop_timer *t)
{
    order[order_n++] = *(const char *)t->arg;
    if (*(const char *)t->arg == 'z')
        loop_stop(l);
}

static void test_timers(void **state)
{
    static const char names[] = "abcz";
    struct loop_timer t[4];
    mono_t start;

    (void)state;
    order_n = 0;
    for (size_t i = 0; i < 4; i++)
        loop_timer_init(&t[i], note_name, (void *)(uintptr_t)&names[i]);
    start = mono_now();
    loop_timer_start(l, &t[0], SPAN_MS(30));
    loop_timer_start(l, &t[1], SPAN_MS(10));
    loop_timer_start(l, &t[2], SPAN_MS(5));
    loop_timer_start(l, &t[3], SPAN_MS(60));
    loop_timer_start(l, &t[1], SPAN_MS(40)); /* restarted: later now */
    loop_timer_stop(l, &t[2]);
    loop_run(l);
    assert_int_equal(order_n, 3);
    assert_memory_equal(order, "abz", 3);
    assert_in_range(mono_diff(mono_now(), start).ms, 59, 30000);
}

/* Time that passes before the loop runs does not count: a timer set at start-up keeps its length. */
static void test_timer_before_run(void **state)
{
    struct loop_timer t;
    mono_t start;

    (void)state;
    (void)usleep(80000);
    loop_timer_init(&t, stop_timer, NULL);
    start = mono_now();
    loop_timer_start(l, &t, SPAN_MS(50));
    loop_run(l);
    assert_in_range(mono_diff(mono_now(), start).ms, 49, 30000);
}

static mono_t first_now;
static void check_now(struct loop_timer *t)
{
    (void)t;
    first_now = loop_now(l);
    assert_true(mono_diff(mono_now(), first_now).ms < 20000);
    (void)usleep(20000);
    assert_int_equal(loop_now(l).ms, first_now.ms); /* read once an iteration */
    loop_stop(l);
}

static void test_now(void **state)
{
    struct loop_timer t;
    const mono_t before = mono_now();

    (void)state;
    loop_timer_init(&t, check_now, NULL);
    loop_timer_start(l, &t, SPAN_MS(20));
    loop_run(l);
    assert_true(mono_diff(first_now, before).ms >= 19);
    assert_true(mono_diff(loop_now(l), first_now).ms >= 20);
}

/* ---- deferred calls ---- */

struct owner {
    struct loop_io io;
    int fd;
    bool freed;
};
static unsigned deferred_runs;
static struct owner owners[2];

static void release(void *arg)
{
    struct owner *const o = arg;

    o->freed = true;
    loop_io_stop(l, &o->io);
    memset(&o->io, 0xee, sizeof o->io);
    if (++deferred_runs == 2)
        loop_stop(l);
}

/* Each gives up both: neither may be gone while the other's event of the same batch is still due. */
static void give_up(struct loop_io *io, int events)
{
    struct owner *const o = io->arg;

    (void)events;
    assert_false(owners[0].freed || owners[1].freed);
    loop_io_stop(l, io);
    assert_int_equal(loop_defer(l, release, o), TRAP_OK);
}

static void test_defer(void **state)
{
    (void)state;
    deferred_runs = 0;
    memset(owners, 0, sizeof owners);
    for (size_t i = 0; i < 2; i++) {
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        owners[i].fd = fds[0];
        (void)close(fds[1]); /* readable: end of file */
        loop_io_init(&owners[i].io, fds[0], LOOP_READ, give_up, &owners[i]);
        loop_io_start(l, &owners[i].io);
    }
    loop_run(l);
    assert_int_equal(deferred_runs, 2);
    for (size_t i = 0; i < 2; i++)
        (void)close(owners[i].fd);
}

static unsigned chain;
static void defer_again(void *arg)
{
    if (++chain < 500)
        assert_int_equal(loop_defer(l, defer_again, arg), TRAP_OK);
    else
        loop_stop(l);
}

static void test_defer_chain(void **state)
{
    (void)state;
    chain = 0;
    assert_int_equal(loop_defer(l, defer_again, NULL), TRAP_OK);
    loop_run(l);
    assert_int_equal(chain, 500);
    chain = 499;
    assert_int_equal(loop_defer(l, defer_again, NULL), TRAP_OK);
    loop_free(&l); /* runs it */
    assert_int_equal(chain, 500);
    assert_int_equal(loop_new(&l), TRAP_OK);
}

/* ---- wake-ups ---- */

enum { MESSAGES = 20000 };
struct message {
    struct mpsc_node node;
    unsigned number;
};
static struct message messages[MESSAGES];
static struct mpsc queue;
static struct loop_wakeup wakeup;
static unsigned received, wakes;

static void *send_all(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < MESSAGES; i++) {
        messages[i].number = i;
        while (mpsc_push(&queue, &messages[i].node) != TRAP_OK)
            (void)sched_yield();
        loop_wake(&wakeup);
    }
    return NULL;
}

static void receive(struct loop_wakeup *w)
{
    struct mpsc_node *list = NULL;
    size_t n = 0;

    assert_ptr_equal(w, &wakeup);
    wakes++;
    if (mpsc_drain_wait(&queue, (mono_t){ 0 }, &list, &n) != TRAP_OK)
        return;
    for (; list != NULL; list = list->next)
        assert_int_equal(MPSC_OWNER(list, struct message, node)->number, received++);
    if (received == MESSAGES)
        loop_stop(l);
}

static void test_wakeup(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(mpsc_init(&queue, 512), TRAP_OK);
    loop_wakeup_init(&wakeup, receive, NULL);
    loop_wakeup_start(l, &wakeup);
    assert_int_equal(pthread_create(&thread, NULL, send_all, NULL), 0);
    loop_run(l);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(received, MESSAGES);
    assert_in_range(wakes, 1, MESSAGES);
    loop_wakeup_stop(l, &wakeup);
    mpsc_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_io, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_before_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defer_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wakeup, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
