/* runner.c - fold, evaluate, publish, every interval. */
#include "runner.h"

#include <base/log.h>
#include <base/loop.h>
#include <store/log_filter.h>
#include <store/lookup.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REST_FACTOR = 20, CLOCK_SLACK_S = 60 };

struct runner {
    const struct config *config;
    struct plan plan;
    struct export_env env;
    struct mint *mint;
    struct store_db *hits, *visits, *published;
    struct fold *fold; /* NULL: no logs yet */
    struct publisher *publisher;
    struct lists last_good;
    bool has_last_good, guard_told, kept_told;
    bool filter_failed;             /* as it was logged */
    bool unpublished;               /* the last run failed */
    struct err_text failure;        /* as it was logged; "" = none */
    mono_t failure_told;
    struct taints *taints;          /* of all acts up to taints_upto */
    uint64_t taints_upto;
    uint64_t acts_seen, files_seen; /* what the last evaluation saw */
    bool all_changed;               /* an evaluation failed: what it was told is lost */
    wall_t as_of;                   /* of the last evaluation */
    mono_t evaluated;
    span_t evaluation_took;
    struct loop *loop;
    struct loop_timer timer;
    struct loop_io signals;
    int signals_fd;
};

/* ---- open and close ---- */

static enum trap_err watch_rows(struct runner *r, struct err_text *why)
{
    enum trap_err err = derived_watch(r->env.derived);

    if (err == TRAP_OK)
        err = export_live_new(&r->plan, &r->env.live);
    if (err != TRAP_OK)
        err_text_set(why, "no memory for the listings");
    return err;
}

/* All must be there: an acts.db that vanished would take the operator's `allow` with it, a log its evidence.
 * Hits before visits: an address that was shown is then never taken for forged. */
static enum trap_err open_databases(struct runner *r, struct err_text *why)
{
    const char *dir = r->config->state_dir;
    enum trap_err err = store_open(dir, STORE_PUBLISHED, STORE_WRITE, &r->published, why);

    if (err == TRAP_OK) /* made anew where it is missing: it holds nothing that the log does not */
        err = store_open(dir, STORE_DERIVED, STORE_CREATE, &r->env.derived, why);
    if (err == TRAP_OK)
        err = watch_rows(r, why);
    if (err == TRAP_OK) /* for writing: one of an older version is brought up to date */
        err = store_open(dir, STORE_ACTS, STORE_WRITE, &r->env.acts, why);
    if (err == TRAP_OK)
        err = store_open(dir, STORE_HITS, STORE_READ, &r->hits, why);
    if (err == TRAP_OK)
        err = store_open(dir, STORE_VISITS, STORE_READ, &r->visits, why);
    if (err == TRAP_OK) {
        const struct fold_node node = { r->config->node_id, r->hits, r->visits };

        err = fold_new(r->config, r->mint, r->env.derived, &node, 1, &r->fold);
        if (err != TRAP_OK)
            err_text_set(why, "no memory for the fold");
    }
    return err;
}

/* The files of the lists must be right at the start. */
static enum trap_err first_lists(struct runner *r, struct err_text *why)
{
    struct acts_view none = { 0 };
    const enum trap_err err = lists_load(r->config, &none, wall_now(), &r->last_good, why);

    r->has_last_good = err == TRAP_OK;
    return err == TRAP_EIO || err == TRAP_ENOENT ? TRAP_EINVAL : err;
}

enum trap_err runner_new(const struct config *c, struct runner **out, struct err_text *why)
{
    struct runner *r = calloc(1, sizeof(*r));
    enum trap_err err = TRAP_ENOMEM;

    if (r == NULL) {
        err_text_set(why, "no memory");
        return err;
    }
    r->config = c;
    r->env.config = c;
    r->env.plan = &r->plan;
    err = plan_make(c, &r->plan, why);
    if (err == TRAP_OK)
        err = first_lists(r, why);
    if (err == TRAP_OK)
        err = runner_keys(c, &r->mint, &r->env.key, why);
    if (err == TRAP_OK)
        err = open_databases(r, why);
    if (err == TRAP_OK)
        err = publisher_new(c, &r->plan, r->published, &r->publisher, why);
    if (err != TRAP_OK) {
        runner_free(&r);
        return err;
    }
    *out = r;
    return TRAP_OK;
}

void runner_free(struct runner **runner)
{
    struct runner *r = *runner;

    if (r == NULL)
        return;
    publisher_free(&r->publisher);
    fold_free(&r->fold);
    taints_free(&r->taints);
    export_live_free(&r->env.live);
    store_close(&r->visits);
    store_close(&r->hits);
    store_close(&r->env.acts);
    store_close(&r->env.derived);
    store_close(&r->published);
    mint_free(&r->mint);
    lists_free(&r->last_good);
    plan_free(&r->plan);
    loop_free(&r->loop);
    free(r);
    *runner = NULL;
}

/* ---- did anything come in? ---- */

static uint64_t mix(uint64_t seen, uint64_t v)
{
    return (seen ^ v) * 0x100000001b3ULL;
}

