/* verb_replay.c - `trapline replay`: who would have been listed by another policy. Reads the log, changes
 * nothing.
 *
 * Both rules are applied at the same moments: each UTC midnight of the window, or every --step, and its end.
 * The evidence is folded as of the end; its rows are whole hours, so that at every whole hour they are exactly
 * those of that hour. Acts are those in force at each moment; lists are today's files.
 */
#include "home.h"

#include <base/daemon.h>
#include <base/num.h>
#include <export/run.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PRESENT, CANDIDATE, SIDES, SHOWN_DEFAULT = 50, MOMENTS_MAX = 10000 };

/* One prefix that was on either side's list at some moment. */
struct row {
    struct prefix prefix;
    struct {
        wall_t since, until; /* of all its listings in the window */
        uint32_t moments;    /* at which it was listed; 0: never */
        bool at_end;
        uint64_t score_milli, messages;
        uint32_t sources;
        uint8_t reason;
    } side[SIDES];
};
struct rows {
    struct row *v;
    size_t n, cap;
};

struct replay {
    struct home *h;
    const struct conf_policy *policy[SIDES];
    enum listing_kind kind;
    struct store_db *derived;
    wall_t since, until;
    span_t step;
    struct rows rows;
    uint32_t moments;
    uint64_t listed[SIDES]; /* at the end */
    size_t shown;
    bool guard_missing;
};

/* ---- rows ---- */

static enum trap_err push(struct rows *r, const struct row *one)
{
    if (r->n == r->cap) {
        const size_t cap = r->cap == 0 ? 1024 : r->cap * 2;
        struct row *v = reallocarray(r->v, cap, sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n++] = *one;
    return TRAP_OK;
}

static void note(struct row *row, int side, const struct listing *l)
{
    if (row->side[side].moments == 0 || l->since.us < row->side[side].since.us)
        row->side[side].since = l->since;
    if (l->until.us > row->side[side].until.us)
        row->side[side].until = l->until;
    row->side[side].moments++;
    row->side[side].score_milli = l->score_milli;
    row->side[side].messages = l->messages;
    row->side[side].sources = l->sources;
    row->side[side].reason = l->reason;
    row->side[side].at_end = true;
}

/* Both are in prefix order. */
static enum trap_err merge(struct replay *r, int side, const struct listings *l)
{
    struct rows out = { 0 };
    enum trap_err err = TRAP_OK;
    size_t i = 0, k = 0;

    while ((i < r->rows.n || k < l->n) && err == TRAP_OK) {
        const int order = i == r->rows.n ? 1
                          : k == l->n    ? -1
                                         : prefix_cmp(r->rows.v[i].prefix, l->v[k].prefix);
        struct row row = order <= 0 ? r->rows.v[i] : (struct row){ .prefix = l->v[k].prefix };

        row.side[side].at_end = false;
        if (order >= 0)
            note(&row, side, &l->v[k]);
        err = push(&out, &row);
        i += order <= 0;
        k += order >= 0;
    }
    if (err != TRAP_OK) {
        free(out.v);
        return err;
    }
    free(r->rows.v);
    r->rows = out;
    r->listed[side] = l->n;
    return TRAP_OK;
}

/* ---- moments ---- */

static enum trap_err at_moment(struct replay *r, wall_t as_of, struct err_text *why)
{
    struct acts_view acts = { 0 };
    struct lists lists = { 0 };
    enum trap_err err = acts_view_load(r->h->acts, as_of, &acts, why);

