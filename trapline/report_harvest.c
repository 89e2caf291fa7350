/* report_harvest.c - see report.h: what came of a visitor's visits, and as whom it came. */
#include "report.h"

#include <policy/harvest.h>

static json_t *techniques_object(const struct harvest *sum)
{
    json_t *o = json_object();

    for (unsigned i = 1; i < TECHNIQUE_COUNT; i++)
        if (sum->technique[i] > 0)
            json_object_set_new(o, technique_name((uint8_t)i), json_integer(sum->technique[i]));
    if (sum->technique[TECHNIQUE_NONE] > 0)
        json_object_set_new(o, technique_name(TECHNIQUE_COUNT), json_integer(sum->technique[TECHNIQUE_NONE]));
    return o;
}

enum trap_err report_harvest(const struct home *h, struct prefix key, const struct link_row *rows, size_t n, json_t *doc)
{
    const bool fetcher = prefix_set_overlaps(&h->lists.set[LIST_CRAWLERS], key, NULL);
    struct harvest sum;
    const enum trap_err err = harvest_sum(rows, n, fetcher, &sum);

    if (err != TRAP_OK)
        return err;
    json_object_set_new(doc, "known_fetcher", json_boolean(fetcher));
    if (sum.addresses == 0)
        return TRAP_OK;
    json_object_set_new(
        doc, "harvest",
        json_pack("{s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I}}", "addresses", (json_int_t)sum.addresses, "leaked",
                  (json_int_t)sum.leaked, "senders", (json_int_t)sum.senders, "messages", (json_int_t)sum.messages,
                  "techniques", techniques_object(&sum), "first_mail_after_ms", "soonest", (json_int_t)sum.soonest.ms,
                  "median", (json_int_t)sum.median.ms, "nine_tenths", (json_int_t)sum.nine_tenths.ms));
    return TRAP_OK;
}

struct seen {
    json_t *agents, *sites; /* objects as sets */
    json_int_t visits;
    unsigned told;
    visit_fn *fn; /* gets the first ones */
    void *arg;
};

static enum trap_err add_name(json_t *set, struct bytes name)
{
    json_t *key = json_bytes(name);
    const int failed = key == NULL || json_object_set_new(set, json_string_value(key), json_true()) != 0;

    json_decref(key);
    return failed ? TRAP_ENOMEM : TRAP_OK;
}

static enum trap_err see(const struct visit *v, void *arg)
{
    struct seen *s = arg;
    enum trap_err err = TRAP_OK;

    if (s->told++ < REPORT_VISITS_MAX)
        err = s->fn(v, s->arg);
    if (err != TRAP_OK)
        return err;
    if ((v->flags & (VISIT_BATCH | VISIT_TRUNCATED)) != 0)
        return TRAP_OK; /* whose it was nobody knows */
    s->visits++;
    err = add_name(s->agents, v->agent);
    return err == TRAP_OK ? add_name(s->sites, v->site) : err;
}

enum trap_err report_seen_as(struct home *h, struct prefix key, visit_fn *fn, void *arg, json_t *doc)
{
    struct seen s = { .agents = json_object(), .sites = json_object(), .fn = fn, .arg = arg };
    const enum trap_err err = visit_by_client(h->visits, key, REPORT_SEEN_MAX, see, &s);

    if (err == TRAP_OK)
        json_object_set_new(doc, "seen_as",
                            json_pack("{s:I, s:I, s:I}", "visits", s.visits, "agents",
                                      (json_int_t)json_object_size(s.agents), "sites",
                                      (json_int_t)json_object_size(s.sites)));
    json_decref(s.agents);
    json_decref(s.sites);
    return err;
}
