/* The publisher in trouble: a crash at each point, a swap that fails, a set that is refused, a guard that is
 * missing. */
#include "publish_world.h"

/* Crash before the record: a directory that nobody knows. */
static void test_crash_before_record(void **state)
{
    struct world *w = *state;
    const struct want want = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } };
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX], name[32];
    struct err_text why;

    assert_true(run_ok(w, &want).published);
    (void)snprintf(name, sizeof(name), "%lld", AS_OF_S + 7);
    assert_int_equal(path_join(w->zones_dir, name, to), TRAP_OK);
    assert_int_equal(dir_make(to, 0755, &why), TRAP_OK);
    assert_int_equal(path_join(to, LIVE, from), TRAP_OK);
    assert_int_equal(file_create(from, BYTES("torn"), 0644, &why), TRAP_OK);
    world_restart(w);
    assert_int_equal(access(to, F_OK), -1);
    assert_int_equal(current(w), AS_OF_S);
    assert_true(run_ok(w, &want).serial > AS_OF_S + 7); /* a serial that was ever used never comes back */
}

static void point_current_to(const struct world *w, uint32_t serial)
{
    char path[PATH_TEXT_MAX], target[32];
    struct err_text why;

    (void)snprintf(target, sizeof(target), "%u", serial);
    assert_int_equal(path_join(w->zones_dir, "current", path), TRAP_OK);
    assert_int_equal(file_symlink_swap(path, target, &why), TRAP_OK);
}

/* Crash between record and symlink: the recorded set becomes public at the start. */
static void test_crash_before_swap(void **state)
{
    struct world *w = *state;
    const struct want one = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } },
                      two = { .as_of_s = AS_OF_S + 1, .list = { { "5.6.7.8" } } };

    assert_true(run_ok(w, &one).published);
    assert_true(run_ok(w, &two).published);
    point_current_to(w, AS_OF_S);
    assert_true(holds(w, LIVE, "1.2.3.4"));
    world_restart(w);
    assert_int_equal(current(w), AS_OF_S + 1);
    assert_true(holds(w, LIVE, "5.6.7.8"));
}

/* The same, but the set did not survive: the old one stays, and the next run publishes a new one. */
static void test_crash_lost_set(void **state)
{
    struct world *w = *state;
    const struct want one = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } },
                      two = { .as_of_s = AS_OF_S + 1, .list = { { "5.6.7.8" } } };
    char path[PATH_TEXT_MAX], name[64];

    assert_true(run_ok(w, &one).published);
    assert_true(run_ok(w, &two).published);
    (void)snprintf(name, sizeof(name), "%lld/" LIVE, AS_OF_S + 1);
    assert_int_equal(path_join(w->zones_dir, name, path), TRAP_OK);
    assert_int_equal(truncate(path, 10), 0);
    point_current_to(w, AS_OF_S);
    world_restart(w);
    assert_int_equal(current(w), AS_OF_S);
    struct publish_result r = run_ok(w, &two);
    assert_true(r.published);
    assert_int_equal(r.serial, AS_OF_S + 2);
    assert_int_equal(r.added + r.removed, 0); /* the record has it already */
    assert_true(holds(w, LIVE, "5.6.7.8"));
}

/* The symlink cannot be swapped: an error, on record all the same; the next run makes up for it. */
static void test_swap_fails(void **state)
{
    struct world *w = *state;
    const struct want one = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } };
    char path[PATH_TEXT_MAX];
    struct publish_result r;
    struct err_text why;

    assert_int_equal(path_join(w->zones_dir, "current", path), TRAP_OK);
    assert_int_equal(dir_make(path, 0755, &why), TRAP_OK); /* a directory where the symlink belongs */
    assert_int_not_equal(run(w, &one, &r), TRAP_OK);
    assert_int_equal(current(w), 0);
    assert_int_equal(rmdir(path), 0);
    r = run_ok(w, &one);
    assert_false(r.published);
    assert_int_equal(current(w), AS_OF_S);
    assert_true(holds(w, LIVE, "1.2.3.4"));
}

