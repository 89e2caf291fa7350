/* Acts as of a moment, and the lists that nobody gets past. */
#include "scratch.h"

#include <policy/lists.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1772366400LL /* 2026-03-01T12:00:00Z */

static wall_t second(int64_t s)
{
    return (wall_t){ (NOW + s) * WALL_US_PER_S };
}

static const wall_t no_end = { 0 };

static struct acts_view view(struct scratch *s, int64_t as_of)
{
    struct err_text why = { "" };
    struct acts_view v;

    assert_trap_ok(acts_view_load(s->acts, second(as_of), &v, &why), why);
    return v;
}

static void assert_counts(struct scratch *s, int64_t as_of, size_t allow, size_t deny, size_t delist)
{
    struct acts_view v = view(s, as_of);

    assert_int_equal(v.allow_count, allow);
    assert_int_equal(v.deny_count, deny);
    assert_int_equal(v.delist_count, delist);
    acts_view_free(&v);
}

static void test_acts_as_of(void **state)
{
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    assert_counts(&s, 0, 0, 0, 0);
    (void)scratch_act(&s, ACT_ALLOW, "198.44.1.0/24", second(0), second(100));
    (void)scratch_act(&s, ACT_DENY, "2a00:1::/32", second(10), no_end);
    (void)scratch_act(&s, ACT_DELIST, "198.44.2.7", second(20), no_end);
    (void)scratch_act(&s, ACT_TRAP_ADD, "not.a.prefix@shop.example", second(0), no_end);
    assert_counts(&s, -1, 0, 0, 0);
    assert_counts(&s, 0, 1, 0, 0);
    assert_counts(&s, 10, 1, 1, 0);
    assert_counts(&s, 99, 1, 1, 1);
    assert_counts(&s, 100, 0, 1, 1);
    struct acts_view v = view(&s, 50);
    assert_int_equal(prefix_cmp(v.delist[0].prefix, cidr("198.44.2.7")), 0);
    assert_int_equal(v.delist[0].at.us, second(20).us);
    assert_int_equal(v.deny[0].seq, 2);
    acts_view_free(&v);
    scratch_end(&s);
}

static void test_revokes(void **state)
{
    struct scratch s;
    char subject[24];

    (void)state;
    scratch_begin(&s);
    const uint64_t deny = scratch_act(&s, ACT_DENY, "198.44.1.0/24", second(0), no_end);
    (void)snprintf(subject, sizeof subject, "%llu", (unsigned long long)deny);
    const uint64_t revoke = scratch_act(&s, ACT_REVOKE, subject, second(10), no_end);
    (void)snprintf(subject, sizeof subject, "%llu", (unsigned long long)revoke);
    (void)scratch_act(&s, ACT_REVOKE, subject, second(20), no_end);
    (void)scratch_act(&s, ACT_REVOKE, "999", second(30), no_end); /* of nothing */
    assert_counts(&s, 9, 0, 1, 0);
    assert_counts(&s, 10, 0, 0, 0);
    assert_counts(&s, 20, 0, 1, 0); /* what took it back was taken back */
    assert_counts(&s, 30, 0, 1, 0);
    scratch_end(&s);
}

static void test_unreadable_act(void **state)
{
    struct err_text why = { "" };
    struct acts_view v;
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    (void)scratch_act(&s, ACT_ALLOW, "198.44.1.0/33", second(0), no_end);
    assert_int_equal(acts_view_load(s.acts, second(1), &v, &why), TRAP_ECORRUPT);
    assert_true(why.text[0] != '\0');
    scratch_end(&s);
}

/* ---- lists ---- */

static struct config config_with(const char *never)
{
    struct config c = { 0 };

    if (never != NULL)
        assert_int_equal(prefix_set_add(&c.never_list, cidr(never)), TRAP_OK);
    assert_int_equal(prefix_set_seal(&c.never_list), TRAP_OK);
    return c;
}

