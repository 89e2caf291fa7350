/* report_gather.c - see report.h: from the databases into a document. */
#include "report.h"

#include <base/daemon.h>
#include <policy/harvest.h>
#include <store/hit_log.h>
#include <store/technique.h>
#include <store/trapdir.h>
#include <store/visit_log.h>

/* A number of thousandths as decimal text: 1250 -> "1.25". */
static json_t *json_milli(uint64_t milli)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%llu.%03llu", (unsigned long long)(milli / 1000),
                     (unsigned long long)(milli % 1000));

    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '.')
        text[n - 1] = '\0';
    return json_string(text);
}

static json_t *gather_verdict(const struct conf_zone *z, const struct conf_policy *p, const char *role,
                              const struct verdict *v)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b}", "zone", z->name, "role", role, "policy", p->name,
                          "state", verdict_state_name(v->state), "published", z->live);

    json_object_set_new(o, "reason", json_string(listing_reason_name(v->reason == 0 ? LISTING_EVIDENCE : v->reason)));
    json_object_set_new(o, "since", json_wall(v->since));
    json_object_set_new(o, "until", json_wall(v->until));
    if (v->saved_by != LIST_COUNT) {
        json_object_set_new(o, "kept_off_by", json_string(list_name(v->saved_by)));
        json_object_set_new(o, "kept_off_entry", json_prefix(v->saved));
    }
    return o;
}

static json_t *sender_verdict(const struct home *h, const struct conf_zone *z, const struct conf_policy *p,
                              const struct verdict *v)
{
    json_t *o = gather_verdict(z, p, "sender", v);

    if (h->lists.guard_missing)
        json_object_set_new(o, "guard_missing", json_true());
    json_object_set_new(o, "score", json_milli(v->score_milli));
    json_object_set_new(o, "score_needed", json_milli(p->threshold_milli));
    json_object_set_new(o, "sources", json_integer(v->sources));
    json_object_set_new(o, "sources_needed", json_integer(p->sources_min));
    json_object_set_new(o, "days", json_integer(v->days));
    json_object_set_new(o, "days_needed", json_integer(p->days_min));
    json_object_set_new(o, "messages", json_integer((json_int_t)v->messages));
    if (v->look_milli > 0)
        json_object_set_new(o, "more_each", json_milli(v->look_milli));
    return o;
}

static json_t *harvester_verdict(const struct conf_zone *z, const struct conf_policy *p,
                                 const struct verdict *v)
{
    json_t *o = gather_verdict(z, p, "harvester", v);

    json_object_set_new(o, "senders", json_integer(v->senders));
    json_object_set_new(o, "senders_needed", json_integer(p->harvester_senders_min));
    json_object_set_new(o, "addresses", json_integer(v->addresses));
    json_object_set_new(o, "addresses_needed", json_integer(p->harvester_addresses_min));
    json_object_set_new(o, "last_visit", json_wall(v->last_visit));
    if (v->held_until.us != 0)
        json_object_set_new(o, "held_until", json_wall(v->held_until));
    return o;
}

bool report_zone_holds(const struct conf_zone *z, bool harvester, struct prefix key)
{
    const bool v4 = ip_is_v4(key.ip);

    switch (z->kind) {
    case ZONE_SENDERS4:
        return !harvester && v4;
    case ZONE_SENDERS6:
        return !harvester && !v4;
    case ZONE_SENDERS:
        return !harvester;
    case ZONE_HARVESTERS:
        return harvester && v4;
    case ZONE_COMBINED:
        return !harvester || v4;
    case ZONE_BACKSCATTER:
        return !harvester;
    case ZONE_NETS:
        return false; /* report_networks.c */
    }
    return false;
}

/* ---- evidence and links ---- */

struct gather {
    struct home *h;
    json_t *doc, *rows;
    enum trap_err err;
};

