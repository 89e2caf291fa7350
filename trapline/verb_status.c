/* verb_status.c - `trapline status`: what runs, what is on record, what is folded, what is published. */
#include "home.h"
#include "look_report.h"
#include "ready.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/num.h>
#include <export/publish.h>
#include <store/act_log.h>
#include <store/budget.h>
#include <store/hit_log.h>
#include <store/postmaster.h>
#include <store/published.h>
#include <store/sample.h>
#include <store/visit_log.h>

#include <dirent.h>
#include <stdio.h>

/* A daemon writes its pid into the lock file of the database it writes, traplook into one of its own. Trying the
 * lock itself could make a daemon's start fail. */
static bool daemon_runs(const struct home *h, const char *lock, const char *program)
{
    struct buf text;
    char path[PATH_TEXT_MAX];
    uint32_t pid = 0;
    bool runs = false;

    config_state_path(h->config, lock, path);
    if (file_slurp(path, 64, &text, NULL) != TRAP_OK)
        return false;
    if (num_u32(bytes_take(buf_bytes(&text), bytes_find(buf_bytes(&text), '\n')), 1, UINT32_MAX, &pid) ==
        TRAP_OK) {
        buf_free(&text);
        (void)snprintf(path, sizeof(path), "/proc/%u/comm", pid);
        if (file_slurp(path, 64, &text, NULL) == TRAP_OK)
            runs = bytes_eq(bytes_take(buf_bytes(&text), bytes_find(buf_bytes(&text), '\n')),
                            bytes_str(program));
    }
    buf_free(&text);
    return runs;
}

static json_t *gather_daemons(const struct home *h)
{
    static const struct {
        const char *name, *lock;
    } daemons[] = {
        { "trapweb", "visits.lock" },
        { "trapsmtp", "hits.lock" },
        { "trapexport", "derived.lock" },
        { "traplook", "look.lock" },
    };
    const size_t n = sizeof(daemons) / sizeof(daemons[0]) - (h->config->look.on ? 0 : 1);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:b}", "name", daemons[i].name, "running",
                                              daemon_runs(h, daemons[i].lock, daemons[i].name)));
    return list;
}

static enum trap_err add_log(json_t *list, struct home *h, const char *name, enum record_log log,
                             enum trap_err (*bounds)(struct store_db *, uint64_t *, uint64_t *),
                             struct store_db *db)
{
    uint64_t last = 0, erased = 0, folded = 0;
    enum trap_err err = bounds(db, &last, &erased);

    if (err == TRAP_OK)
        err = derived_mark_get(h->derived, h->config->node_id, log, &folded);
    if (err == TRAP_OK)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "log", name, "records",
                                              (json_int_t)(last - erased), "last", (json_int_t)last, "folded",
                                              (json_int_t)folded));
    return err;
}

struct zone_count {
    const struct conf_zone *zone;
    json_int_t entries;
};

/* A combined zone answers under sub-zones, too: harvesters.bl.example.org. */
static enum trap_err count_dataset(const struct current_dataset *d, void *arg)
{
    struct zone_count *c = arg;
    const struct bytes name = bytes_str(d->name), zone = bytes_str(c->zone->name);
    const bool inside =
        bytes_has_isuffix(name, zone) &&
        (name.n == zone.n || (c->zone->kind == ZONE_COMBINED && name.p[name.n - zone.n - 1] == '.'));

    if (inside && d->live == c->zone->live)
        c->entries += (json_int_t)d->entries;
    return TRAP_OK;
}

static enum trap_err gather_zones(struct home *h, json_t *list)
{
    for (size_t i = 0; i < h->config->zone_count; i++) {
        const struct conf_zone *z = &h->config->zones[i];
        struct zone_count count = { .zone = z };
        struct err_text why;
        const enum trap_err err = publish_current(h->config, count_dataset, &count, &why);

        if (err != TRAP_OK && err != TRAP_ENOENT)
            return err;
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:I}", "zone", z->name, "policy", z->policy,
                                        "publish", z->live ? "live" : "shadow", "entries", count.entries));
    }
    return TRAP_OK;
}

/* What is counted beyond hits_per_sender_hour, and how many samples there are. */
static enum trap_err gather_counts(struct home *h, json_t *doc)
{
    uint64_t rows = 0, messages = 0, samples = 0, bytes = 0;
    enum trap_err err = counter_total(h->hits, &rows, &messages);