/* Also whether they settled, so that files are looked at again when they did. */
static uint64_t stamp_files(const struct strings *files, uint64_t seen)
{
    seen = mix(seen, lists_settled(files, wall_now()) ? 1 : 2);
    for (size_t i = 0; i < files->n; i++) {
        struct stat st = { 0 };

        (void)stat(files->v[i], &st); /* one that is missing has the stamp zero */
        seen = mix(seen, (uint64_t)st.st_mtim.tv_sec);
        seen = mix(seen, (uint64_t)st.st_mtim.tv_nsec);
        seen = mix(seen, (uint64_t)st.st_size);
        seen = mix(seen, (uint64_t)st.st_ino);
    }
    return seen;
}

/* Look-ups of single senders may be many, and change little: what weights make of them waits for the next
 * evaluation. */
static enum trap_err newest_act(struct store_db *acts, uint64_t *out)
{
    static const char *const lookups[] = { LOOKUP_PROVIDER, LOOKUP_CRAWLER, LOOKUP_DNSWL };
    uint64_t newest = 0;
    enum trap_err err = act_last_rule(acts, &newest);

    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0] && err == TRAP_OK; i++) {
        uint64_t seq = 0;

        err = lookup_last(acts, lookups[i], &seq);
        newest = seq > newest ? seq : newest;
    }
    *out = newest;
    return err;
}

/* Takes note of acts and list files; true where they are not those of the last evaluation. */
static bool lists_changed(struct runner *r)
{
    uint64_t acts = 0, files = 0xcbf29ce484222325ULL;

    if (newest_act(r->env.acts, &acts) != TRAP_OK)
        acts = r->acts_seen;
    files = stamp_files(&r->config->never_list_files, files);
    files = stamp_files(&r->config->crawler_files, files);
    files = stamp_files(&r->config->guard_files, files);
    const bool changed = acts != r->acts_seen || files != r->files_seen;
    r->acts_seen = acts;
    r->files_seen = files;
    return changed;
}

static bool rested(const struct runner *r)
{
    return mono_diff(mono_now(), r->evaluated).ms >= r->evaluation_took.ms * REST_FACTOR;
}

/* A record of a clock that was a little ahead still counts at once; one far ahead waits. */
static wall_t as_of_now(const struct runner *r)
{
    const wall_t now = wall_now();
    wall_t newest = { 0 };

    if (derived_newest(r->env.derived, &newest) != TRAP_OK || newest.us <= now.us ||
        newest.us > now.us + CLOCK_SLACK_S * WALL_US_PER_S)
        return now;
    return newest;
}

/* ---- a run ---- */

static void tell_held(struct runner *r, uint32_t held, const struct err_text *guard)
{
    if (held > 0 && !r->guard_told)
        log_warning(
            "export.guard.missing", LOG_STR("why", guard->text), LOG_U64("datasets", held),
            LOG_STR("effect", "senders zones take no additions; see guard_files, or set guard = \"off\""));
    r->guard_told = held > 0;
}

static void tell_kept(struct runner *r, const struct err_text *kept)
{
    if (kept->text[0] != '\0' && !r->kept_told)
        log_error("export.list.unreadable", LOG_STR("error", kept->text),
                  LOG_STR("effect", "its last good content stays in force"));
    r->kept_told = kept->text[0] != '\0';
}

static enum trap_err publish(struct runner *r, const struct export_eval *eval, mono_t began,
                             struct err_text *why)
{
    struct publish_input in = {
        .as_of = eval->as_of, .lists = &eval->lists, .acts = &eval->acts, .policy_digest = eval->policy_digest
    };
    struct publish_result result = { 0 };
    enum trap_err err = export_datasets(&r->env, eval, &in.dataset, why);

    if (err == TRAP_OK)
        err = publisher_run(r->publisher, &in, &result, why);
    export_datasets_free(&r->plan, &in.dataset);
    if (err != TRAP_OK)
        return err;
    tell_held(r, eval->lists.guard_missing ? result.held : 0, &eval->lists.guard_why);
    if (result.published)
        log_info("export.published", LOG_U64("serial", result.serial), LOG_U64("entries", result.entries),
                 LOG_U64("added", result.added), LOG_U64("removed", result.removed),
                 LOG_U64("written", result.files_written), LOG_U64("linked", result.files_linked),
                 LOG_SPAN("took", mono_diff(mono_now(), began)));
    return TRAP_OK;
}

/* A clock that was set back a little: listings do not go back in time, and nobody has to be judged anew. */
static wall_t as_of_next(struct runner *r)
{
    const wall_t now = as_of_now(r);

    if (now.us < r->as_of.us && r->as_of.us <= now.us + CLOCK_SLACK_S * WALL_US_PER_S)
        return r->as_of;
    r->as_of = now;
    return now;
}

static enum trap_err evaluate(struct runner *r, struct export_env *env, struct export_eval *out, struct err_text *why)
{
    struct derived_changes changes = { .all = true };
    enum trap_err err;

