/* The publisher: when a set is made, and the record beside it. */
#include "publish_world.h"

static void test_sets_and_record(void **state)
{
    struct world *w = *state;
    const struct want one = { .as_of_s = AS_OF_S,
                              .list = {
                                  { "1.2.3.4", "5.6.7.8" }, { "2a00::/64" }, { "1.2.3.4" }, { "9.9.9.9" } } };
    const struct want two = {
        .as_of_s = AS_OF_S,
        .list = { { "1.2.3.4", "7.7.7.0/24" }, { "2a00::/64" }, { "1.2.3.4" }, { "9.9.9.9" } }
    };
    struct publish_result r = run_ok(w, &one);

    assert_true(r.published);
    assert_int_equal(r.serial, AS_OF_S);
    assert_int_equal(r.added, 4);
    assert_int_equal(r.files_written, 2);
    assert_int_equal(current(w), r.serial);
    assert_true(holds(w, LIVE, "5.6.7.8"));
    assert_true(holds(w, LIVE, ".4.3.2.1 :127.0.0.2"));
    assert_true(holds(w, SHADOW, "9.9.9.9"));
    assert_string_equal(history(w, "1.2.3.4"),
                        "+harvesters.bl.example.org evidence;+bl.example.org evidence;");
    assert_string_equal(history(w, "9.9.9.9"), ""); /* a shadow zone is not published */

    r = run_ok(w, &one); /* the same again: nothing to do */
    assert_false(r.published);
    const struct stat shadow = stat_of(w, SHADOW), live = stat_of(w, LIVE);
    r = run_ok(w, &two); /* in the same second */
    assert_true(r.published);
    assert_int_equal(r.serial, AS_OF_S + 1);
    assert_int_equal(r.added, 1);
    assert_int_equal(r.removed, 1);
    assert_int_equal(r.files_written, 1);
    assert_int_equal(r.files_linked, 1);
    assert_int_equal(stat_of(w, SHADOW).st_ino, shadow.st_ino);
    assert_int_equal(stat_of(w, LIVE).st_mtim.tv_sec, live.st_mtim.tv_sec + 1);
    assert_string_equal(history(w, "5.6.7.8"), "-bl.example.org policy;+bl.example.org evidence;");
    assert_string_equal(history(w, "7.7.7.0/24"), "+bl.example.org evidence;");
}

static enum trap_err add_current(const struct current_dataset *d, void *arg)
{
    struct told *t = arg;
    const size_t n = strlen(t->text);

    (void)snprintf(t->text + n, sizeof(t->text) - n, "%s %s %s %llu;", d->type, d->name,
                   d->live ? "live" : "shadow", (unsigned long long)d->entries);
    return TRAP_OK;
}

static void test_current(void **state)
{
    struct world *w = *state;
    const struct want want = { .as_of_s = AS_OF_S,
                               .list = { { "1.2.3.4", "5.6.7.8" }, { NULL }, { "1.2.3.4" }, { "9.9.9.9" } } };
    struct told t = { "" };
    struct err_text why;

    assert_int_equal(publish_current(&w->config, add_current, &t, &why), TRAP_ENOENT);
    assert_true(run_ok(w, &want).published);
    assert_int_equal(publish_current(&w->config, add_current, &t, &why), TRAP_OK);
    assert_string_equal(
        t.text,
        "ip4trie bl.example.org live 2;ip6trie bl.example.org live 0;dnset harvesters.bl.example.org live 1;"
        "ip4trie new.example.org shadow 1;");
}

static void test_full_interval(void **state)
{
    struct world *w = *state;
    struct want same = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } };

    assert_true(run_ok(w, &same).published);
    same.as_of_s += 599;
    assert_false(run_ok(w, &same).published);
    same.as_of_s += 1;
    struct publish_result r = run_ok(w, &same);
    assert_true(r.published);
    assert_int_equal(r.files_written, 2);
    assert_int_equal(r.added + r.removed, 0);
}

