/* The publisher: when a set is made, the record beside it, held datasets, and a crash at each point. */
#include "listing_make.h"

#include <base/file.h>
#include <export/publish.h>
#include <mail/keyed.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char policy_name[] = "standard", text[] = "listed: $", contact[] = "", live_name[] = "bl.example.org", shadow_name[] = "new.example.org";
static struct conf_policy policies[] = { { .name = policy_name } };
static struct conf_zone zones[] = {
    { .name = live_name, .kind = ZONE_COMBINED, .policy = policy_name, .live = true, .text = text, .contact = contact, .code = 2,
      .ttl = { 300000 } },
    { .name = shadow_name, .kind = ZONE_SENDERS4, .policy = policy_name, .text = text, .contact = contact, .code = 2, .ttl = { 300000 } },
};
enum { DATASETS = 4, LIVE4 = 0, LIVE6 = 1, HARVESTERS = 2, SHADOW4 = 3 };
#define LIVE   "bl.example.org.combined"
#define SHADOW "shadow/new.example.org.ip4"
#define BEFORE_END_S 3600

/* One installation: state directory, open record, publisher. */
struct world {
    char dir[64], zones_dir[PATH_TEXT_MAX];
    struct config config;
    struct plan plan;
    struct store_db *published;
    struct publisher *publisher;
    struct lists lists;
    struct acts_view acts;
    struct act_prefix delist[4];
};

/* What the datasets shall hold in a run. */
struct want {
    int64_t as_of_s;
    const char *list[DATASETS][8];
    bool held;            /* the senders' datasets */
    uint32_t value;       /* 0: 127.0.0.2 */
    const struct listing_save *saves;
    size_t save_count;
};

static void world_start(struct world *w)
{
    struct err_text why = { "" };

    if (store_open(w->dir, STORE_PUBLISHED, STORE_CREATE, &w->published, &why) != TRAP_OK ||
        publisher_new(&w->config, &w->plan, w->published, &w->publisher, &why) != TRAP_OK)
        fail_msg("%s", why.text);
}

static void world_stop(struct world *w)
{
    publisher_free(&w->publisher);
    store_close(&w->published);
}

static void world_restart(struct world *w)
{
    world_stop(w);
    world_start(w);
}

static int world_new(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err_text why;

    if (w == NULL)
        return -1;
    memcpy(w->dir, "/tmp/trapline-publish-XXXXXX", sizeof("/tmp/trapline-publish-XXXXXX"));
    if (mkdtemp(w->dir) == NULL || path_join(w->dir, "zones", w->zones_dir) != TRAP_OK)
        return -1;
    w->config = (struct config){ .policies = policies, .policy_count = 1, .zones = zones, .zone_count = 2,
                                 .export = { .dir = w->zones_dir, .full_interval = { 600000 }, .stale_after = { 21600000 },
                                             .sets_kept = 3 } };
    if (plan_make(&w->config, &w->plan, &why) != TRAP_OK || prefix_set_seal(&w->lists.forbidden) != TRAP_OK ||
        prefix_set_seal(&w->lists.forbidden_harvesters) != TRAP_OK)
        return -1;
    for (int i = 0; i < LIST_COUNT; i++)
        if (prefix_set_seal(&w->lists.set[i]) != TRAP_OK)
            return -1;
    world_start(w);
    *state = w;
    return 0;
}

static int world_free(void **state)
{
    struct world *w = *state;
    struct err_text why;

    world_stop(w);
    plan_free(&w->plan);
    lists_free(&w->lists);
    const int rc = dir_remove(w->dir, &why) == TRAP_OK ? 0 : -1;
    free(w);
    return rc;
}

static enum trap_err run(struct world *w, const struct want *want, struct publish_result *out)
{
    struct publish_dataset d[DATASETS] = { 0 };
    struct publish_input in = { .as_of = at_s(want->as_of_s), .dataset = d, .lists = &w->lists, .acts = &w->acts, .policy_digest = "abc" };
    struct err_text why = { "" };