    if (env->derived == NULL) {
        env->live = NULL;
    } else {
        derived_changes_take(r->env.derived, &changes);
        changes.all = changes.all || r->all_changed;
    }
    env->changes = &changes;
    err = export_evaluate(env, as_of_next(r), r->has_last_good ? &r->last_good : NULL, out, why);
    if (env->derived != NULL)
        r->all_changed = err != TRAP_OK;
    derived_changes_free(&changes);
    return err;
}

/* With derived = NULL everything is held: only removals get through. */
static enum trap_err evaluate_and_publish(struct runner *r, struct store_db *derived, struct err_text *why)
{
    const mono_t began = mono_now();
    struct export_env env = r->env;
    struct export_eval eval = { 0 };
    enum trap_err err;

    env.derived = derived;
    err = evaluate(r, &env, &eval, why);
    if (err == TRAP_OK) {
        tell_kept(r, &eval.kept);
        err = publish(r, &eval, began, why);
        lists_free(&r->last_good);
        r->last_good = eval.lists;
        eval.lists = (struct lists){ 0 };
    }
    export_eval_free(&eval);
    r->evaluated = mono_now();
    r->evaluation_took = mono_diff(r->evaluated, began);
    return err;
}

/* The fold takes all that is on record, and so do its taints. */
static enum trap_err fold(struct runner *r, struct fold_result *out, struct err_text *why)
{
    struct fold_options options = { .as_of = { INT64_MAX } };
    struct taints *fresh = NULL;
    uint64_t last = 0;
    enum trap_err err = act_last(r->env.acts, &last);

    if (err != TRAP_OK) {
        err_text_set(why, "cannot read the acts: %s", err_name(err));
        return err;
    }
    if (last != r->taints_upto) {
        err = taints_load(r->env.acts, options.as_of, &fresh, why);
        if (err != TRAP_OK)
            return err;
        taints_free(&r->taints);
        r->taints = fresh;
        r->taints_upto = last;
    }
    options.taints = r->taints;
    return fold_run(r->fold, &options, out, why);
}

/* Behind the listings, which do not wait for it; a part at a time. Without it questions take longer, no more. */
static void advance_filter(struct runner *r)
{
    const enum trap_err err =
        r->fold == NULL ? TRAP_OK : log_filter_advance(r->env.derived, r->visits, r->hits, 1);

    if (err != TRAP_OK && !r->filter_failed)
        log_warning("export.filter.failed", LOG_STR("result", err_name(err)));
    r->filter_failed = err != TRAP_OK;
}

enum trap_err runner_run(struct runner *r, bool force, struct err_text *why)
{
    struct fold_result folded = { 0 };
    bool changed, lists;
    enum trap_err err = fold(r, &folded, why);

    lists = lists_changed(r);
    if (err != TRAP_OK) {
        struct err_text ignored = { "" };

        /* Evidence may be half folded: nothing is added, but nobody waits for his removal. */
        r->unpublished = true;
        if (lists || rested(r))
            (void)evaluate_and_publish(r, NULL, &ignored);
        return err;
    }
    changed = lists || r->unpublished || folded.visits + folded.hits + folded.sessions > 0;
    if (force || changed || rested(r)) {
        err = evaluate_and_publish(r, r->env.derived, why);
        r->unpublished = err != TRAP_OK;
    }
    advance_filter(r);
    return err;
}

/* ---- the loop ---- */

/* Every interval fails alike: told once, and again each minute. */
static void tell_failure(struct runner *r, enum trap_err err, const struct err_text *why)
{
    const mono_t now = mono_now();
    const bool same = strcmp(r->failure.text, why->text) == 0 &&
                      mono_diff(now, r->failure_told).ms < SPAN_MIN(1).ms;

    r->failure = err == TRAP_OK ? (struct err_text){ "" } : *why;
    if (err == TRAP_OK || same)
        return;
    r->failure_told = now;
    log_error("export.run.failed", LOG_STR("kind", err_name(err)), LOG_STR("error", why->text));
}

static void run_and_log(struct runner *r, bool force)
{
    struct err_text why = { "" };
    const enum trap_err err = runner_run(r, force, &why);

    tell_failure(r, err, &why);
    loop_timer_start(r->loop, &r->timer, r->config->export.interval);
}

static void on_timer(struct loop_timer *t)
{
    run_and_log(t->arg, false);
}

static void on_signal(struct loop_io *io, int events)
{
    struct runner *r = io->arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(r->signals_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        log_info("export.signal", LOG_STR("signal", "HUP"));
        run_and_log(r, true);
        return;
    }
    log_info("export.stop");
    loop_stop(r->loop);
}

enum trap_err runner_loop(struct runner *r, int signal_fd, struct err_text *why)
{
    const enum trap_err err = loop_new(&r->loop);

    if (err != TRAP_OK) {
        err_text_set(why, "cannot make the event loop");
        return err;
    }
    log_info("export.start");
    r->signals_fd = signal_fd;
    loop_io_init(&r->signals, signal_fd, LOOP_READ, on_signal, r);
    loop_io_start(r->loop, &r->signals);
    loop_timer_init(&r->timer, on_timer, r);
    run_and_log(r, true);
    loop_run(r->loop);
    loop_timer_stop(r->loop, &r->timer);
    loop_io_stop(r->loop, &r->signals);
    return TRAP_OK;
}