/* The stamps of the files must not lie in the future of a clock that was set right. */
static void test_clock_went_back(void **state)
{
    struct world *w = *state;
    struct want same = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } };

    assert_true(run_ok(w, &same).published);
    same.as_of_s -= 86400;
    struct publish_result r = run_ok(w, &same);
    assert_int_equal(r.files_written, 2);
    assert_int_equal(r.serial, AS_OF_S + 1);
    assert_int_equal(stat_of(w, LIVE).st_mtim.tv_sec, AS_OF_S + 1);
    assert_false(run_ok(w, &same).published);
}

static void test_value_alone_is_a_change(void **state)
{
    struct world *w = *state;
    struct want want = { .as_of_s = AS_OF_S, .list = { [HARVESTERS] = { "1.2.3.4" } }, .value = 0x7f031902 };

    assert_true(run_ok(w, &want).published);
    want.value = 0x7f041902;
    want.as_of_s++;
    struct publish_result r = run_ok(w, &want);
    assert_true(r.published);
    assert_int_equal(r.added + r.removed, 0);
    assert_true(holds(w, LIVE, ".4.3.2.1 :127.4.25.2"));
}

static void test_sets_kept(void **state)
{
    struct world *w = *state;
    char path[PATH_TEXT_MAX], name[32];

    for (int i = 0; i < 8; i++) {
        const struct want want = { .as_of_s = AS_OF_S + i,
                                   .list = { { i % 2 == 0 ? "1.2.3.4" : "1.2.3.5" } } };

        assert_true(run_ok(w, &want).published);
    }
    assert_int_equal(set_count(w), 3);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof(name), "%lld", AS_OF_S + i);
        assert_int_equal(path_join(w->zones_dir, name, path), TRAP_OK);
        assert_int_equal(access(path, F_OK), i < 5 ? -1 : 0);
    }
}

static void test_removal_reasons(void **state)
{
    struct world *w = *state;
    struct want want = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4", "2.2.2.2", "3.3.3.3", "4.4.4.4" } } };

    assert_true(run_ok(w, &want).published);
    assert_int_equal(prefix_set_add(&w->lists.set[LIST_NEVER], prefix_made("1.2.3.0/24")), TRAP_OK);
    assert_int_equal(prefix_set_seal(&w->lists.set[LIST_NEVER]), TRAP_OK);
    w->delist[0] = (struct act_prefix){ .prefix = prefix_made("2.2.2.2"), .at = at_s(AS_OF_S) };
    w->acts = (struct acts_view){ .delist = w->delist, .delist_count = 1 };
    want = (struct want){ .as_of_s = AS_OF_S + 60, .list = { { "4.4.4.4" } } };
    assert_int_equal(run_ok(w, &want).removed, 3);
    assert_string_equal(history(w, "1.2.3.4"),
                        "-bl.example.org never-list 1.2.3.0/24;+bl.example.org evidence;");
    assert_string_equal(history(w, "2.2.2.2"), "-bl.example.org delisted;+bl.example.org evidence;");
    assert_string_equal(history(w, "3.3.3.3"), "-bl.example.org policy;+bl.example.org evidence;");
    want = (struct want){ .as_of_s = AS_OF_S + 60 + BEFORE_END_S };
    assert_int_equal(run_ok(w, &want).removed, 1);
    assert_string_equal(history(w, "4.4.4.4"), "-bl.example.org expired;+bl.example.org evidence;");
}

static void test_saves_told_once(void **state)
{
    struct world *w = *state;
    struct listing_save save = { .key = prefix_made("8.8.8.8"),
                                 .entry = prefix_made("8.8.8.0/24"),
                                 .by = LIST_GUARD };
    struct want want = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } }, .saves = &save, .save_count = 1 };
    const char *once = "sharvesters.bl.example.org guard 8.8.8.0/24;sbl.example.org guard 8.8.8.0/24;";

    assert_true(run_ok(w, &want).published);
    assert_string_equal(history(w, "8.8.8.8"), once);
    want.as_of_s += 600;
    assert_true(run_ok(w, &want).published);
    assert_string_equal(history(w, "8.8.8.8"), once);
    world_restart(w);
    want.as_of_s += 600;
    assert_true(run_ok(w, &want).published);
    assert_string_equal(history(w, "8.8.8.8"), once);
    save.by = LIST_ALLOW;
    want.as_of_s += 600;
    assert_true(run_ok(w, &want).published);
    assert_non_null(strstr(history(w, "8.8.8.8"), "sbl.example.org allow 8.8.8.0/24;"));
}