    for (size_t i = 0; i < DATASETS; i++) {
        d[i].held = want->held && i != HARVESTERS;
        d[i].saves = want->saves;
        d[i].save_count = want->save_count;
        for (size_t k = 0; want->list[i][k] != NULL; k++)
            assert_int_equal(zone_entries_add(&d[i].entries,
                                              (struct zone_entry){ .prefix = prefix_made(want->list[i][k]), .reason = LISTING_EVIDENCE,
                                                                   .value = i == HARVESTERS && want->value != 0 ? want->value : 0x7f000002,
                                                                   .until = at_s(want->as_of_s + BEFORE_END_S) }),
                             TRAP_OK);
    }
    *out = (struct publish_result){ 0 };
    const enum trap_err err = publisher_run(w->publisher, &in, out, &why);
    for (size_t i = 0; i < DATASETS; i++)
        zone_entries_free(&d[i].entries);
    return err;
}

static struct publish_result run_ok(struct world *w, const struct want *want)
{
    struct publish_result r;

    assert_int_equal(run(w, want, &r), TRAP_OK);
    return r;
}

/* ---- looking at what came out ---- */

static uint32_t current(const struct world *w)
{
    char path[PATH_TEXT_MAX], target[32] = "";

    assert_int_equal(path_join(w->zones_dir, "current", path), TRAP_OK);
    if (readlink(path, target, sizeof(target) - 1) == -1)
        return 0;
    return (uint32_t)strtoul(target, NULL, 10);
}

static bool holds(const struct world *w, const char *file, const char *line)
{
    char path[PATH_TEXT_MAX], name[PATH_TEXT_MAX], wanted[128];
    struct err_text why;
    struct buf text_of;

    (void)snprintf(name, sizeof(name), "current/%s", file);
    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    assert_int_equal(path_join(w->zones_dir, name, path), TRAP_OK);
    if (file_slurp(path, 1 << 20, &text_of, &why) != TRAP_OK)
        return false;
    const bool found = strstr(buf_cstr(&text_of), wanted) != NULL;
    buf_free(&text_of);
    return found;
}

static struct stat stat_of(const struct world *w, const char *file)
{
    char path[PATH_TEXT_MAX], name[PATH_TEXT_MAX];
    struct stat st;

    (void)snprintf(name, sizeof(name), "current/%s", file);
    assert_int_equal(path_join(w->zones_dir, name, path), TRAP_OK);
    assert_int_equal(stat(path, &st), 0);
    return st;
}

static size_t set_count(const struct world *w)
{
    DIR *d = opendir(w->zones_dir);
    struct dirent *e;
    size_t n = 0;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        n += ascii_is_digit((uint8_t)e->d_name[0]);
    (void)closedir(d);
    return n;
}

struct told {
    char text[1024];
};

static enum trap_err tell(const struct published_change *c, void *arg)
{
    struct told *t = arg;
    const size_t n = strlen(t->text);

    (void)snprintf(t->text + n, sizeof(t->text) - n, "%c%.*s %.*s;", "?+-s"[c->kind], (int)c->zone.n, (const char *)c->zone.p,
                   (int)c->reason.n, (const char *)c->reason.p);
    return TRAP_OK;
}

/* The history of a prefix, newest first: "-bl.example.org expired;+bl.example.org evidence;" */
static const char *history(const struct world *w, const char *prefix)
{
    static struct told t;

    t.text[0] = '\0';
    assert_int_equal(published_history(w->published, prefix_made(prefix), 20, tell, &t), TRAP_OK);
    return t.text;
}

/* ---- tests ---- */

