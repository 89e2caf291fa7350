#include "visit_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct visit_window *w;

static uint32_t serial; /* of the next visit that is committed */

static int begin(void **state)
{
    (void)state;
    serial = 100;
    return keyed_init() == TRAP_OK ? 0 : -1;
}
static int end(void **state)
{
    (void)state;
    window_free(&w);
    return 0;
}
static void make(uint32_t entries, uint32_t per_hour, uint64_t per_day)
{
    const struct window_options o = { entries, SPAN_H(1), per_hour, per_day };

    assert_int_equal(window_new(&o, &w), TRAP_OK);
}
static const wall_t today = { 1700000000000000 };
static struct window_key key_of(struct ip client, const char *agent, const char *page)
{
    return (struct window_key){ client, 0, bytes_str(agent), bytes_str(page), { 1000000 }, today, 0, 0 };
}
static mono_t minute(int64_t n)
{
    return (mono_t){ 1000000 + n * 60000 };
}
/* As trapweb does: look, then enter. */
static enum window_answer look(const struct window_key *key, struct shown *shown)
{
    struct window_key k = *key;

    return window_look(w, &k, shown);
}
static enum window_answer enter(const struct window_key *key, struct window_waiter *me, struct shown *shown, uint32_t *entry)
{
    struct window_key k = *key;

    assert_int_equal(window_look(w, &k, shown), WINDOW_MISS);
    return window_enter(w, &k, me, shown, entry);
}

/* One request that commits at once where it makes a visit: gives the serial it shows, 0 for none. */
static uint32_t request(const struct window_key *asked, mono_t now)
{
    struct window_key at = *asked, *key = &at;
    struct shown shown = { 0 };
    struct window_waiter me;
    uint32_t entry = 0;

    at.now = now;
    if (window_look(w, key, &shown) == WINDOW_SHOW)
        return shown.serial;
    switch (window_enter(w, key, &me, &shown, &entry)) {
    case WINDOW_SHOW:
        return shown.serial;
    case WINDOW_NEW:
        shown = (struct shown){ 1, serial++, 0 };
        assert_ptr_equal(window_next(w, entry, &shown, now), &me);
        assert_null(window_next(w, entry, &shown, now));
        return shown.serial;
    default:
        return 0;
    }
}

static void test_same_visit(void **state)
{
    const struct ip v6 = { { 0x2a, 2, [15] = 1 } }, v6_near = { { 0x2a, 2, [15] = 9 } }, v6_far = { { 0x2a, 2, [7] = 1 } };
    const struct window_key a = key_of(ip_v4(8, 8, 4, 4), "agent", "/");
    struct window_key b = a;

    (void)state;
    make(64, 0, 0);
    assert_int_equal(request(&a, minute(0)), 100);
    assert_int_equal(request(&a, minute(1)), 100);
    assert_int_equal(request(&a, minute(59)), 100);
    assert_int_equal(request(&a, minute(60)), 101); /* the window is over */
    b.agent = BYTES("other");
    assert_int_equal(request(&b, minute(60)), 102);
    b = a;
    b.page = BYTES("/b");
    assert_int_equal(request(&b, minute(60)), 103);
    b = a;
    b.site = 1;
    assert_int_equal(request(&b, minute(60)), 104);
    b = key_of(v6, "agent", "/");
    assert_int_equal(request(&b, minute(60)), 105);
    b.client = v6_near;
    assert_int_equal(request(&b, minute(60)), 105);
    b.client = v6_far;
    assert_int_equal(request(&b, minute(60)), 106);
    assert_int_equal(request(&a, minute(60)), 101);
}

static void test_per_hour(void **state)
{
    static const char *const pages[] = { "/1", "/2", "/3", "/4", "/5" };
    uint32_t got[5];

    (void)state;
    make(64, 3, 0);
    for (int i = 0; i < 5; i++) {
        const struct window_key k = key_of(ip_v4(8, 8, 4, 4), "agent", pages[i]);
        got[i] = request(&k, minute(i));
    }
    assert_int_equal(got[2], 102);
    assert_int_equal(got[3], 102); /* its newest again */
    assert_int_equal(got[4], 102);
    const struct window_key other = key_of(ip_v4(8, 8, 4, 5), "agent", "/4");
    assert_int_equal(request(&other, minute(5)), 103);
    const struct window_key later = key_of(ip_v4(8, 8, 4, 4), "agent", "/4");
    assert_int_equal(request(&later, minute(59)), 102);
    assert_int_equal(request(&later, minute(61)), 104);
}

static void test_per_hour_expired_page(void **state)
{
    const struct window_options o = { 64, SPAN_MIN(1), 2, 0 };
    const struct window_key a = key_of(ip_v4(8, 8, 4, 4), "agent", "/a"), b = key_of(ip_v4(8, 8, 4, 4), "agent", "/b");

    (void)state;
    assert_int_equal(window_new(&o, &w), TRAP_OK);
    assert_int_equal(request(&a, minute(0)), 100);
    assert_int_equal(request(&b, minute(0)), 101);
    assert_int_equal(request(&a, minute(2)), 101); /* its own visit is over, a new one is not allowed */
}

