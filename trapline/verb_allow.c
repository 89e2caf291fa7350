/* verb_allow.c - `trapline allow`, `deny`, `submit` and `delist`: acts about a prefix, with who, when and why. */
#include "home.h"

#include <base/daemon.h>
#include <base/num.h>
#include <base/prefix_set.h>
#include <policy/removal.h>
#include <store/act_log.h>

#include <stdio.h>

/* A slip of the finger must not list half of the world, and what can never be listed is said at once. */
static int check_listing(const char *verb, struct prefix p)
{
    enum { WIDEST_V4 = 96 + 8, WIDEST_V6 = 16 };
    const struct special_use *special = special_use_find(p.ip);
    char text[PREFIX_TEXT_MAX];

    (void)prefix_text(p, text);
    if (p.len < (ip_is_v4(p.ip) ? WIDEST_V4 : WIDEST_V6))
        return cli_fail(EXIT_USAGE, "%s: %s is wider than /8 (IPv4) or /16 (IPv6); name smaller prefixes", verb,
                        text);
    if (special != NULL && prefix_covers(special->prefix, p))
        return cli_fail(EXIT_USAGE, "%s: %s is special-use space (%s), which is never listed", verb, text,
                        special->name);
    return 0;
}

struct prefix_act {
    const char *verb;
    struct act act;
    struct prefix prefix;
    bool self_service;        /* delist: of the listed themselves */
    struct removal_lock lock; /* delist: with this removal */
};

/* Removals of the same addresses so far. *refused_out: the lock is closed, and they ask themselves. */
static enum trap_err look_at_lock(struct store_db *db, const struct config *c, struct prefix_act *p, int *code_out,
                                  struct err_text *why)
{
    struct acts_view view = { 0 };
    char until[WALL_TEXT_MAX];
    const enum trap_err err = acts_view_load(db, p->act.at, &view, why);

    if (err != TRAP_OK)
        return err;
    p->lock = removal_locked(&view, &c->delist_lockout, p->prefix, p->act.at);
    acts_view_free(&view);
    if (p->self_service && p->lock.until.us > p->act.at.us)
        *code_out = cli_fail(EXIT_TEMPFAIL,
                             "delist: removed %u times within a year; the next removal can be asked for after %s",
                             (unsigned)p->lock.count, wall_text(p->lock.until, until));
    return TRAP_OK;
}

/* What is true once this removal is on record. */
static enum trap_err lock_after(struct store_db *db, const struct config *c, struct prefix_act *p,
                                struct err_text *why)
{
    int ignored = 0;

    p->self_service = false;
    return look_at_lock(db, c, p, &ignored, why);
}

static int append(const struct config *c, struct prefix_act *p)
{
    struct err_text why = { "" };
    struct store_db *db = NULL;
    int code = 0;
    enum trap_err err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &db, &why);

    if (err == TRAP_OK && p->act.kind == ACT_DELIST)
        err = look_at_lock(db, c, p, &code, &why);
    if (err == TRAP_OK && code == 0)
        err = act_append(db, &p->act, 1, &why);
    if (err == TRAP_OK && code == 0 && p->act.kind == ACT_DELIST)
        err = lock_after(db, c, p, &why);
    store_close(&db);
    return err == TRAP_OK ? code : cli_fail_err(err, &why);
}

static bool any_takes_submissions(const struct config *c)
{
    for (size_t i = 0; i < c->policy_count; i++)
        if (c->policies[i].submissions)
            return true;
    return false;
}

