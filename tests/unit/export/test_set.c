/* A set: files, links, mtime, the manifest; and what keeps a set from being written. */
#include "listing_make.h"
#include "two_zones.h"

#include <base/file.h>
#include <mail/keyed.h>
#include <set.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/trapline-set-XXXXXX";
static struct config config = {
    .policies = policies,
    .policy_count = 1,
    .zones = zones,
    .zone_count = 2,
    .export = { .full_interval = { 600000 }, .stale_after = { 21600000 }, .sets_kept = 5 }
};
static struct plan plan;
static struct lists lists;

enum { FILES = 2 };

static struct zone_entries entries_of(const char *const *prefixes)
{
    struct zone_entries e = { 0 };

    for (size_t i = 0; prefixes[i] != NULL; i++)
        assert_int_equal(zone_entries_add(&e, (struct zone_entry){ .prefix = prefix_made(prefixes[i]),
                                                                   .value = 0x7f000002 }),
                         TRAP_OK);
    return e;
}

static const char *const v4[] = { "1.2.3.4", "5.6.7.0/24", NULL };
static const char *const v6[] = { "2a00::/64", NULL };
static const char *const none[] = { NULL };

struct set {
    char dir[PATH_TEXT_MAX];
    struct manifest m;
};

static enum trap_err write_set(const char *name, const char *const *senders4,
                               const enum set_action action[FILES], int64_t as_of_s,
                               const struct set *previous, struct set *out, struct err_text *why)
{
    struct zone_entries e[DATASETS] = { entries_of(senders4), entries_of(v6), entries_of(none),
                                        entries_of(senders4) };
    const struct set_order order = { .plan = &plan,
                                     .conf = &config.export,
                                     .action = action,
                                     .entries = e,
                                     .lists = &lists,
                                     .previous_dir = previous == NULL ? NULL : previous->dir,
                                     .previous = previous == NULL ? NULL : &previous->m,
                                     .serial = (uint32_t)as_of_s,
                                     .as_of = at_s(as_of_s),
                                     .policy = "abc" };
    enum trap_err err;

    assert_int_equal(path_join(top, name, out->dir), TRAP_OK);
    assert_int_equal(dir_make(out->dir, 0700, why), TRAP_OK);
    err = set_write(out->dir, &order, &out->m, why);
    for (size_t i = 0; i < DATASETS; i++)
        zone_entries_free(&e[i]);
    return err;
}

static struct stat stat_of(const struct set *s, const char *path)
{
    char full[PATH_TEXT_MAX];
    struct stat st;

    assert_int_equal(path_join(s->dir, path, full), TRAP_OK);
    assert_int_equal(stat(full, &st), 0);
    return st;
}

static const enum set_action both[FILES] = { SET_WRITE, SET_WRITE },
                             first_linked[FILES] = { SET_LINK, SET_WRITE },
                             first_only[FILES] = { SET_WRITE, SET_SKIP };

static void test_write_and_read(void **state)
{
    struct err_text why = { "" };
    struct manifest m;
    struct set s;

    (void)state;
    assert_int_equal(write_set("a", v4, both, AS_OF_S, NULL, &s, &why), TRAP_OK);
    assert_int_equal(s.m.file_count, 2);
    assert_int_equal(s.m.dataset_count, 4);
    assert_int_equal(manifest_find(&s.m, LIVE)->facts.entries, 3);
    assert_int_equal(stat_of(&s, LIVE).st_mtim.tv_sec, AS_OF_S);
    assert_int_equal(stat_of(&s, LIVE).st_mode & 0777, 0644);
    assert_int_equal(stat_of(&s, "").st_mode & 0777, 0755);
    assert_int_equal(set_read(s.dir, true, &m, &why), TRAP_OK);
    assert_int_equal(m.serial, AS_OF_S);
    assert_string_equal(m.file[1].path, SHADOW);
    manifest_free(&m);
    manifest_free(&s.m);
}

/* rbldnsd sees seconds and size only: a rewritten file is always at least one second younger, an unchanged
 * one is the same file. */