    if (err == TRAP_OK)
        err = lists_load(r->h->config, &acts, r->until, &lists, why);
    for (int side = 0; side < SIDES && err == TRAP_OK; side++) {
        const struct policy_env env = { .policy = r->policy[side],
                                        .lists = &lists,
                                        .acts = &acts,
                                        .key = r->h->policy_key,
                                        .as_of = as_of,
                                        .derived = r->derived,
                                        .lookups = r->h->acts };
        struct listings l;

        err = listings_compute(&env, r->kind, &l, why);
        if (err != TRAP_OK)
            break;
        r->guard_missing |= l.guard_missing;
        err = merge(r, side, &l);
        if (err != TRAP_OK)
            err_text_set(why, "out of memory");
        listings_free(&l);
    }
    lists_free(&lists);
    acts_view_free(&acts);
    r->moments++;
    return err;
}

/* The first whole step since 1970 that is not before t: midnights, for steps of a day. */
static wall_t next_step(const struct replay *r, wall_t t)
{
    const int64_t step = r->step.ms * 1000;

    return (wall_t){ (t.us + step - 1) / step * step };
}

static enum trap_err run_moments(struct replay *r, struct err_text *why)
{
    const uint64_t total = (uint64_t)((r->until.us - r->since.us) / (r->step.ms * 1000)) + 1;
    enum trap_err err = TRAP_OK;

    for (wall_t t = next_step(r, r->since); t.us < r->until.us && err == TRAP_OK; t = wall_add(t, r->step)) {
        err = at_moment(r, t, why);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r%u of %llu moments", (unsigned)r->moments, (unsigned long long)total);
    }
    if (err == TRAP_OK)
        err = at_moment(r, r->until, why);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    return err;
}

/* ---- the answer ---- */

/* Only one side lists it, at any moment: +1 the candidate, -1 the present one; 0 both. */
static int change(const struct row *row)
{
    return (row->side[CANDIDATE].moments > 0) - (row->side[PRESENT].moments > 0);
}

static json_t *json_side(const struct row *row, int side)
{
    if (row->side[side].moments == 0)
        return json_null();
    return json_pack(
        "{s:o, s:o, s:i, s:b, s:s, s:I, s:I, s:i}", "since", json_wall(row->side[side].since), "until",
        row->side[side].until.us == LISTING_NO_END.us ? json_null() : json_wall(row->side[side].until),
        "moments", (int)row->side[side].moments, "at_end", row->side[side].at_end, "reason",
        listing_reason_name(row->side[side].reason), "score_milli", (json_int_t)row->side[side].score_milli,
        "messages", (json_int_t)row->side[side].messages, "sources", (int)row->side[side].sources);
}

static int answer_json(const struct replay *r)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < r->rows.n; i++) {
        const struct row *row = &r->rows.v[i];
        const int what = change(row);

        json_array_append_new(
            rows, json_pack("{s:o, s:s, s:o, s:o}", "prefix", json_prefix(row->prefix), "change",
                            what > 0   ? "added"
                            : what < 0 ? "removed"
                                       : "both",
                            "present", json_side(row, PRESENT), "candidate", json_side(row, CANDIDATE)));
    }
    return cli_json(json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:b, s:I, s:I, s:o}", "kind",
                              listing_kind_name(r->kind), "present", r->policy[PRESENT]->name, "candidate",
                              r->policy[CANDIDATE]->name, "since", json_wall(r->since), "until",
                              json_wall(r->until), "moments", (int)r->moments, "guard_missing",
                              r->guard_missing, "present_at_end", (json_int_t)r->listed[PRESENT],
                              "candidate_at_end", (json_int_t)r->listed[CANDIDATE], "rows", rows));
}

static void print_row(const struct row *row, int side)
{
    char prefix[PREFIX_TEXT_MAX], since[WALL_TEXT_MAX], until[WALL_TEXT_MAX];
    const bool no_end = row->side[side].until.us == LISTING_NO_END.us;

    printf("%c %-22s %s  %s  %llu messages, %u sources, score %llu.%03llu, %s\n",
           side == CANDIDATE ? '+' : '-', prefix_text(row->prefix, prefix),
           wall_text((wall_t){ row->side[side].since.us / WALL_US_PER_S * WALL_US_PER_S }, since),
           no_end ? "no end"
                  : wall_text((wall_t){ row->side[side].until.us / WALL_US_PER_S * WALL_US_PER_S }, until),
           (unsigned long long)row->side[side].messages, (unsigned)row->side[side].sources,
           (unsigned long long)(row->side[side].score_milli / 1000),
           (unsigned long long)(row->side[side].score_milli % 1000),
           listing_reason_name(row->side[side].reason));
}