static void test_parts(void **state)
{
    static const struct {
        const char *prefix;
        enum list_name sender, harvester;
    } finds[] = {
        { "192.168.1.1", LIST_SPECIAL_USE, LIST_SPECIAL_USE },
        { "fe80::/64", LIST_SPECIAL_USE, LIST_SPECIAL_USE },
        { "45.1.2.3", LIST_NEVER, LIST_NEVER },
        { "45.0.0.0/8", LIST_NEVER, LIST_NEVER },
        { "45.3.0.9", LIST_NEVER, LIST_NEVER },
        { "45.4.0.9", LIST_ALLOW, LIST_ALLOW },
        { "45.5.0.9", LIST_GUARD, LIST_GUARD },
        { "45.6.0.9", LIST_COUNT, LIST_CRAWLERS },
        { "45.7.0.9", LIST_COUNT, LIST_COUNT },
    };
    char never[PATH_TEXT_MAX], guard[PATH_TEXT_MAX], crawlers[PATH_TEXT_MAX];
    struct act_prefix allow = { .prefix = cidr("45.4.0.0/16") };
    const struct acts_view acts = { .allow = &allow, .allow_count = 1 };
    struct err_text why = { "" };
    struct config c = config_with("45.1.0.0/16");
    struct lists l;
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    char *never_files[] = { never }, *guard_files[] = { guard }, *crawler_files[] = { crawlers };
    (void)scratch_file(&s, "never", "45.3.0.0/16 # ours\n", never);
    (void)scratch_file(&s, "guard", "45.5.0.0/16\n", guard);
    (void)scratch_file(&s, "crawlers", "45.6.0.0/16\n", crawlers);
    c.never_list_files = (struct strings){ never_files, 1 };
    c.guard_files = (struct strings){ guard_files, 1 };
    c.crawler_files = (struct strings){ crawler_files, 1 };
    assert_trap_ok(lists_load(&c, &acts, wall_now(), &l, &why), why);
    assert_false(l.guard_missing);
    for (size_t i = 0; i < sizeof finds / sizeof finds[0]; i++) {
        const struct prefix p = cidr(finds[i].prefix);
        struct prefix entry;
        assert_int_equal(lists_find(&l, p, false, &entry), finds[i].sender);
        assert_int_equal(lists_find(&l, p, true, &entry), finds[i].harvester);
        assert_int_equal(prefix_set_overlaps(&l.forbidden, p, NULL), finds[i].sender != LIST_COUNT);
        assert_int_equal(prefix_set_overlaps(&l.forbidden_harvesters, p, NULL),
                         finds[i].harvester != LIST_COUNT);
    }
    lists_free(&l);
    prefix_set_free(&c.never_list);
    scratch_end(&s);
}

static void test_guard(void **state)
{
    char path[PATH_TEXT_MAX];
    char *files[] = { path };
    struct config c = config_with(NULL);
    struct err_text why = { "" };
    struct lists l;
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    /* No file at all: on, and empty. */
    assert_trap_ok(lists_load(&c, NULL, second(0), &l, &why), why);
    assert_true(l.guard_missing && !l.guard_off);
    lists_free(&l);
    c.guard_off = true;
    assert_trap_ok(lists_load(&c, NULL, second(0), &l, &why), why);
    assert_true(!l.guard_missing && l.guard_off);
    lists_free(&l);
    c.guard_off = false;
    c.guard_files = (struct strings){ files, 1 };

    (void)scratch_file(&s, "guard", "# nothing yet\n", path);
    assert_trap_ok(lists_load(&c, NULL, wall_now(), &l, &why), why);
    assert_true(l.guard_missing);
    lists_free(&l);

    /* Seven days are new enough, a second more is not. */
    const struct timespec changed[2] = { { .tv_sec = NOW }, { .tv_sec = NOW } };
    (void)scratch_file(&s, "guard", "45.5.0.0/16\n", path);
    assert_int_equal(utimensat(AT_FDCWD, path, changed, 0), 0);
    assert_trap_ok(lists_load(&c, NULL, second(7 * 86400), &l, &why), why);
    assert_false(l.guard_missing);
    lists_free(&l);
    assert_trap_ok(lists_load(&c, NULL, second(7 * 86400 + 1), &l, &why), why);
    assert_true(l.guard_missing);
    assert_non_null(strstr(why.text, "renew it"));
    assert_int_equal(l.set[LIST_GUARD].n, 1); /* old ranges still save */
    lists_free(&l);

    assert_int_equal(path_join(s.dir, "gone", path), TRAP_OK);
    assert_trap_ok(lists_load(&c, NULL, second(0), &l, &why), why);
    assert_true(l.guard_missing);
    lists_free(&l);
    prefix_set_free(&c.never_list);
    scratch_end(&s);
}

static void test_bad_files(void **state)
{
    char path[PATH_TEXT_MAX];
    char *files[] = { path };
    struct config c = config_with(NULL);
    struct err_text why = { "" };
    struct lists l;
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    c.guard_off = true;
    c.never_list_files = (struct strings){ files, 1 };
    (void)scratch_file(&s, "never", "45.5.0.0/16\n45.5.0.0/99\n", path);
    assert_int_equal(lists_load(&c, NULL, second(0), &l, &why), TRAP_ERANGE);
    assert_non_null(strstr(why.text, "never:2"));
    assert_int_equal(path_join(s.dir, "gone", path), TRAP_OK);
    assert_int_equal(lists_load(&c, NULL, second(0), &l, &why), TRAP_ENOENT);
    assert_non_null(strstr(why.text, "gone"));
    prefix_set_free(&c.never_list);
    scratch_end(&s);
}

