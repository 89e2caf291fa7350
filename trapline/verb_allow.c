/* verb_allow.c - `trapline allow`, `deny` and `delist`: acts about a prefix, with who, when and why. */
#include "home.h"

#include <base/daemon.h>
#include <base/prefix_set.h>
#include <store/act_log.h>

#include <stdio.h>

/* A slip of the finger must not list half of the world, and what can never be listed is said at once. */
static int check_deny(struct prefix p)
{
    enum { WIDEST_V4 = 96 + 8, WIDEST_V6 = 16 };
    const struct special_use *special = special_use_find(p.ip);
    char text[PREFIX_TEXT_MAX];

    (void)prefix_text(p, text);
    if (p.len < (ip_is_v4(p.ip) ? WIDEST_V4 : WIDEST_V6))
        return cli_fail(EXIT_USAGE, "deny: %s is wider than /8 (IPv4) or /16 (IPv6); name smaller prefixes",
                        text);
    if (special != NULL && prefix_covers(special->prefix, p))
        return cli_fail(EXIT_USAGE, "deny: %s is special-use space (%s), which is never listed", text,
                        special->name);
    return 0;
}

static int append(struct cli *cli, const char *verb, struct act *act)
{
    struct err_text why = { "" };
    struct config *c = NULL;
    struct store_db *db = NULL;
    char subject[PREFIX_TEXT_MAX];
    struct prefix p;
    enum trap_err err;
    int code;

    if (prefix_parse(bytes_str(cli->argv[0]), &p) != TRAP_OK)
        return cli_fail(EXIT_USAGE,
                        "%s: \"%s\" is not an address or prefix such as 203.0.113.9 or 2001:db8::/32 (no "
                        "bits behind the length)",
                        verb, cli_text(bytes_str(cli->argv[0])));
    code = act->kind == ACT_DENY ? check_deny(p) : 0;
    if (code == 0)
        code = home_config(cli, &c);
    if (code != 0)
        return code;
    act->subject = bytes_str(prefix_text(p, subject));
    act->at = wall_now();
    act->who = home_operator();
    err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &db, &why);
    if (err == TRAP_OK)
        err = act_append(db, act, 1, &why);
    store_close(&db);
    config_free(&c);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    if (cli->json)
        return cli_json(json_pack("{s:I, s:s, s:s, s:o}", "act", (json_int_t)act->seq, "kind",
                                  act_kind_name(act->kind), "subject", subject, "until",
                                  json_wall(act->until)));
    printf("Act %llu on record: %s %s. It takes effect with the next zone set.\n",
           (unsigned long long)act->seq, act_kind_name(act->kind), subject);
    return 0;
}

static int verb_act(struct cli *cli, const char *verb, enum act_kind kind)
{
    struct act act = { .kind = (uint8_t)kind };
    const char *until = NULL, *why = NULL;
    int code;

    if (kind != ACT_DELIST) /* it looks back only, so it has no end */
        (void)cli_option(cli, "--until", &until);
    (void)cli_option(cli, "--why", &why);
    code = cli_words(cli, verb, 1, 1);
    if (code != 0)
        return code;
    if (why == NULL || why[0] == '\0')
        return cli_fail(EXIT_USAGE, "%s: --why TEXT is needed: it goes on record", verb);
    if (until != NULL &&
        (wall_parse(bytes_str(until), &act.until) != TRAP_OK || act.until.us <= wall_now().us))
        return cli_fail(EXIT_USAGE,
                        "%s: --until needs a time to come, such as 2026-12-31 or 2026-12-31T12:00:00Z", verb);
    act.why = bytes_str(why);
    return append(cli, verb, &act);
}

int verb_allow(struct cli *cli)
{
    return verb_act(cli, "allow", ACT_ALLOW);
}

int verb_deny(struct cli *cli)
{
    return verb_act(cli, "deny", ACT_DENY);
}

int verb_delist(struct cli *cli)
{
    return verb_act(cli, "delist", ACT_DELIST);
}