    if (err == TRAP_OK && h->samples != NULL)
        err = sample_count(h->samples, &samples, &bytes);
    if (err == TRAP_OK) {
        json_object_set_new(
            doc, "counted",
            json_pack("{s:I, s:I}", "messages", (json_int_t)messages, "hours", (json_int_t)rows));
        json_object_set_new(
            doc, "samples",
            json_pack("{s:I, s:I}", "kept", (json_int_t)samples, "file_bytes", (json_int_t)bytes));
    }
    return err;
}

static enum trap_err add_newest(const struct hit *hit, void *arg)
{
    json_object_set_new(arg, "newest_hit",
                        json_pack("{s:I, s:o, s:o}", "hit", (json_int_t)hit->seq, "at", json_wall(hit->at),
                                  "sender", json_ip(hit->sender)));
    return TRAP_OK;
}

static enum trap_err gather_newest(struct home *h, json_t *doc)
{
    uint64_t last = 0, erased = 0;
    enum trap_err err = hit_bounds(h->hits, &last, &erased);

    if (err == TRAP_OK && last > erased)
        err = hit_get(h->hits, last, add_newest, doc);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

/* What waits for the operator: mail to postmaster, and what is not right. */
static void gather_todo(const struct home *h, json_t *doc)
{
    char path[PATH_TEXT_MAX];
    struct ready ready;
    json_int_t mails = 0;
    DIR *d;

    config_state_path(h->config, "postmaster", path);
    d = opendir(path);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        mails += postmaster_is_name(bytes_str(e->d_name)) ? 1 : 0;
    if (d != NULL)
        (void)closedir(d);
    json_object_set_new(doc, "postmaster", json_integer(mails));
    ready_look(h->config, h->now, &ready);
    json_object_set(doc, "problems", ready.problems);
    json_object_set(doc, "notes", ready.notes);
    ready_free(&ready);
}

static enum trap_err count_act(const struct act *a, void *arg)
{
    (void)a;
    ++*(uint64_t *)arg;
    return TRAP_OK;
}

/* What was withdrawn, and whom a list has kept off a zone so far. */
static enum trap_err gather_corrections(struct home *h, json_t *doc)
{
    uint64_t taints = 0, saves = 0;
    enum trap_err err = act_each_standing(h->acts, h->now, UINT32_C(1) << ACT_TAINT, count_act, &taints);

    if (err == TRAP_OK)
        err = published_saved(h->published, &saves);
    if (err == TRAP_OK) {
        json_object_set_new(doc, "taints", json_integer((json_int_t)taints));
        json_object_set_new(doc, "saves", json_integer((json_int_t)saves));
    }
    return err;
}

static json_t *gather_store(const struct home *h)
{
    const uint64_t used = store_used(h->config->state_dir), max = h->config->store.total_max_bytes;

    return json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)used, "total_max", (json_int_t)max, "percent",
                     (json_int_t)(max == 0 ? 0 : used / (max / 100 + 1)));
}

static enum trap_err gather(struct home *h, json_t *doc)
{
    struct published_set set = { 0 };
    json_t *logs = json_array(), *zones = json_array();
    enum trap_err err;

