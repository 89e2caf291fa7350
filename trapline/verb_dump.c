/* verb_dump.c - `trapline dump`: evidence and listings as lines of text, in key order: same log, same bytes.
 *
 * Form:    `trapline-dump 1`, then one line a row: the kind of row, then key=value. Times are microseconds,
 *          sources hexadecimal, so that nothing is rounded. Listings follow for each zone. --json: one
 *          document, an object a row.
 */
#include "event_dump.h"
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <base/log.h>
#include <export/plan.h>
#include <export/run.h>

#include <inttypes.h>
#include <stdio.h>

struct dump {
    wall_t as_of;
    bool json;
    uint64_t rows;
};

static void row_json(struct dump *d, const char *kind, const struct log_field *f)
{
    json_t *o = json_object();

    json_object_set_new(o, "row", json_string(kind));
    for (; f->type != LOG_END; f++)
        json_object_set_new(o, f->key,
                            f->type == LOG_TYPE_STR ? json_bytes(bytes_str(f->v.str))
                            : f->type == LOG_TYPE_PREFIX
                                ? json_prefix(f->v.prefix)
                                : json_integer(f->type == LOG_TYPE_U64 ? (json_int_t)f->v.u64 : f->v.i64));
    fputs(d->rows == 0 ? "\n" : ",\n", stdout);
    (void)json_dumpf(o, stdout, JSON_PRESERVE_ORDER);
    json_decref(o);
}

static void row_text(const char *kind, const struct log_field *f)
{
    char text[PREFIX_TEXT_MAX];

    fputs(kind, stdout);
    for (; f->type != LOG_END; f++) {
        if (f->type == LOG_TYPE_U64)
            printf(" %s=%" PRIu64, f->key, f->v.u64);
        else if (f->type == LOG_TYPE_I64)
            printf(" %s=%" PRId64, f->key, f->v.i64);
        else
            printf(" %s=%s", f->key, f->type == LOG_TYPE_PREFIX ? prefix_text(f->v.prefix, text) : f->v.str);
    }
    (void)putchar('\n');
}

/* Fields of the types STR, U64, I64 and PREFIX. Fails when standard output is closed or full. */
static enum trap_err row(struct dump *d, const char *kind, const struct log_field *fields)
{
    if (d->json)
        row_json(d, kind, fields);
    else
        row_text(kind, fields);
    d->rows++;
    return ferror(stdout) ? TRAP_EIO : TRAP_OK;
}
#define ROW(d, kind, ...) row((d), (kind), (const struct log_field[]){ __VA_ARGS__, LOG_FIELD_END })

static enum trap_err dump_evidence(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    enum trap_err err = TRAP_OK;

    for (const struct evidence_row *r = rows; r < rows + n && err == TRAP_OK; r++) {
        char source[17];

        (void)snprintf(source, sizeof(source), "%016" PRIx64, r->source);
        err = ROW(arg, "evidence", LOG_PREFIX("sender", sender), LOG_U64("node", r->node),
                  LOG_STR("source", source), LOG_STR("class", evidence_class_name(r->klass)),
                  LOG_U64("hour", r->hour), LOG_U64("count", r->count), LOG_I64("first", r->first.us),
                  LOG_I64("last", r->last.us));
    }
    return err;
}

static enum trap_err dump_links(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    enum trap_err err = TRAP_OK;

    for (const struct link_row *r = rows; r < rows + n && err == TRAP_OK; r++)
        err = ROW(arg, "link", LOG_PREFIX("harvester", harvester), LOG_PREFIX("sender", r->sender),
                  LOG_U64("node", r->node), LOG_U64("visit", r->visit), LOG_U64("slot", r->slot),
                  LOG_U64("technique", r->technique), LOG_U64("day", r->day), LOG_U64("count", r->count),
                  LOG_I64("first", r->first.us), LOG_I64("last", r->last.us),
                  LOG_I64("visited", r->visited.us), LOG_U64("flags", r->visit_flags));
    return err;
}

static enum trap_err dump_visitor(const struct visitor_row *v, void *arg)
{
    return ROW(arg, "visitor", LOG_PREFIX("client", v->client), LOG_U64("count", v->count),
               LOG_I64("first", v->first.us), LOG_I64("last", v->last.us));
}