static void test_mtime(void **state)
{
    static const struct {
        const char *name;
        int64_t as_of_s, mtime_s;
    } cases[] = {
        { "same-second", AS_OF_S, AS_OF_S + 1 },
        { "clock-went-back", AS_OF_S - 3600, AS_OF_S + 1 },
        { "next-second", AS_OF_S + 1, AS_OF_S + 1 },
        { "later", AS_OF_S + 600, AS_OF_S + 600 },
    };
    struct err_text why = { "" };
    struct set before, s;

    (void)state;
    assert_int_equal(write_set("b", v4, both, AS_OF_S, NULL, &before, &why), TRAP_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(write_set(cases[i].name, v4, first_linked, cases[i].as_of_s, &before, &s, &why),
                         TRAP_OK);
        assert_int_equal(stat_of(&s, SHADOW).st_mtim.tv_sec, cases[i].mtime_s);
        assert_int_equal(stat_of(&s, SHADOW).st_mtim.tv_nsec, 0);
        assert_int_equal(stat_of(&s, LIVE).st_ino, stat_of(&before, LIVE).st_ino);
        assert_int_equal(stat_of(&s, LIVE).st_mtim.tv_sec, AS_OF_S);
        assert_int_equal(manifest_find(&s.m, LIVE)->serial, AS_OF_S);
        assert_int_equal(manifest_find(&s.m, SHADOW)->serial, cases[i].as_of_s);
        manifest_free(&s.m);
    }
    manifest_free(&before.m);
}

static void test_skipped(void **state)
{
    struct err_text why = { "" };
    struct set s;
    char path[PATH_TEXT_MAX];

    (void)state;
    assert_int_equal(write_set("skipped", v4, first_only, AS_OF_S, NULL, &s, &why), TRAP_OK);
    assert_int_equal(s.m.file_count, 1);
    assert_int_equal(s.m.dataset_count, 3);
    assert_int_equal(path_join(s.dir, SHADOW, path), TRAP_OK);
    assert_int_equal(access(path, F_OK), -1);
    manifest_free(&s.m);
}

/* The last line of defence: whatever the policy says, these never come out. */
static void test_never_listed(void **state)
{
    static const char *const special[] = { "1.2.3.4", "10.1.1.1", NULL }, *const own[] = { "203.0.114.0/23",
                                                                                           NULL };
    struct err_text why = { "" };
    struct set s;

    (void)state;
    assert_int_equal(write_set("special", special, both, AS_OF_S, NULL, &s, &why), TRAP_EPERM);
    assert_non_null(strstr(why.text, "10.1.1.1"));
    assert_int_equal(write_set("own", own, both, AS_OF_S, NULL, &s, &why), TRAP_EPERM);
    assert_non_null(strstr(why.text, "203.0.114.0/24"));
}

static void test_read_refuses_changes(void **state)
{
    struct err_text why = { "" };
    struct manifest m;
    struct set s;
    char path[PATH_TEXT_MAX];

    (void)state;
    assert_int_equal(write_set("c", v4, both, AS_OF_S, NULL, &s, &why), TRAP_OK);
    assert_int_equal(path_join(s.dir, LIVE, path), TRAP_OK);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(set_read(s.dir, false, &m, &why), TRAP_OK);
    manifest_free(&m);
    assert_int_equal(set_read(s.dir, true, &m, &why), TRAP_ECORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(set_read(s.dir, true, &m, &why), TRAP_EIO);
    assert_int_equal(path_join(s.dir, MANIFEST_NAME, path), TRAP_OK);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(set_read(s.dir, false, &m, &why), TRAP_ECORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(set_read(s.dir, false, &m, &why), TRAP_ENOENT);
    manifest_free(&s.m);
}

static int setup(void **state)
{
    struct err_text why;

    (void)state;
    if (keyed_init() != TRAP_OK || mkdtemp(top) == NULL || plan_make(&config, &plan, &why) != TRAP_OK)
        return -1;
    prefix_set_init(&lists.forbidden);
    prefix_set_init(&lists.forbidden_harvesters);
    return prefix_set_add(&lists.forbidden, prefix_made("203.0.114.0/24")) == TRAP_OK &&
                   prefix_set_seal(&lists.forbidden) == TRAP_OK &&
                   prefix_set_seal(&lists.forbidden_harvesters) == TRAP_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct err_text why;

    (void)state;
    plan_free(&plan);
    prefix_set_free(&lists.forbidden);
    prefix_set_free(&lists.forbidden_harvesters);
    return dir_remove(top, &why) == TRAP_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_mtime),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_never_listed),
        cmocka_unit_test(test_read_refuses_changes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