static void print_changes(const struct replay *r, int side, size_t n)
{
    size_t shown = 0;

    for (size_t i = 0; i < r->rows.n && shown < r->shown; i++)
        if (change(&r->rows.v[i]) == (side == CANDIDATE ? 1 : -1)) {
            print_row(&r->rows.v[i], side);
            shown++;
        }
    if (n > shown)
        printf("  ... and %zu more; --limit N shows more, --json all\n", n - shown);
}

static int answer_text(const struct replay *r)
{
    char since[WALL_TEXT_MAX], until[WALL_TEXT_MAX];
    size_t ever[SIDES] = { 0 }, added = 0, removed = 0;

    for (size_t i = 0; i < r->rows.n; i++) {
        for (int side = 0; side < SIDES; side++)
            ever[side] += r->rows.v[i].side[side].moments > 0;
        added += change(&r->rows.v[i]) > 0;
        removed += change(&r->rows.v[i]) < 0;
    }
    printf("%s from %s to %s, looked at %u times\n\n", listing_kind_name(r->kind), wall_text(r->since, since),
           wall_text(r->until, until), (unsigned)r->moments);
    printf("%-24s %12s %12s\n", "", "present", "candidate");
    printf("%-24s %12.12s %12.12s\n", "policy", r->policy[PRESENT]->name, r->policy[CANDIDATE]->name);
    printf("%-24s %12zu %12zu\n", "listed at any of them", ever[PRESENT], ever[CANDIDATE]);
    printf("%-24s %12llu %12llu\n", "listed at the end", (unsigned long long)r->listed[PRESENT],
           (unsigned long long)r->listed[CANDIDATE]);
    printf("\nOnly the candidate would have listed %zu, only the present policy %zu.\n", added, removed);
    if (r->guard_missing)
        printf("The guard's lists are missing: no senders are published by either (`trapline status`).\n");
    if (added > 0)
        putchar('\n');
    print_changes(r, CANDIDATE, added);
    if (removed > 0)
        putchar('\n');
    print_changes(r, PRESENT, removed);
    return 0;
}

/* ---- the words ---- */

static int take_time(struct cli *cli, const char *option, wall_t now, wall_t *out)
{
    const char *word = NULL;
    span_t ago;

    if (!cli_option(cli, option, &word) || wall_parse(bytes_str(word), out) == TRAP_OK)
        return 0;
    if (num_span(bytes_str(word), SPAN_D(36500), &ago) != TRAP_OK)
        return cli_fail(EXIT_USAGE,
                        "replay: %s needs a time such as 2026-03-01 or 2026-03-01T12:00:00Z, or how long "
                        "ago, such as 30d",
                        option);
    *out = wall_add(now, SPAN_MS(-ago.ms));
    return 0;
}

static int take_step(struct cli *cli, span_t *out)
{
    const char *word = NULL;

    if (cli_option(cli, "--step", &word) && (num_span(bytes_str(word), SPAN_D(365), out) != TRAP_OK ||
                                             out->ms == 0 || out->ms % SPAN_H(1).ms != 0))
        return cli_fail(EXIT_USAGE, "replay: --step needs whole hours, such as 1h or 1d");
    return 0;
}

static int take_kind(struct cli *cli, enum listing_kind *out)
{
    const char *word = NULL;

    if (!cli_option(cli, "--kind", &word))
        return 0;
    for (int k = LISTINGS_SENDERS; k <= LISTINGS_NETS; k++)
        if (strcmp(word, listing_kind_name((enum listing_kind)k)) == 0) {
            *out = (enum listing_kind)k;
            return 0;
        }
    return cli_fail(EXIT_USAGE, "replay: --kind is senders, harvesters or nets");
}