static int print(struct cli *cli, const struct config *c, const struct prefix_act *p)
{
    const struct act *a = &p->act;
    const bool delist = a->kind == ACT_DELIST, idle = a->kind == ACT_SUBMIT && !any_takes_submissions(c);
    char subject[PREFIX_TEXT_MAX], text[WALL_TEXT_MAX];
    json_t *doc;

    (void)prefix_text(p->prefix, subject);
    if (cli->json) {
        doc = json_pack("{s:I, s:s, s:s, s:o, s:o}", "act", (json_int_t)a->seq, "kind", act_kind_name(a->kind),
                        "subject", subject, "by", json_bytes(a->who), "until", json_wall(a->until));
        if (delist) {
            json_object_set_new(doc, "removals", json_integer(p->lock.count));
            json_object_set_new(doc, "locked_until", json_wall(p->lock.until));
        }
        return cli_json(doc);
    }
    printf("Act %llu on record: %s %s. It takes effect with the next zone set.\n", (unsigned long long)a->seq,
           act_kind_name(a->kind), subject);
    if (delist && p->lock.until.us > a->at.us)
        printf("Removal number %u within a year; the listed can ask for the next one themselves after %s.\n",
               (unsigned)p->lock.count, wall_text(p->lock.until, text));
    if (idle)
        puts("No policy lists it: set `submissions = \"on\"` in the policy block of a zone that shall.");
    return 0;
}

static int take_until(struct cli *cli, struct prefix_act *p)
{
    const char *until = NULL, *lasting = NULL;
    const wall_t now = wall_now();
    span_t span;

    (void)cli_option(cli, "--until", &until);
    if (p->act.kind == ACT_SUBMIT && cli_option(cli, "--for", &lasting)) {
        if (until != NULL || num_span(bytes_str(lasting), SPAN_D(365), &span) != TRAP_OK || span.ms == 0)
            return cli_fail(EXIT_USAGE, "%s: --for needs a length of time such as 7d, at most 365d, and no --until",
                            p->verb);
        p->act.until = wall_add(now, span);
        return 0;
    }
    if (until != NULL && (wall_parse(bytes_str(until), &p->act.until) != TRAP_OK || p->act.until.us <= now.us))
        return cli_fail(EXIT_USAGE,
                        "%s: --until needs a time to come, such as 2026-12-31 or 2026-12-31T12:00:00Z", p->verb);
    if (p->act.kind == ACT_SUBMIT && until == NULL)
        return cli_fail(EXIT_USAGE, "%s: an end is needed: --until TIME or --for TIME", p->verb);
    return 0;
}

static int verb_act(struct cli *cli, const char *verb, enum act_kind kind)
{
    struct prefix_act p = { .verb = verb, .act = { .kind = (uint8_t)kind } };
    const bool lists = kind == ACT_DENY || kind == ACT_SUBMIT;
    char subject[PREFIX_TEXT_MAX];
    struct config *c = NULL;
    const char *why = NULL;
    int code = kind == ACT_DELIST ? 0 : take_until(cli, &p); /* a removal looks back only, so it has no end */

    if (code != 0)
        return code;
    p.self_service = kind == ACT_DELIST && cli_flag(cli, "--self-service");
    p.act.who = home_operator_by(cli);
    (void)cli_option(cli, "--why", &why);
    code = cli_words(cli, verb, 1, 1);
    if (code != 0)
        return code;
    if (why == NULL || why[0] == '\0')
        return cli_fail(EXIT_USAGE, "%s: --why TEXT is needed: it goes on record", verb);
    if (prefix_parse(bytes_str(cli->argv[0]), &p.prefix) != TRAP_OK)
        return cli_fail(EXIT_USAGE,
                        "%s: \"%s\" is not an address or prefix such as 203.0.113.9 or 2001:db8::/32 (no "
                        "bits behind the length)",
                        verb, cli_text(bytes_str(cli->argv[0])));
    code = lists ? check_listing(verb, p.prefix) : 0;
    if (code == 0)
        code = home_config(cli, &c);
    if (code != 0)
        return code;
    p.act.why = bytes_str(why);
    p.act.subject = bytes_str(prefix_text(p.prefix, subject));
    p.act.at = wall_now();
    code = append(c, &p);
    if (code == 0)
        code = print(cli, c, &p);
    config_free(&c);
    return code;
}

int verb_allow(struct cli *cli)
{
    return verb_act(cli, "allow", ACT_ALLOW);
}

int verb_deny(struct cli *cli)
{
    return verb_act(cli, "deny", ACT_DENY);
}

int verb_submit(struct cli *cli)
{
    return verb_act(cli, "submit", ACT_SUBMIT);
}

int verb_delist(struct cli *cli)
{
    return verb_act(cli, "delist", ACT_DELIST);
}
