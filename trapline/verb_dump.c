/* verb_dump.c - `trapline dump`: evidence and listings as lines of text, in key order: same log, same bytes.
 *
 * Form:    `trapline-dump 1`, then one line a row: the kind of row, then key=value. Times are microseconds, sources hexadecimal, so that nothing is
 *          rounded. Listings follow for each zone.
 */
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <export/plan.h>
#include <export/run.h>

#include <inttypes.h>
#include <stdio.h>

struct dump {
    wall_t as_of;
    bool failed; /* standard output is closed or full */
};

static enum trap_err put(struct dump *d, int printed)
{
    d->failed = d->failed || printed < 0;
    return d->failed ? TRAP_EIO : TRAP_OK;
}

static enum trap_err dump_evidence(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    char key[PREFIX_TEXT_MAX];
    enum trap_err err = TRAP_OK;

    (void)prefix_text(sender, key);
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = put(arg, printf("evidence sender=%s node=%u source=%016" PRIx64 " class=%s hour=%u count=%u first=%" PRId64 " last=%" PRId64 "\n", key,
                              rows[i].node, rows[i].source, evidence_class_name(rows[i].klass), rows[i].hour, rows[i].count, rows[i].first.us,
                              rows[i].last.us));
    return err;
}

static enum trap_err dump_links(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    char key[PREFIX_TEXT_MAX], sender[PREFIX_TEXT_MAX];
    enum trap_err err = TRAP_OK;

    (void)prefix_text(harvester, key);
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = put(arg, printf("link harvester=%s sender=%s node=%u visit=%" PRIu64 " slot=%u technique=%u day=%u count=%u first=%" PRId64
                              " last=%" PRId64 " visited=%" PRId64 " flags=%u\n", key, prefix_text(rows[i].sender, sender), rows[i].node, rows[i].visit,
                              rows[i].slot, rows[i].technique, rows[i].day, rows[i].count, rows[i].first.us, rows[i].last.us, rows[i].visited.us,
                              rows[i].visit_flags));
    return err;
}

static enum trap_err dump_visitor(const struct visitor_row *v, void *arg)
{
    char key[PREFIX_TEXT_MAX];

    return put(arg, printf("visitor client=%s count=%" PRIu64 " first=%" PRId64 " last=%" PRId64 "\n", prefix_text(v->client, key), v->count,
                           v->first.us, v->last.us));
}

static enum trap_err dump_pending(const struct pending_row *p, void *arg)
{
    char key[PREFIX_TEXT_MAX];

    return put(arg, printf("pending hit=%u/%" PRIu64 "/%u sender=%s at=%" PRId64 " node=%u epoch=%u serial=%u slot=%u\n", p->hit_node, p->hit, p->n,
                           prefix_text(p->sender, key), p->at.us, p->node, p->epoch, p->serial, p->slot));
}

static enum trap_err dump_listings(struct dump *d, const struct export_listings *l)
{
    const char *kind = l->kind == LISTINGS_SENDERS ? "senders" : "harvesters";
    enum trap_err err = TRAP_OK;

    if (l->listings.guard_missing)
        err = put(d, printf("guard-missing policy=%s kind=%s\n", l->policy->name, kind));
    for (size_t i = 0; i < l->listings.n && err == TRAP_OK; i++) {
        const struct listing *x = &l->listings.v[i];
        char prefix[PREFIX_TEXT_MAX], key[PREFIX_TEXT_MAX];

        err = put(d, printf("listing policy=%s kind=%s prefix=%s key=%s reason=%s since=%" PRId64 " until=%" PRId64 " score=%" PRIu64 " messages=%" PRIu64
                            " sources=%u\n", l->policy->name, kind, prefix_text(x->prefix, prefix), prefix_text(x->key, key),
                            x->reason == LISTING_DENY ? "deny" : "evidence", x->since.us, x->until.us, x->score_milli, x->messages, x->sources));
    }
    return err;
}

static enum trap_err dump_rows(struct dump *d, struct store_db *derived)
{
    enum trap_err err = put(d, printf("trapline-dump 1 as_of=%" PRId64 "\n", d->as_of.us));

    if (err == TRAP_OK)
        err = evidence_each(derived, dump_evidence, d);
    if (err == TRAP_OK)
        err = link_each(derived, dump_links, d);
    if (err == TRAP_OK)
        err = visitor_each(derived, dump_visitor, d);
    if (err == TRAP_OK)
        err = pending_each(derived, dump_pending, d);
    return err;
}

static int dump(struct home *h, wall_t as_of)
{
    struct dump d = { .as_of = as_of };
    struct err_text why = { "" };
    struct plan plan = { 0 };
    struct export_scratch *scratch = NULL;
    struct export_eval eval = { 0 };
    enum trap_err err = plan_make(h->config, &plan, &why);

    if (err == TRAP_OK)
        err = export_scratch_open(h->config, h->mint, as_of, h->config->state_dir, &scratch, &why);
    if (err == TRAP_OK)
        err = dump_rows(&d, export_scratch_derived(scratch));
    if (err == TRAP_OK) {
        const struct export_env env = { .config = h->config, .plan = &plan, .key = h->policy_key, .derived = export_scratch_derived(scratch),
                                        .acts = h->acts };

        err = export_evaluate(&env, as_of, NULL, &eval, &why);
    }
    for (size_t i = 0; err == TRAP_OK && i < eval.n; i++)
        err = dump_listings(&d, &eval.v[i]);
    export_eval_free(&eval);
    export_scratch_close(&scratch);
    plan_free(&plan);
    if (d.failed || fflush(stdout) == EOF)
        return cli_fail(EXIT_IOERR, "dump: standard output is closed or full");
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

int verb_dump(struct cli *cli)
{
    struct home h = { .config = NULL };
    const char *word = NULL;
    wall_t as_of = wall_now();
    int code;

    if (cli_option(cli, "--as-of", &word) && wall_parse(bytes_str(word), &as_of) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "dump: --as-of needs a time such as 2026-03-01T12:00:00Z");
    code = cli_words(cli, "dump", 0, 0);
    if (code == 0)
        code = home_open(cli, HOME_KEYS | HOME_LOGS, &h);
    if (code == 0) {
        code = dump(&h, as_of);
        home_close(&h);
    }
    return code;
}
