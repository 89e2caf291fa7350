/* publish_world.h - one installation for the tests of the publisher: state directory, record, two zones, and
 * what came out. */
#ifndef TESTS_PUBLISH_WORLD_H
#define TESTS_PUBLISH_WORLD_H

#include "listing_make.h"
#include "two_zones.h"

#include <base/file.h>
#include <base/num.h>
#include <export/publish.h>
#include <mail/keyed.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BEFORE_END_S = 3600 };

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
    bool held;        /* the senders' datasets */
    const char *deny; /* of these, the one that an operator listed */
    uint32_t value;   /* 0: 127.0.0.2 */
    const struct listing_save *saves;
    size_t save_count;
};

static inline void world_start(struct world *w)
{
    struct err_text why = { "" };

    if (store_open(w->dir, STORE_PUBLISHED, STORE_CREATE, &w->published, &why) != TRAP_OK ||
        publisher_new(&w->config, &w->plan, w->published, &w->publisher, &why) != TRAP_OK)
        fail_msg("%s", why.text);
}

static inline void world_stop(struct world *w)
{
    publisher_free(&w->publisher);
    store_close(&w->published);
}

static inline void world_restart(struct world *w)
{
    world_stop(w);
    world_start(w);
}

static inline int world_new(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err_text why;

    if (w == NULL)
        return -1;
    memcpy(w->dir, "/tmp/trapline-publish-XXXXXX", sizeof("/tmp/trapline-publish-XXXXXX"));
    if (mkdtemp(w->dir) == NULL || path_join(w->dir, "zones", w->zones_dir) != TRAP_OK)
        return -1;
    w->config = (struct config){ .policies = policies,
                                 .policy_count = 1,
                                 .zones = zones,
                                 .zone_count = 2,
                                 .export = { .dir = w->zones_dir,
                                             .full_interval = { 600000 },
                                             .stale_after = { 21600000 },
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

static inline int world_free(void **state)
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

static inline enum trap_err run(struct world *w, const struct want *want, struct publish_result *out)
{
    struct publish_dataset d[DATASETS] = { 0 };
    struct publish_input in = { .as_of = at_s(want->as_of_s),
                                .dataset = d,
                                .lists = &w->lists,
                                .acts = &w->acts,
                                .policy_digest = "abc" };
    struct err_text why = { "" };

    for (size_t i = 0; i < DATASETS; i++) {
        d[i].held = want->held && i != HARVESTERS;
        d[i].saves = want->saves;
        d[i].save_count = want->save_count;
        for (size_t k = 0; want->list[i][k] != NULL; k++)
            assert_int_equal(
                zone_entries_add(&d[i].entries,
                                 (struct zone_entry){
                                     .prefix = prefix_made(want->list[i][k]),
                                     .reason = want->deny != NULL && strcmp(want->deny, want->list[i][k]) == 0
                                                   ? LISTING_DENY
                                                   : LISTING_EVIDENCE,
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

static inline struct publish_result run_ok(struct world *w, const struct want *want)
{
    struct publish_result r;

    assert_int_equal(run(w, want, &r), TRAP_OK);
    return r;
}

/* ---- looking at what came out ---- */

static inline uint32_t current(const struct world *w)
{
    char path[PATH_TEXT_MAX], target[32] = "";

    assert_int_equal(path_join(w->zones_dir, "current", path), TRAP_OK);
    if (readlink(path, target, sizeof(target) - 1) == -1)
        return 0;
    uint32_t serial = 0;
    assert_int_equal(num_u32(bytes_str(target), 1, UINT32_MAX, &serial), TRAP_OK);
    return serial;
}

static inline bool holds(const struct world *w, const char *file, const char *line)
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

static inline struct stat stat_of(const struct world *w, const char *file)
{
    char path[PATH_TEXT_MAX], name[PATH_TEXT_MAX];
    struct stat st;

    (void)snprintf(name, sizeof(name), "current/%s", file);
    assert_int_equal(path_join(w->zones_dir, name, path), TRAP_OK);
    assert_int_equal(stat(path, &st), 0);
    return st;
}

static inline size_t set_count(const struct world *w)
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

static inline enum trap_err tell(const struct published_change *c, void *arg)
{
    struct told *t = arg;
    const size_t n = strlen(t->text);

    (void)snprintf(t->text + n, sizeof(t->text) - n, "%c%.*s %.*s;", "?+-s"[c->kind], (int)c -> zone.n,
                   (const char *)c->zone.p, (int)c->reason.n, (const char *)c->reason.p);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_new, world_free)

#endif