static enum trap_err add_evidence(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct gather *g = arg;
    json_t *list = json_array();

    (void)sender;
    for (size_t i = 0; i < n; i++) {
        char source[PREFIX_TEXT_MAX];
        json_t *o = json_pack("{s:s, s:s, s:I}", "class", evidence_class_name(rows[i].klass), "source",
                              source_text(rows[i].source, source), "messages", (json_int_t)rows[i].count);

        json_object_set_new(o, "first", json_wall(rows[i].first));
        json_object_set_new(o, "last", json_wall(rows[i].last));
        json_array_append_new(list, o);
    }
    json_object_set_new(g->doc, "evidence", list);
    for (size_t i = 0; i < g->h->config->zone_count; i++) {
        const struct conf_zone *z = &g->h->config->zones[i];
        const struct conf_policy *p = config_policy(g->h->config, z->policy);
        struct policy_env env = home_policy(g->h, p);
        struct verdict v;

        if (!report_zone_holds(z, false, sender))
            continue;
        env.backscatter = z->kind == ZONE_BACKSCATTER;
        g->err = policy_sender(&env, sender, rows, n, &v);
        if (g->err != TRAP_OK)
            return g->err;
        json_array_append_new(g->rows, sender_verdict(g->h, z, p, &v));
    }
    return TRAP_OK;
}

static enum trap_err add_links(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    struct gather *g = arg;
    json_t *list = json_array();

    for (size_t i = 0; i < n && i < REPORT_LINKS_MAX; i++) {
        json_t *o =
            json_pack("{s:o, s:I, s:I, s:i, s:s, s:I}", "sender", json_prefix(rows[i].sender), "node",
                      (json_int_t)rows[i].node, "visit", (json_int_t)rows[i].visit, "slot", rows[i].slot,
                      "technique", technique_name(rows[i].technique), "messages", (json_int_t)rows[i].count);

        json_object_set_new(o, "visited", json_wall(rows[i].visited));
        json_object_set_new(o, "first_mail", json_wall(rows[i].first));
        json_object_set_new(o, "last_mail", json_wall(rows[i].last));
        json_array_append_new(list, o);
    }
    json_object_set_new(g->doc, "links", list);
    json_object_set_new(g->doc, "links_in_all", json_integer((json_int_t)n));
    g->err = report_harvest(g->h, harvester, rows, n, g->doc);
    if (g->err != TRAP_OK)
        return g->err;
    for (size_t i = 0; i < g->h->config->zone_count; i++) {
        const struct conf_zone *z = &g->h->config->zones[i];
        const struct conf_policy *p = config_policy(g->h->config, z->policy);
        const struct policy_env env = home_policy(g->h, p);
        struct verdict v;

        if (!report_zone_holds(z, true, harvester))
            continue;
        g->err = policy_harvester(&env, harvester, rows, n, &v);
        if (g->err != TRAP_OK)
            return g->err;
        json_array_append_new(g->rows, harvester_verdict(z, p, &v));
    }
    return TRAP_OK;
}

/* ---- visits and hits ---- */

static json_t *visit_client(const struct visit *v)
{
    if ((v->flags & VISIT_BATCH) != 0)
        return json_null();
    return (v->flags & VISIT_TRUNCATED) != 0 ? json_prefix(ip_network(v->client)) : json_ip(v->client);
}

/* arg: a gather; the visit becomes its doc. */
static enum trap_err visit_object(const struct visit *v, void *arg)
{
    struct gather *g = arg;
    json_t *techniques = json_array();

    for (unsigned slot = 0; slot < VISIT_SLOTS; slot++)
        if (visit_technique(v->recipe, slot) != 0)
            json_array_append_new(techniques, json_string(technique_name(visit_technique(v->recipe, slot))));
    g->doc = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "visit", (json_int_t)v->seq, "at",
                     json_wall(v->at), "client", visit_client(v),
                     "site", json_bytes(v->site), "page", json_bytes(v->page), "agent", json_bytes(v->agent),
                     "techniques", techniques, "shown", (v->flags & VISIT_NOT_SHOWN) == 0);
    if (harvest_fetcher(&g->h->lists, v->client, v->flags))
        json_object_set_new(g->doc, "known_fetcher", json_true());
    return g->doc == NULL ? TRAP_ENOMEM : TRAP_OK;
}

