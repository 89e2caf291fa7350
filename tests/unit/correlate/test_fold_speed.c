/* How fast a whole log is folded; prints hits per second and asks for nothing. TRAPLINE_FOLD_HITS: how many
 * (50,000). */
#include "world.h"

#include <base/num.h>
#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* after those above */
#include <cmocka.h>

enum { HITS_DEFAULT = 50000, HITS_MAX = 10000000 };

/* Senders and networks of a real size: world.c has few on purpose, so that they meet. */
static void spread(struct story *s)
{
    for (size_t i = 0; i < s->visits; i++)
        s->visit[i].client = ip_v4(45, (uint8_t)story_random(s, 100), (uint8_t)story_random(s, 250),
                                   (uint8_t)story_random(s, 250));
    for (size_t i = 0; i < s->hits; i++)
        s->hit[i].sender = ip_v4(46, (uint8_t)story_random(s, 4), (uint8_t)story_random(s, 250),
                                 (uint8_t)story_random(s, 250));
}

static int64_t cpu_ms(void)
{
    struct timespec t = { 0 };

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_speed(void **state)
{
    const char *wanted = getenv("TRAPLINE_FOLD_HITS");
    uint32_t hits = HITS_DEFAULT;
    struct story s;
    struct world w;

    (void)state;
    if (wanted != NULL)
        assert_int_equal(num_u32(bytes_str(wanted), 1, HITS_MAX, &hits), TRAP_OK);
    story_make(
        &s, 1,
        (struct story_size){
            .visits = 1 + hits / 10, .hits = hits, .sessions = hits / 10, .days = 30, .one_epoch = true });
    spread(&s);
    world_begin(&w, &s, false);
    world_write_all(&w);
    const mono_t begin = mono_now();
    const int64_t cpu = cpu_ms();
    const struct fold_result r = world_fold(&w, 0, (wall_t){ INT64_MAX });
    const int64_t ms = mono_diff(mono_now(), begin).ms + 1, used = cpu_ms() - cpu + 1;
    assert_int_equal(r.hits, hits);
    print_message(
        "fold: %u hits in %lld ms, %lld hits/s; %lld hits a second of CPU (%llu resolved, %llu pending)\n",
        hits, (long long)ms, (long long)hits * 1000 / ms, (long long)hits * 1000 / used,
        (unsigned long long)r.resolved, (unsigned long long)r.pending);
    world_end(&w);
    story_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_speed) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
