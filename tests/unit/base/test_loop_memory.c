#include "loop_memory.h"

#include <base/loop.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static bool failing;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return failing ? NULL : __real_malloc(n);
}

void *__wrap_realloc(void *p, size_t n)
{
    return failing ? NULL : __real_realloc(p, n);
}

static void fill(uint8_t *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        p[i] = (uint8_t)(i * 7);
}

static bool is_filled(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != (uint8_t)(i * 7))
            return false;
    return true;
}

/* Grows by doubling while malloc fails at every other step, at all, or not: the content stays. */
static void test_grows_without_memory(void **state)
{
    (void)state;
    assert_int_equal(loop_memory_reserve(), TRAP_OK);
    for (int how = 0; how < 4; how++) {
        uint8_t *p = NULL;
        size_t had = 0;

        for (size_t n = 24; n < 100000; n *= 2) {
            failing = how == 3 || (how == 1 && n % 5 == 0) || (how == 2 && n > 1000);
            p = loop_memory(p, (long)n);
            failing = false;
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_true(is_filled(p, had));
            fill(p, had, n);
            had = n;
        }
        p = loop_memory(p, 40);
        assert_true(is_filled(p, 40));
        assert_null(loop_memory(p, 0));
    }
    assert_null(loop_memory(NULL, 0));
}

/* More than the reserve holds is refused, not taken from elsewhere. */
static void test_the_reserve_ends(void **state)
{
    (void)state;
    failing = true;
    for (int i = 0; i < 3; i++)
        assert_null(loop_memory(NULL, (long)LOOP_BYTES_PER_FD * LOOP_FDS_MAX + 1));
    failing = false;
}

static void on_read(struct loop_io *io, int events)
{
    (void)events;
    loop_io_stop(*(struct loop **)io->arg, io);
}

static void on_end(struct loop_timer *t)
{
    loop_stop(*(struct loop **)t->arg);
}

/* Many descriptors and timers at once, all of them ready in one turn, and not a byte from malloc. */
static void test_a_loop_without_memory(void **state)
{
    enum { PAIRS = 400 };
    static struct loop_io io[2 * PAIRS];
    static struct loop_timer timers[2 * PAIRS];
    static int fds[2 * PAIRS];
    struct loop *l;
    int n = 0;

    (void)state;
    assert_int_equal(loop_new(&l), TRAP_OK);
    while (n < 2 * PAIRS && socketpair(AF_UNIX, SOCK_STREAM, 0, fds + n) == 0) {
        assert_int_equal(write(fds[n], "x", 1), 1);
        assert_int_equal(write(fds[n + 1], "x", 1), 1);
        n += 2;
    }
    assert_true(n >= 200);
    failing = true;
    for (int i = 0; i < n; i++) {
        loop_io_init(&io[i], fds[i], LOOP_READ, on_read, (void *)&l);
        loop_io_start(l, &io[i]);
        loop_timer_init(&timers[i], on_end, (void *)&l);
        loop_timer_start(l, &timers[i], SPAN_MS(i == 0 ? 50 : 60000));
    }
    loop_run(l);
    failing = false;
    for (int i = 0; i < n; i++) {
        loop_io_stop(l, &io[i]);
        loop_timer_stop(l, &timers[i]);
        (void)close(fds[i]);
    }
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_without_memory),
        cmocka_unit_test(test_the_reserve_ends),
        cmocka_unit_test(test_a_loop_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