static enum trap_err append_visit(const struct visit *v, void *arg)
{
    struct gather *g = arg;
    const enum trap_err err = visit_object(v, g);

    return err != TRAP_OK ? err : json_array_append_new(g->rows, g->doc) == 0 ? TRAP_OK : TRAP_ENOMEM;
}

static const char *trace_name(const struct fold_trace *t)
{
    static const char *const name[] = { [TRACE_NOT_MINTED] = "not minted here",
                                        [TRACE_RESOLVED] = "resolved",
                                        [TRACE_AGED] = "aged",
                                        [TRACE_PENDING] = "pending",
                                        [TRACE_FORGED] = "forged" };

    return name[t->outcome];
}

/* What the address is, and its visit where that is on record. */
static enum trap_err trace_object(struct home *h, struct bytes address, wall_t mailed, json_t *o)
{
    struct fold_trace t = { .outcome = TRACE_NOT_MINTED };
    struct gather shown = { .h = h };
    const enum trap_err err = fold_trace(h->fold, address, mailed, &t, visit_object, &shown);
    json_t *visit = shown.doc;

    if (err != TRAP_OK)
        return err;
    json_object_set_new(o, "minted", json_boolean(t.minted));
    if (!t.minted)
        return TRAP_OK;
    json_object_set_new(o, "outcome", json_string(trace_name(&t)));
    json_object_set_new(o, "repaired", json_boolean(t.repaired));
    json_object_set_new(o, "node", json_integer(t.ref.node));
    json_object_set_new(o, "epoch", json_integer(t.ref.epoch));
    json_object_set_new(o, "serial", json_integer(t.ref.serial));
    json_object_set_new(o, "slot", json_integer(t.ref.slot));
    if (visit != NULL) {
        json_t *techniques = json_object_get(visit, "techniques");
        const char *used = json_string_value(json_array_get(techniques, t.ref.slot));

        if (used != NULL)
            json_object_set_new(o, "technique", json_string(used));
        json_object_set_new(o, "visit", visit);
    }
    return TRAP_OK;
}

struct tainted {
    const struct taints *taints;
    struct taint_mail mail;
    bool out;
};

static enum trap_err match_taints(const struct visit *v, void *arg)
{
    struct tainted *t = arg;

    t->mail.visit = v;
    t->out = taints_mail(t->taints, &t->mail);
    t->mail.visit = NULL;
    return TRAP_OK;
}

/* Does a taint take this recipient out of the evidence? o: as trace_object() made it. */
static enum trap_err add_tainted(struct home *h, const struct hit *hit, size_t i, json_t *o)
{
    struct tainted t = {
        .taints = h->acts_view.taints,
        .mail = { .sink_node = h->config->node_id, .at = hit->at, .address = hit->rcpts[i].address }
    };
    const json_t *visit = json_object_get(o, "visit"), *node = json_object_get(o, "node");
    enum trap_err err = TRAP_OK;