static void test_restart_compares_with_record(void **state)
{
    struct world *w = *state;
    struct want want = { .as_of_s = AS_OF_S,
                         .list = { { "1.2.3.4", "5.6.7.8" }, { "2a00::/64" }, { "1.2.3.4" } } };

    assert_true(run_ok(w, &want).published);
    world_restart(w);
    assert_int_equal(current(w), AS_OF_S);
    struct publish_result r = run_ok(w, &want); /* a new process writes its files once */
    assert_true(r.published);
    assert_int_equal(r.serial, AS_OF_S + 1);
    assert_int_equal(r.added + r.removed, 0);
    world_restart(w);
    want = (struct want){ .as_of_s = AS_OF_S + 5, .list = { { "5.6.7.8" }, { "2a00::/64" }, { NULL } } };
    r = run_ok(w, &want);
    assert_int_equal(r.removed, 2);
}

static void test_zone_withdrawn(void **state)
{
    struct world *w = *state;
    const struct want want = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" }, { NULL }, { "1.2.3.4" } } };
    const struct want none = { .as_of_s = AS_OF_S + 1 };
    struct err_text why;

    assert_true(run_ok(w, &want).published);
    world_stop(w);
    plan_free(&w->plan);
    zones[0].live = false;
    assert_int_equal(plan_make(&w->config, &w->plan, &why), TRAP_OK);
    world_start(w);
    struct publish_result r = run_ok(w, &none);
    zones[0].live = true;
    assert_int_equal(r.removed, 2);
    assert_int_equal(r.entries, 0);
    assert_non_null(strstr(history(w, "1.2.3.4"), "-bl.example.org zone withdrawn;"));
    assert_false(run_ok(w, &none).published);
}

static void test_out(void **state)
{
    struct world *w = *state;
    struct publish_dataset d[DATASETS] = { 0 };
    struct publish_input in = { .as_of = at_s(AS_OF_S),
                                .serial = 77,
                                .dataset = d,
                                .lists = &w->lists,
                                .acts = &w->acts,
                                .policy_digest = "abc" };
    struct publish_result r;
    struct err_text why = { "" };
    char dir[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
    struct buf manifest;

    assert_int_equal(
        zone_entries_add(&d[LIVE4].entries,
                         (struct zone_entry){ .prefix = prefix_made("1.2.3.4"), .value = 0x7f000002 }),
        TRAP_OK);
    d[SHADOW4].held = true;
    assert_int_equal(path_join(w->dir, "out", dir), TRAP_OK);
    assert_int_equal(publish_out(&w->config, &w->plan, &in, dir, &r, &why), TRAP_OK);
    assert_int_equal(r.serial, 77);
    assert_int_equal(r.files_written, 1);
    assert_int_equal(path_join(dir, "manifest", path), TRAP_OK);
    assert_int_equal(file_slurp(path, 1 << 16, &manifest, &why), TRAP_OK);
    assert_non_null(strstr(buf_cstr(&manifest), "file bl.example.org.combined 77 2026-01-01T00:00:00Z 1 "));
    buf_free(&manifest);
    assert_int_equal(publish_out(&w->config, &w->plan, &in, dir, &r, &why), TRAP_EEXIST);
    assert_int_equal(current(w), 0);
    zone_entries_free(&d[LIVE4].entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sets_and_record),
        TEST(test_current),
        TEST(test_full_interval),
        TEST(test_clock_went_back),
        TEST(test_value_alone_is_a_change),
        TEST(test_sets_kept),
        TEST(test_removal_reasons),
        TEST(test_saves_told_once),
        TEST(test_restart_compares_with_record),
        TEST(test_zone_withdrawn),
        TEST(test_out),
    };

    return keyed_init() == TRAP_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