/* A program that runs keeps what it had, file by file, says so, and still hears every act. */
/* When what was just written has settled. */
static wall_t later(void)
{
    return (wall_t){ wall_now().us + 5 * WALL_US_PER_S };
}

static void test_reload(void **state)
{
    char never[PATH_TEXT_MAX], guard[PATH_TEXT_MAX], crawlers[PATH_TEXT_MAX];
    char *never_files[] = { never }, *guard_files[] = { guard }, *crawler_files[] = { crawlers };
    struct act_prefix allow = { .prefix = cidr("45.4.0.0/16") };
    const struct acts_view acts = { .allow = &allow, .allow_count = 1 };
    struct config c = config_with("45.1.0.0/16");
    struct err_text why = { "" }, kept;
    struct lists good, l;
    struct scratch s;

    (void)state;
    scratch_begin(&s);
    c.never_list_files = (struct strings){ never_files, 1 };
    c.guard_files = (struct strings){ guard_files, 1 };
    c.crawler_files = (struct strings){ crawler_files, 1 };
    (void)scratch_file(&s, "never", "45.3.0.0/16\n", never);
    (void)scratch_file(&s, "guard", "45.5.0.0/16\n", guard);
    (void)scratch_file(&s, "crawlers", "45.6.0.0/16\n", crawlers);
    assert_trap_ok(lists_load(&c, NULL, wall_now(), &good, &why), why);
    assert_trap_ok(lists_reload(&c, NULL, later(), &good, &l, &kept), kept);
    assert_string_equal(kept.text, "");
    lists_free(&l);

    (void)scratch_file(&s, "never", "45.3.0.0/16\nnonsense\n", never);
    (void)scratch_file(&s, "crawlers", "45.8.0.0/16\n", crawlers);
    assert_int_equal(unlink(guard), 0);
    assert_trap_ok(lists_reload(&c, &acts, later(), &good, &l, &kept), kept);
    assert_true(kept.text[0] != '\0');
    assert_true(l.guard_missing);
    assert_non_null(strstr(l.guard_why.text, "guard"));
    assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.1.0.1"), NULL));
    assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.3.0.1"), NULL));
    assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.4.0.1"), NULL));
    assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.5.0.1"), NULL)); /* ranges stay */
    assert_false(prefix_set_overlaps(&l.forbidden_harvesters, cidr("45.6.0.1"), NULL));
    assert_true(prefix_set_overlaps(&l.forbidden_harvesters, cidr("45.8.0.1"), NULL));
    lists_free(&l);

    (void)scratch_file(&s, "guard", "nonsense\n", guard);
    assert_trap_ok(lists_reload(&c, &acts, later(), &good, &l, &kept), kept);
    assert_false(l.guard_missing); /* it was there a moment ago */
    assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.5.0.1"), NULL));
    lists_free(&l);

    /* Emptied: a download that failed. Being written: not looked at yet. */
    (void)scratch_file(&s, "never", "", never);
    (void)scratch_file(&s, "guard", "", guard);
    (void)scratch_file(&s, "crawlers", "", crawlers);
    for (int settled = 0; settled < 2; settled++) {
        assert_trap_ok(lists_reload(&c, NULL, settled ? later() : wall_now(), &good, &l, &kept), kept);
        assert_int_equal(kept.text[0] != '\0', settled);
        assert_false(l.guard_missing);
        assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.3.0.1"), NULL));
        assert_true(prefix_set_overlaps(&l.forbidden, cidr("45.5.0.1"), NULL));
        assert_true(prefix_set_overlaps(&l.forbidden_harvesters, cidr("45.6.0.1"), NULL));
        lists_free(&l);
    }
    (void)scratch_file(&s, "never", "# none\n", never);
    assert_trap_ok(lists_reload(&c, NULL, later(), &good, &l, &kept), kept);
    assert_false(prefix_set_overlaps(&l.forbidden, cidr("45.3.0.1"), NULL));
    lists_free(&l);
    lists_free(&good);
    prefix_set_free(&c.never_list);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acts_as_of),     cmocka_unit_test(test_revokes),
        cmocka_unit_test(test_unreadable_act), cmocka_unit_test(test_parts),
        cmocka_unit_test(test_guard),          cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_reload)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