    if (node != NULL) {
        t.mail.visit_node = (uint8_t)json_integer_value(node);
        t.mail.slot = (uint8_t)json_integer_value(json_object_get(o, "slot"));
    }
    if (visit != NULL && t.taints != NULL) {
        t.mail.visit_seq = (uint64_t)json_integer_value(json_object_get(visit, "visit"));
        err = visit_get(h->visits, t.mail.visit_seq, match_taints, &t);
    } else {
        t.out = taints_mail(t.taints, &t.mail);
    }
    if (t.out)
        json_object_set_new(o, "tainted", json_true());
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static enum trap_err append_hit(const struct hit *hit, void *arg)
{
    struct gather *g = arg;
    json_t *rcpts = json_array();
    json_t *o = json_pack("{s:I, s:o, s:o, s:o, s:o, s:I, s:o}", "hit", (json_int_t)hit->seq, "at",
                          json_wall(hit->at), "sender", json_ip(hit->sender), "helo", json_bytes(hit->helo),
                          "reverse_path", json_bytes(hit->reverse_path), "size", (json_int_t)hit->size,
                          "recipients", rcpts);
    enum trap_err err;

    if (o == NULL)
        return TRAP_ENOMEM;
    json_array_append_new(g->rows, o);
    err = report_smtp_hit(g->h, hit, o);
    for (size_t i = 0; i < hit->rcpt_count && err == TRAP_OK; i++) {
        json_t *r = json_pack("{s:o, s:s}", "address", json_bytes(hit->rcpts[i].address), "class",
                              rcpt_class_name(hit->rcpts[i].klass));

        if ((hit->rcpts[i].klass & RCPT_OBSERVED) != 0)
            json_object_set_new(r, "observed", json_true());
        if (hit->rcpts[i].dsn.n > 0)
            json_object_set_new(r, "dsn", json_bytes(hit->rcpts[i].dsn));
        json_array_append_new(rcpts, r);
        err = trace_object(g->h, hit->rcpts[i].address, hit->at, r);
        if (json_is_true(json_object_get(json_object_get(r, "visit"), "known_fetcher")))
            json_object_set(r, "leaked_through", json_object_get(json_object_get(r, "visit"), "client"));
        if (err == TRAP_OK)
            err = add_tainted(g->h, hit, i, r);
    }
    return err;
}

/* ---- the three documents ---- */

static json_t *finish(json_t *doc, enum trap_err err, int *code_out)
{
    if (err == TRAP_OK)
        return doc;
    json_decref(doc);
    *code_out = cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    return NULL;
}

/* What trapexport has not come to yet counts for nobody. */
static enum trap_err add_unfolded(struct home *h, enum record_log log, json_t *doc)
{
    uint64_t last = 0, erased = 0, folded = 0;
    enum trap_err err =
        log == RECORD_HIT ? hit_bounds(h->hits, &last, &erased) : visit_bounds(h->visits, &last, &erased);