    json_object_set_new(doc, "state_dir", json_string(h->config->state_dir));
    json_object_set_new(doc, "daemons", gather_daemons(h));
    json_object_set_new(doc, "store", gather_store(h));
    json_object_set_new(doc, "logs", logs);
    json_object_set_new(doc, "zones", zones);
    err = add_log(logs, h, "visits", RECORD_VISIT, visit_bounds, h->visits);
    if (err == TRAP_OK)
        err = add_log(logs, h, "hits", RECORD_HIT, hit_bounds, h->hits);
    if (err == TRAP_OK)
        err = add_log(logs, h, "sessions", RECORD_SESSION, session_bounds, h->hits);
    if (err == TRAP_OK)
        err = gather_counts(h, doc);
    if (err == TRAP_OK)
        err = gather_newest(h, doc);
    if (err == TRAP_OK)
        json_object_set_new(doc, "guard", look_report_guard(h, &err));
    if (err == TRAP_OK)
        err = gather_zones(h, zones);
    if (err == TRAP_OK)
        err = gather_corrections(h, doc);
    if (err != TRAP_OK)
        return err;
    gather_todo(h, doc);
    err = published_last(h->published, &set);
    if (err == TRAP_OK)
        json_object_set_new(doc, "published",
                            json_pack("{s:I, s:o, s:o, s:I}", "serial", (json_int_t)set.serial, "as_of",
                                      json_wall(set.as_of), "at", json_wall(set.at), "entries",
                                      (json_int_t)set.entries));
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static void print_todo(const json_t *doc)
{
    const char *const lists[] = { "problems", "notes" };
    const long long mails = (long long)json_integer_value(json_object_get(doc, "postmaster"));
    const json_t *o;
    size_t i;

    if (mails > 0)
        printf("postmaster %lld message%s to read (`trapline postmaster list`)\n", mails,
               mails == 1 ? "" : "s");
    for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
        json_array_foreach(json_object_get(doc, lists[n]), i, o)
            printf("%-9s %s\n", "mind", json_string_value(o));
}

static void print_text(const json_t *doc)
{
    const json_t *published = json_object_get(doc, "published");
    const json_t *o;
    size_t i;

    printf("state     %s\n", json_string_value(json_object_get(doc, "state_dir")));
    json_array_foreach(json_object_get(doc, "daemons"), i, o)
        printf("%-9s %-10s %s\n", i == 0 ? "daemons" : "", json_string_value(json_object_get(o, "name")),
               json_is_true(json_object_get(o, "running")) ? "running" : "not running");
    json_array_foreach(json_object_get(doc, "logs"), i, o)
        printf("%-9s %-10s %lld on record, folded up to %lld of %lld\n", i == 0 ? "log" : "",
               json_string_value(json_object_get(o, "log")),
               (long long)json_integer_value(json_object_get(o, "records")),
               (long long)json_integer_value(json_object_get(o, "folded")),
               (long long)json_integer_value(json_object_get(o, "last")));
    o = json_object_get(doc, "newest_hit");
    if (o != NULL)
        printf("          newest     hit %lld at %s from %s\n",
               (long long)json_integer_value(json_object_get(o, "hit")),
               json_string_value(json_object_get(o, "at")), json_string_value(json_object_get(o, "sender")));
    o = json_object_get(doc, "counted");
    printf("          counted    %lld messages beyond hits_per_sender_hour\n",
           (long long)json_integer_value(json_object_get(o, "messages")));
    o = json_object_get(doc, "samples");
    printf("samples   %lld kept, %lld bytes\n", (long long)json_integer_value(json_object_get(o, "kept")),
           (long long)json_integer_value(json_object_get(o, "file_bytes")));
    o = json_object_get(doc, "store");
    printf("store     %lld bytes", (long long)json_integer_value(json_object_get(o, "bytes")));
    if (json_integer_value(json_object_get(o, "total_max")) > 0)
        printf(", %lld %% of total_max", (long long)json_integer_value(json_object_get(o, "percent")));
    puts("");
    look_print_guard(json_object_get(doc, "guard"));
    if (published == NULL)
        puts("published nothing yet");
    else
        printf("published set %lld at %s, %lld entries\n",
               (long long)json_integer_value(json_object_get(published, "serial")),
               json_string_value(json_object_get(published, "at")),
               (long long)json_integer_value(json_object_get(published, "entries")));
    printf("saves     %lld on record (`trapline saves`: who is kept off now), %lld taints in force\n",
           (long long)json_integer_value(json_object_get(doc, "saves")),
           (long long)json_integer_value(json_object_get(doc, "taints")));
    json_array_foreach(json_object_get(doc, "zones"), i, o) printf(
        "%-9s %s: %lld entries by policy %s, %s\n", i == 0 ? "zones" : "",
        json_string_value(json_object_get(o, "zone")),
        (long long)json_integer_value(json_object_get(o, "entries")),
        json_string_value(json_object_get(o, "policy")), json_string_value(json_object_get(o, "publish")));
    print_todo(doc);
}

int verb_status(struct cli *cli)
{
    struct home h = { .config = NULL };
    json_t *doc;
    enum trap_err err;
    int code = cli_words(cli, "status", 0, 0);

    if (code == 0)
        code = home_open(cli, HOME_LOGS | HOME_SAMPLES | HOME_DERIVED | HOME_PUBLISHED, &h);
    if (code != 0)
        return code;
    doc = json_object();
    err = gather(&h, doc);
    home_close(&h);
    if (err != TRAP_OK) {
        json_decref(doc);
        return cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    }
    if (cli->json)
        return cli_json(doc);
    print_text(doc);
    json_decref(doc);
    return 0;
}