static void test_sets_and_record(void **state)
{
    struct world *w = *state;
    const struct want one = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4", "5.6.7.8" }, { "2a00::/64" }, { "1.2.3.4" }, { "9.9.9.9" } } };
    const struct want two = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4", "7.7.7.0/24" }, { "2a00::/64" }, { "1.2.3.4" }, { "9.9.9.9" } } };
    struct publish_result r = run_ok(w, &one);

    assert_true(r.published);
    assert_int_equal(r.serial, AS_OF_S);
    assert_int_equal(r.added, 4);
    assert_int_equal(r.files_written, 2);
    assert_int_equal(current(w), r.serial);
    assert_true(holds(w, LIVE, "5.6.7.8"));
    assert_true(holds(w, LIVE, ".4.3.2.1 :127.0.0.2"));
    assert_true(holds(w, SHADOW, "9.9.9.9"));
    assert_string_equal(history(w, "1.2.3.4"), "+harvesters.bl.example.org evidence;+bl.example.org evidence;");
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
        const struct want want = { .as_of_s = AS_OF_S + i, .list = { { i % 2 == 0 ? "1.2.3.4" : "1.2.3.5" } } };

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
    assert_string_equal(history(w, "1.2.3.4"), "-bl.example.org never-list 1.2.3.0/24;+bl.example.org evidence;");
    assert_string_equal(history(w, "2.2.2.2"), "-bl.example.org delisted;+bl.example.org evidence;");
    assert_string_equal(history(w, "3.3.3.3"), "-bl.example.org policy;+bl.example.org evidence;");
    want = (struct want){ .as_of_s = AS_OF_S + 60 + BEFORE_END_S };
    assert_int_equal(run_ok(w, &want).removed, 1);
    assert_string_equal(history(w, "4.4.4.4"), "-bl.example.org expired;+bl.example.org evidence;");
}

static void test_saves_told_once(void **state)
{
    struct world *w = *state;
    struct listing_save save = { .key = prefix_made("8.8.8.8"), .entry = prefix_made("8.8.8.0/24"), .by = LIST_GUARD };
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
    struct want want = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4", "5.6.7.8" }, { "2a00::/64" }, { "1.2.3.4" } } };

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
    const struct want one = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } }, two = { .as_of_s = AS_OF_S + 1, .list = { { "5.6.7.8" } } };

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
    const struct want one = { .as_of_s = AS_OF_S, .list = { { "1.2.3.4" } } }, two = { .as_of_s = AS_OF_S + 1, .list = { { "5.6.7.8" } } };
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

    want = (struct want){ .as_of_s = AS_OF_S + 1, .list = { { "1.1.1.1", "2.2.2.2", "3.3.3.3" }, { NULL }, { NULL }, { "9.9.9.9" } } };
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

    world_restart(w); /* live entries come from the record; the shadow zone's last good file stays */
    want.as_of_s = AS_OF_S + 120;
    assert_true(run_ok(w, &want).published);
    assert_true(holds(w, LIVE, "1.1.1.1"));
    assert_true(holds(w, SHADOW, "9.9.9.9"));
    want.as_of_s = AS_OF_S + 1 + BEFORE_END_S;
    r = run_ok(w, &want);
    assert_int_equal(r.removed, 1); /* its time is over */
    assert_false(holds(w, LIVE, "1.1.1.1"));
}

static void test_out(void **state)
{
    struct world *w = *state;
    struct publish_dataset d[DATASETS] = { 0 };
    struct publish_input in = { .as_of = at_s(AS_OF_S), .serial = 77, .dataset = d, .lists = &w->lists, .acts = &w->acts,
                                .policy_digest = "abc" };
    struct publish_result r;
    struct err_text why = { "" };
    char dir[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
    struct buf manifest;

    assert_int_equal(zone_entries_add(&d[LIVE4].entries, (struct zone_entry){ .prefix = prefix_made("1.2.3.4"), .value = 0x7f000002 }),
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_new, world_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sets_and_record),  TEST(test_full_interval),     TEST(test_value_alone_is_a_change),
        TEST(test_sets_kept),        TEST(test_removal_reasons),   TEST(test_saves_told_once),
        TEST(test_restart_compares_with_record), TEST(test_zone_withdrawn), TEST(test_crash_before_record),
        TEST(test_crash_before_swap), TEST(test_crash_lost_set),   TEST(test_swap_fails),
        TEST(test_refused_set),      TEST(test_held),              TEST(test_out),
    };

    return keyed_init() == TRAP_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