    if (err == TRAP_OK)
        err = derived_mark_get(h->derived, h->config->node_id, log, &folded);
    if (err == TRAP_OK && last > folded)
        json_object_set_new(doc, "not_folded", json_integer((json_int_t)(last - folded)));
    return err;
}

json_t *report_sender(struct home *h, struct prefix key, int *code_out)
{
    struct gather g = { .h = h, .doc = json_object(), .rows = json_array() };
    enum trap_err err;

    json_object_set_new(g.doc, "key", json_prefix(key));
    json_object_set_new(g.doc, "zones", g.rows);
    err = evidence_in(h->derived, key, add_evidence, &g);
    if (err == TRAP_OK && json_object_get(g.doc, "evidence") == NULL)
        err = add_evidence(key, NULL, 0, &g);
    if (err == TRAP_OK) {
        g.rows = json_array();
        json_object_set_new(g.doc, "hits", g.rows);
        err = hit_by_sender(h->hits, key, REPORT_HITS_MAX, append_hit, &g);
    }
    if (err == TRAP_OK)
        err = add_unfolded(h, RECORD_HIT, g.doc);
    if (err == TRAP_OK)
        err = report_smtp_sender(h, key, g.doc);
    return finish(g.doc, err, code_out);
}

json_t *report_hit(struct home *h, uint64_t seq, int *code_out)
{
    struct gather g = { .h = h, .rows = json_array() };
    const enum trap_err err = hit_get(h->hits, seq, append_hit, &g);
    json_t *hit = json_incref(json_array_get(g.rows, 0));

    json_decref(g.rows);
    if (err == TRAP_OK)
        return hit;
    json_decref(hit);
    *code_out = err == TRAP_ENOENT
                    ? cli_fail(EXIT_USAGE, "there is no hit %llu; it may have been erased", (unsigned long long)seq)
                    : cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    return NULL;
}

json_t *report_harvester(struct home *h, struct prefix key, int *code_out)
{
    struct gather g = { .h = h, .doc = json_object(), .rows = json_array() };
    struct visitor_row visitor = { .count = 0 };
    enum trap_err err;

    json_object_set_new(g.doc, "key", json_prefix(key));
    json_object_set_new(g.doc, "zones", g.rows);
    err = link_in(h->derived, key, add_links, &g);
    if (err == TRAP_OK && json_object_get(g.doc, "links") == NULL)
        err = add_links(key, NULL, 0, &g);
    if (err == TRAP_OK) {
        err = visitor_get(h->derived, key, &visitor);
        if (err == TRAP_ENOENT)
            err = TRAP_OK;
    }
    json_object_set_new(g.doc, "visits",
                        json_pack("{s:I, s:o, s:o}", "count", (json_int_t)visitor.count, "first",
                                  json_wall(visitor.first), "last", json_wall(visitor.last)));
    if (err == TRAP_OK) {
        json_t *visits = json_array();

        json_object_set_new(g.doc, "newest_visits", visits);
        err = report_seen_as(h, key, append_visit, &(struct gather){ .h = h, .rows = visits }, g.doc);
    }
    if (err == TRAP_OK)
        err = add_unfolded(h, RECORD_VISIT, g.doc);
    return finish(g.doc, err, code_out);
}

/* What the sink would take it for, apart from the mint. */
/* now: what the sink answers at present, of one that is a trap at last. */
static const char *trap_state(const struct home *h, struct bytes address, const struct trapdir_result *now)
{
    if (taints_trap(h->acts_view.taints, address))
        return trap_life_name(TRAP_TAINTED);
    if (now->answer != TRAPDIR_TRAP)
        return trap_life_name(TRAP_CONDITIONING);
    return trap_life_name((now->rcpt_class & RCPT_OBSERVED) != 0 ? TRAP_OBSERVING : TRAP_ARMED);
}

static enum trap_err add_static_trap(struct home *h, struct bytes address, json_t *doc)
{
    const size_t at = bytes_rfind(address, '@');
    struct trapdir *dir = NULL;
    struct err_text why = { "" };
    struct trapdir_result found, at_last;
    enum trap_err err = trapdir_new(h->config, &dir, &why);

    if (err != TRAP_OK || at >= address.n) {
        trapdir_free(&dir);
        return err;
    }
    found = trapdir_find(dir, bytes_take(address, at), bytes_skip(address, at + 1));
    trapdir_set_time(dir, (wall_t){ INT64_MAX });
    at_last = trapdir_find(dir, bytes_take(address, at), bytes_skip(address, at + 1));
    if (at_last.answer == TRAPDIR_TRAP) {
        json_object_set_new(doc, "static_trap", json_string(rcpt_class_name(at_last.rcpt_class)));
        json_object_set_new(doc, "state", json_string(trap_state(h, address, &found)));
    } else if (found.answer == TRAPDIR_ROLE) {
        json_object_set_new(doc, "role", json_true());
    } else if (found.retired) {
        json_object_set_new(doc, "retired", json_true());
    }
    trapdir_free(&dir);
    return TRAP_OK;
}

json_t *report_address(struct home *h, struct bytes address, int *code_out)
{
    struct gather g = { .h = h, .doc = json_object(), .rows = json_array() };
    enum trap_err err;

    json_object_set_new(g.doc, "address", json_bytes(address));
    err = trace_object(h, address, h->now, g.doc);
    json_object_set_new(g.doc, "hits", g.rows);
    if (err == TRAP_OK)
        err = add_static_trap(h, address, g.doc);
    if (err == TRAP_OK)
        err = hit_by_rcpt(h->hits, address, REPORT_HITS_MAX, append_hit, &g);
    return finish(g.doc, err, code_out);
}