/* A failed check leaves what is public, and no trace. */
static void test_refused_set(void **state)
{
    struct world *w = *state;
    struct want want = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } };
    struct publish_result r;

    assert_true(run_ok(w, &want).published);
    want = (struct want){ .as_of_s = AS_OF_S + 1, .list = { { "10.0.0.1" } } };
    assert_int_equal(run(w, &want, &r), TRAP_EPERM);
    assert_int_equal(current(w), AS_OF_S);
    assert_int_equal(set_count(w), 1);
    assert_string_equal(history(w, "10.0.0.1"), "");
    want = (struct want){ .as_of_s = AS_OF_S + 2, .list = { { "1.2.3.5" } } };
    assert_true(run_ok(w, &want).published);
}

static void test_held(void **state)
{
    struct world *w = *state;
    struct want want = { .as_of_s = AS_OF_S, .held = true, .list = { [HARVESTERS] = { "1.2.3.4" } } };
    struct publish_result r = run_ok(w, &want); /* never published before: no file at all */
    char path[PATH_TEXT_MAX];

    assert_int_equal(r.held, 3);
    assert_int_equal(r.files_written, 0);
    assert_int_equal(path_join(w->zones_dir, "current/" LIVE, path), TRAP_OK);
    assert_int_equal(access(path, F_OK), -1);

    want =
        (struct want){ .as_of_s = AS_OF_S + 1,
                       .list = { { "1.1.1.1", "2.2.2.2", "3.3.3.3" }, { NULL }, { NULL }, { "9.9.9.9" } } };
    assert_true(run_ok(w, &want).published);
    w->delist[0] = (struct act_prefix){ .prefix = prefix_made("2.2.2.2"), .at = at_s(AS_OF_S + 30) };
    w->acts = (struct acts_view){ .delist = w->delist, .delist_count = 1 };
    assert_int_equal(prefix_set_add(&w->lists.forbidden, prefix_made("3.3.0.0/16")), TRAP_OK);
    assert_int_equal(prefix_set_seal(&w->lists.forbidden), TRAP_OK);
    want = (struct want){ .as_of_s = AS_OF_S + 60, .held = true, .list = { [HARVESTERS] = { "5.5.5.5" } } };
    r = run_ok(w, &want);
    assert_true(r.published);
    assert_int_equal(r.removed, 2);
    assert_int_equal(r.added, 1);
    assert_true(holds(w, LIVE, "1.1.1.1"));
    assert_false(holds(w, LIVE, "2.2.2.2"));
    assert_false(holds(w, LIVE, "3.3.3.3"));
    assert_true(holds(w, LIVE, ".5.5.5.5 :127.0.0.2"));
    assert_true(holds(w, SHADOW, "9.9.9.9"));

    world_restart(w); /* live entries come from the record; those of a shadow zone are on none */
    want.as_of_s = AS_OF_S + 120;
    assert_true(run_ok(w, &want).published);
    assert_true(holds(w, LIVE, "1.1.1.1"));
    assert_false(holds(w, SHADOW, "9.9.9.9"));
    want.as_of_s = AS_OF_S + 1 + BEFORE_END_S;
    r = run_ok(w, &want);
    assert_int_equal(r.removed, 1); /* its time is over */
    assert_false(holds(w, LIVE, "1.1.1.1"));
}

/* Whoever an operator listed goes when he takes that back, guard or no guard. */
static void test_held_deny_taken_back(void **state)
{
    struct world *w = *state;
    struct act_prefix deny = { .prefix = prefix_made("2.2.2.0/24"), .at = at_s(AS_OF_S) };
    struct want want = { .as_of_s = AS_OF_S, .list = { { "1.1.1.1", "2.2.2.2" } }, .deny = "2.2.2.2" };

    w->acts = (struct acts_view){ .deny = &deny, .deny_count = 1 };
    assert_true(run_ok(w, &want).published);
    assert_string_equal(history(w, "2.2.2.2"), "+bl.example.org deny;");
    want = (struct want){ .as_of_s = AS_OF_S + 1, .held = true };
    assert_false(run_ok(w, &want).published);
    world_restart(w);
    assert_int_equal(run_ok(w, &want).removed, 0);
    w->acts.deny_count = 0;
    want.as_of_s++;
    assert_int_equal(run_ok(w, &want).removed, 1);
    assert_true(holds(w, LIVE, "1.1.1.1"));
    assert_false(holds(w, LIVE, "2.2.2.2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_crash_before_record),  TEST(test_crash_before_swap), TEST(test_crash_lost_set),
        TEST(test_swap_fails),           TEST(test_refused_set),       TEST(test_held),
        TEST(test_held_deny_taken_back),
    };

    return keyed_init() == TRAP_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
