/* verb_report.c - `trapline report IP`: a message for the abuse desk of a listed sender, on standard output.
 *
 * Only for who is on a zone that is published, by his own mail: nobody whom a list keeps off, not even in part.
 */
#include "abuse_report.h"
#include "home.h"
#include "own_address.h"
#include "report.h"

#include <base/daemon.h>

#include <stdio.h>

struct judged {
    const struct home *home;
    struct prefix key;
    bool listed, kept_off;
    struct abuse_report *report;
};

/* The earliest of his listings, and of its verdict the numbers. */
static void take(struct judged *j, const struct verdict *v)
{
    struct abuse_report *r = j->report;

    if (v->saved_by != LIST_COUNT)
        j->kept_off = true;
    if (v->state != VERDICT_LISTED || v->reason != LISTING_EVIDENCE || v->saved_by != LIST_COUNT)
        return;
    if (!j->listed || v->since.us < r->since.us) {
        r->since = v->since;
        r->last = v->last;
        r->messages = v->messages;
    }
    j->listed = true;
}

static enum trap_err judge(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct judged *j = arg;
    const struct config *c = j->home->config;
    enum trap_err err = TRAP_OK;

    if (prefix_cmp(sender, j->key) != 0)
        return TRAP_OK;
    for (size_t i = 0; i < c->zone_count && err == TRAP_OK; i++) {
        const struct conf_zone *z = &c->zones[i];
        const struct policy_env env = home_policy(j->home, config_policy(c, z->policy));
        struct verdict v;

        if (!z->live || z->kind == ZONE_BACKSCATTER || !report_zone_holds(z, false, j->key))
            continue;
        err = policy_sender(&env, sender, rows, n, &v);
        if (err == TRAP_OK)
            take(j, &v);
    }
    return err;
}

static int tell(const struct cli *cli, struct abuse_report *r, const struct home *h)
{
    const struct hash_key key = keyed_purpose(h->keys.master, "report");
    struct buf out;
    int code = 0;

    abuse_report_identify(r, &key);
    if (cli->json) {
        json_t *doc = abuse_report_xarf(r);

        return doc == NULL ? cli_fail(EXIT_OSERR, "out of memory") : cli_json(doc);
    }
    buf_init(&out, ABUSE_REPORT_BYTES_MAX);
    if (abuse_report_write(r, &out) == TRAP_OK)
        (void)fwrite(out.p, 1, out.n, stdout);
    else
        code = cli_fail(EXIT_OSERR, "out of memory");
    buf_free(&out);
    return code;
}

static int report(const struct cli *cli, const struct home *h, struct abuse_report *r)
{
    struct judged j = { .home = h, .key = r->key, .report = r };
    char key[PREFIX_TEXT_MAX];
    enum trap_err err;

    (void)prefix_text(r->key, key);
    if (h->lists.guard_missing)
        return cli_fail(
            EXIT_TEMPFAIL,
            "report: the guard is missing, so nobody is on a zone of senders; see `trapline status`");
    err = evidence_in(h->derived, r->key, judge, &j);
    if (err != TRAP_OK)
        return cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    if (j.kept_off)
        return cli_fail(EXIT_USAGE,
                        "report: a list keeps %s off the zones, or part of it; see `trapline explain %s`",
                        key, key);
    if (!j.listed)
        return cli_fail(EXIT_USAGE,
                        "report: %s is on no published zone for mail of its own; see `trapline explain %s`",
                        key, key);
    return tell(cli, r, h);
}

int verb_report(struct cli *cli)
{
    struct home h = { .config = NULL };
    struct abuse_report r = { .messages = 0 };
    const char *from = NULL, *to = NULL;
    int code;

    (void)cli_option(cli, "--from", &from);
    (void)cli_option(cli, "--to", &to);
    code = cli_words(cli, "report", 1, 1);
    if (code != 0)
        return code;
    if (cli_prefix(cli->argv[0], &r.key) != TRAP_OK || r.key.len != ip_key(r.key.ip).len)
        return cli_fail(EXIT_USAGE, "report: \"%s\" is not an IP address", cli_text(bytes_str(cli->argv[0])));
    code = home_open(cli, HOME_KEYS | HOME_LOGS | HOME_DERIVED | HOME_POLICY, &h);
    if (code != 0)
        return code;
    code = own_address_check(h.config, "report", "--from", from);
    if (code == 0)
        code = own_address_check(h.config, "report", "--to", to);
    if (code == 0) {
        r.from = bytes_str(from);
        r.to = bytes_str(to);
        r.now = h.now;
        code = report(cli, &h, &r);
    }
    home_close(&h);
    return code;
}