static void test_per_day(void **state)
{
    const struct window_key a = key_of(ip_v4(8, 8, 4, 1), "", "/"), b = key_of(ip_v4(8, 8, 4, 2), "", "/"),
                            c = key_of(ip_v4(8, 8, 4, 3), "", "/");
    struct window_key tomorrow = c;
    struct window_waiter me;
    struct shown shown;
    uint32_t entry = 0;

    (void)state;
    tomorrow.today = wall_add(today, SPAN_D(1));
    make(64, 0, 2);
    assert_int_equal(request(&a, minute(0)), 100);
    assert_int_equal(request(&b, minute(0)), 101);
    assert_int_equal(request(&c, minute(0)), 0);
    assert_int_equal(enter(&c, &me, &shown, &entry), WINDOW_SPENT);
    assert_int_equal(request(&b, minute(0)), 101);
    assert_int_equal(enter(&tomorrow, &me, &shown, &entry), WINDOW_NEW);
}

static size_t list_length(const struct window_waiter *list)
{
    size_t n = 0;

    for (; list != NULL; list = list->next)
        n++;
    return n;
}

static void test_waiting(void **state)
{
    struct window_key a = key_of(ip_v4(8, 8, 4, 4), "agent", "/");
    const struct shown shown = { 1, 7, 3 };
    struct window_waiter me[4];
    struct shown out = { 0 };
    uint32_t entry = 0, unused = 0;

    (void)state;
    make(64, 0, 0);
    assert_int_equal(enter(&a, &me[0], &out, &entry), WINDOW_NEW);
    assert_int_equal(look(&a, &out), WINDOW_MISS);
    assert_int_equal(enter(&a, &me[1], &out, &unused), WINDOW_WAIT);
    assert_int_equal(enter(&a, &me[2], &out, &unused), WINDOW_WAIT);
    assert_int_equal(list_length(window_next(w, entry, &shown, minute(0))), 3);
    /* one more before the entry is closed: it is not lost */
    assert_int_equal(enter(&a, &me[3], &out, &unused), WINDOW_WAIT);
    assert_ptr_equal(window_next(w, entry, &shown, minute(0)), &me[3]);
    assert_null(window_next(w, entry, &shown, minute(0)));
    assert_int_equal(look(&a, &out), WINDOW_SHOW);
    assert_int_equal(out.serial, 7);
    assert_int_equal(out.layout, 3);
}

static void test_failed_commit(void **state)
{
    const struct window_key a = key_of(ip_v4(8, 8, 4, 4), "agent", "/");
    struct window_waiter me;
    struct shown out;
    uint32_t entry = 0;

    (void)state;
    make(64, 0, 0);
    assert_int_equal(enter(&a, &me, &out, &entry), WINDOW_NEW);
    assert_ptr_equal(window_next(w, entry, NULL, minute(0)), &me);
    assert_null(window_next(w, entry, NULL, minute(0)));
    assert_int_equal(look(&a, &out), WINDOW_MISS);
    assert_int_equal(request(&a, minute(0)), 100); /* and the next one tries again */
}

static void test_bounded(void **state)
{
    struct window_waiter held, me;
    const struct window_key first = key_of(ip_v4(1, 0, 0, 1), "", "/");
    struct shown out;
    uint32_t entry = 0, unused = 0;

    (void)state;
    make(16, 0, 0);
    assert_int_equal(enter(&first, &held, &out, &entry), WINDOW_NEW);
    for (unsigned i = 0; i < 1000; i++) {
        const struct window_key k = key_of(ip_v4(8, 8, (uint8_t)(i >> 8), (uint8_t)i), "", "/");
        const uint32_t mine = serial;
        assert_int_equal(request(&k, minute(0)), mine);
        assert_int_equal(request(&k, minute(0)), mine); /* the newest is always there */
    }
    assert_int_equal(window_count(w), 16);
    assert_int_equal(enter(&first, &me, &out, &unused), WINDOW_WAIT); /* never pushed out */
    out = (struct shown){ 1, 5, 0 };
    assert_int_equal(list_length(window_next(w, entry, &out, minute(0))), 2);
    assert_null(window_next(w, entry, &out, minute(0)));
    assert_int_equal(request(&first, minute(0)), 5);
}

/* Everything waits: an answer, no crash. */
static void test_all_waiting(void **state)
{
    struct window_waiter me[16];
    struct shown out;
    uint32_t entry = 0;
    unsigned made = 0;

    (void)state;
    make(8, 0, 0);
    for (unsigned i = 0; i < 16; i++) {
        const struct window_key k = key_of(ip_v4(8, 8, 8, (uint8_t)i), "", "/");
        const enum window_answer answer = enter(&k, &me[i], &out, &entry);
        assert_true(answer == WINDOW_NEW || answer == WINDOW_BUSY);
        made += answer == WINDOW_NEW;
    }
    assert_in_range(made, 4, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_visit, begin, end),
        cmocka_unit_test_setup_teardown(test_per_hour, begin, end),
        cmocka_unit_test_setup_teardown(test_per_hour_expired_page, begin, end),
        cmocka_unit_test_setup_teardown(test_per_day, begin, end),
        cmocka_unit_test_setup_teardown(test_waiting, begin, end),
        cmocka_unit_test_setup_teardown(test_failed_commit, begin, end),
        cmocka_unit_test_setup_teardown(test_bounded, begin, end),
        cmocka_unit_test_setup_teardown(test_all_waiting, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