static enum trap_err dump_pending(const struct pending_row *p, void *arg)
{
    char hit[64];

    (void)snprintf(hit, sizeof(hit), "%u/%" PRIu64 "/%u", p->hit_node, p->hit, p->n);
    return ROW(arg, "pending", LOG_STR("hit", hit), LOG_PREFIX("sender", p->sender), LOG_I64("at", p->at.us),
               LOG_U64("node", p->node), LOG_U64("epoch", p->epoch), LOG_U64("serial", p->serial),
               LOG_U64("slot", p->slot));
}

static enum trap_err dump_listings(struct dump *d, const struct export_listings *l)
{
    const char *policy = l->policy->name, *kind = listing_kind_name(l->kind);
    enum trap_err err = TRAP_OK;

    if (l->listings.guard_missing)
        err = ROW(d, "guard-missing", LOG_STR("policy", policy), LOG_STR("kind", kind));
    for (const struct listing *x = l->listings.v; x < l->listings.v + l->listings.n && err == TRAP_OK; x++)
        err = ROW(
            d, "listing", LOG_STR("policy", policy), LOG_STR("kind", kind), LOG_PREFIX("prefix", x->prefix),
            LOG_PREFIX("key", x->key), LOG_STR("reason", listing_reason_name(x->reason)),
            LOG_I64("since", x->since.us), LOG_I64("until", x->until.us), LOG_U64("score", x->score_milli),
            LOG_U64("messages", x->messages), LOG_U64("sources", x->sources));
    return err;
}

static enum trap_err dump_rows(struct dump *d, struct store_db *derived)
{
    enum trap_err err = evidence_each(derived, dump_evidence, d);
    if (err == TRAP_OK)
        err = link_each(derived, dump_links, d);
    if (err == TRAP_OK)
        err = visitor_each(derived, dump_visitor, d);
    if (err == TRAP_OK)
        err = pending_each(derived, dump_pending, d);
    return err;
}

static int dump(struct home *h, struct dump d)
{
    struct err_text why = { "" };
    struct plan plan = { 0 };
    struct export_scratch *scratch = NULL;
    struct export_eval eval = { 0 };
    enum trap_err err = plan_make(h->config, &plan, &why);

    if (err == TRAP_OK)
        err = export_scratch_open(h->config, h->mint, d.as_of, h->config->state_dir, &scratch, &why);
    if (err == TRAP_OK)
        printf(d.json ? "{\"trapline-dump\": 1, \"as_of\": %" PRId64 ", \"rows\": ["
                      : "trapline-dump 1 as_of=%" PRId64 "\n",
               d.as_of.us);
    if (err == TRAP_OK)
        err = dump_rows(&d, export_scratch_derived(scratch));
    if (err == TRAP_OK) {
        const struct export_env env = { .config = h->config,
                                        .plan = &plan,
                                        .key = h->policy_key,
                                        .derived = export_scratch_derived(scratch),
                                        .acts = h->acts };

        err = export_evaluate(&env, d.as_of, NULL, &eval, &why);
    }
    for (size_t i = 0; err == TRAP_OK && i < eval.n; i++)
        err = dump_listings(&d, &eval.v[i]);
    export_eval_free(&eval);
    export_scratch_close(&scratch);
    plan_free(&plan);
    if (err == TRAP_OK && d.json)
        puts("]}");
    if (ferror(stdout))
        return 0; /* main() says so */
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

int verb_dump(struct cli *cli)
{
    struct home h = { .config = NULL };
    const char *word = NULL;
    struct dump d = { .as_of = wall_now(), .json = cli->json };
    const bool events = cli_flag(cli, "--events");
    int code;

    if (cli_option(cli, "--as-of", &word) && wall_parse(bytes_str(word), &d.as_of) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "dump: --as-of needs a time such as 2026-03-01T12:00:00Z");
    code = cli_words(cli, "dump", 0, 0);
    if (code == 0)
        code = home_open(cli, events ? HOME_LOGS : HOME_KEYS | HOME_LOGS, &h);
    if (code == 0) {
        code = events ? event_dump(&h, d.as_of) : dump(&h, d);
        home_close(&h);
    }
    return code;
}