/* The policy of that name; without one the only block of the file. */
static int choose(const struct config *c, const char *name, const char *option,
                  const struct conf_policy **out)
{
    if (name != NULL)
        *out = config_policy(c, name);
    else
        *out = c->policy_count == 1 ? &c->policies[0] : NULL;
    if (*out != NULL)
        return 0;
    if (name != NULL)
        return cli_fail(EXIT_USAGE, "replay: %s has no policy \"%s\"", c->path, cli_text(bytes_str(name)));
    return cli_fail(EXIT_USAGE, "replay: %s has %s; name one with %s", c->path,
                    c->policy_count == 0 ? "no policy of its own, but the presets can be named"
                                         : "more than one policy",
                    option);
}

static int replay(struct cli *cli, struct replay *r)
{
    struct export_scratch *scratch = NULL;
    struct err_text why = { "" };
    enum trap_err err =
        export_scratch_open(r->h->config, r->h->mint, r->until, r->h->config->state_dir, &scratch, &why);
    int code;

    if (err == TRAP_OK) {
        r->derived = export_scratch_derived(scratch);
        err = run_moments(r, &why);
    }
    code = err != TRAP_OK ? cli_fail_err(err, &why) : cli->json ? answer_json(r) : answer_text(r);
    export_scratch_close(&scratch);
    free(r->rows.v);
    return code;
}

/* The candidate's file is read as the caller, before the command becomes the owner of state_dir. */
static int read_candidate(const char *path, struct config **out)
{
    struct err_text why = { "" };
    const enum trap_err err = config_read(path, out, &why);

    return err == TRAP_OK ? 0 : cli_fail(EXIT_CONFIG, "%s", why.text);
}

int verb_replay(struct cli *cli)
{
    const char *file = NULL, *name = NULL, *against = NULL, *word = NULL;
    struct home h = { .config = NULL };
    struct config *other = NULL;
    struct replay r = { .h = &h, .step = SPAN_D(1), .until = wall_now(), .shown = SHOWN_DEFAULT };
    uint32_t limit = SHOWN_DEFAULT;
    int code;

    r.since = wall_add(r.until, SPAN_D(-30));
    (void)cli_option(cli, "--policy", &file);
    (void)cli_option(cli, "--name", &name);
    (void)cli_option(cli, "--against", &against);
    if (cli_option(cli, "--limit", &word) && num_u32(bytes_str(word), 0, 100000000, &limit) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "replay: --limit needs a number");
    r.shown = limit;
    code = take_time(cli, "--until", wall_now(), &r.until);
    if (code == 0)
        code = take_time(cli, "--since", wall_now(), &r.since);
    if (code == 0)
        code = take_step(cli, &r.step);
    if (code == 0)
        code = take_kind(cli, &r.kind);
    if (code == 0)
        code = cli_words(cli, "replay", 0, 0);
    if (code == 0 && r.since.us >= r.until.us)
        code = cli_fail(EXIT_USAGE, "replay: --since must be before --until");
    if (code == 0 && (r.until.us - r.since.us) / (r.step.ms * 1000) > MOMENTS_MAX)
        code = cli_fail(EXIT_USAGE, "replay: more than %d steps; choose a longer --step or a later --since",
                        MOMENTS_MAX);
    if (code == 0 && file != NULL)
        code = read_candidate(file, &other);
    if (code == 0)
        code = home_open(cli, HOME_KEYS | HOME_LOGS, &h);
    if (code == 0)
        code = choose(other != NULL ? other : h.config, name, "--name", &r.policy[CANDIDATE]);
    if (code == 0)
        code = choose(h.config, against, "--against", &r.policy[PRESENT]);
    if (code == 0)
        code = replay(cli, &r);
    home_close(&h);
    config_free(&other);
    return code;
}
