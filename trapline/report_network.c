/* report_network.c - networks: who in them has evidence, and which of them the rows of `escalate` list (see
 * report.h). */
#include "report.h"

#include <base/daemon.h>

#include <stdlib.h>

enum { V4_MAPPED = 96, V4_KEY = 128, V6_KEY = 64 };

static uint8_t key_len(bool v4)
{
    return v4 ? V4_KEY : V6_KEY;
}

/* ---- what is listed of senders inside a prefix, by one policy ---- */

struct inside {
    struct policy_env env;
    struct listings listed; /* evidence only, in prefix order */
    size_t cap;
};

static enum trap_err add_listed(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct inside *in = arg;
    struct listings *l = &in->listed;
    struct verdict v;
    const enum trap_err err = policy_sender(&in->env, sender, rows, n, &v);

    if (err != TRAP_OK || v.state != VERDICT_LISTED || v.reason != LISTING_EVIDENCE ||
        v.saved_by != LIST_COUNT)
        return err;
    if (l->n == in->cap) {
        const size_t cap = in->cap == 0 ? 64 : in->cap * 2;
        struct listing *grown = reallocarray(l->v, cap, sizeof *grown);
        if (grown == NULL)
            return TRAP_ENOMEM;
        l->v = grown;
        in->cap = cap;
    }
    l->v[l->n++] = (struct listing){
        .prefix = sender, .key = sender, .reason = v.reason, .since = v.since, .until = v.until
    };
    return TRAP_OK;
}

static uint32_t members_in(const struct listings *l, struct prefix net)
{
    uint32_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += prefix_covers(net, l->v[i].key);
    return n;
}

/* ---- the rows of one zone ---- */

/* The widest network that a row of this family makes around p. */
static struct prefix widest(const struct conf_escalations *rows, struct prefix p)
{
    uint8_t len = p.len;

    for (size_t i = 0; i < rows->n; i++)
        if (rows->v[i].v4 == ip_is_v4(p.ip) && rows->v[i].to < len)
            len = rows->v[i].to;
    return prefix_of(p.ip, len);
}

/* How near p's networks are, for the rows that count senders. */
static json_t *json_rows(const struct conf_escalations *rows, const struct listings *l, struct prefix p)
{
    json_t *out = json_array();

    for (size_t i = 0; i < rows->n; i++) {
        const struct conf_escalation *e = &rows->v[i];

        if (e->v4 == ip_is_v4(p.ip) && e->from == key_len(e->v4) && e->to <= p.len) {
            const struct prefix net = prefix_of(p.ip, e->to);

            json_array_append_new(out, json_pack("{s:o, s:i, s:i}", "network", json_prefix(net), "members",
                                                 (int)members_in(l, net), "members_needed", (int)e->members));
        }
    }
    return out;
}

static json_t *json_listed(const struct listings *nets, struct prefix p)
{
    json_t *out = json_array();

    for (size_t i = 0; i < nets->n; i++)
        if (prefix_covers(nets->v[i].prefix, p) || prefix_covers(p, nets->v[i].prefix))
            json_array_append_new(out, json_pack("{s:o, s:o, s:o}", "network", json_prefix(nets->v[i].prefix),
                                                 "since", json_wall(nets->v[i].since), "until",
                                                 json_wall(nets->v[i].until)));
    return out;
}

static enum trap_err zone_networks(struct home *h, const struct conf_zone *z, struct prefix p, json_t *out)
{
    const struct conf_policy *policy = config_policy(h->config, z->policy);
    struct inside in = { .env = home_policy(h, policy) };
    struct listings nets = { .n = 0 };
    enum trap_err err = evidence_in(h->derived, widest(&policy->escalate, p), add_listed, &in);

    if (err == TRAP_OK)
        err = listings_escalate(&in.env, &in.listed, &nets);
    if (err == TRAP_OK)
        json_array_append_new(out,
                              json_pack("{s:s, s:s, s:b, s:o, s:o}", "zone", z->name, "policy", policy->name,
                                        "published", z->live, "listed", json_listed(&nets, p), "rows",
                                        json_rows(&policy->escalate, &in.listed, p)));
    listings_free(&nets);
    listings_free(&in.listed);
    return err;
}

json_t *report_networks(struct home *h, struct prefix p, int *code_out)
{
    json_t *out = json_array();
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < h->config->zone_count && err == TRAP_OK; i++)
        if (h->config->zones[i].kind == ZONE_NETS)
            err = zone_networks(h, &h->config->zones[i], p, out);
    if (err == TRAP_OK)
        return out;
    json_decref(out);
    *code_out = cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    return NULL;
}

/* ---- who is in a prefix ---- */

struct prefix_report {
    struct home *h;
    json_t *senders;
    uint64_t in_all;
};

/* The state in each zone of senders; what is told of one sender alone is told by `explain` of it. */
static enum trap_err add_sender(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct prefix_report *r = arg;
    json_t *zones;

    if (r->in_all++ >= REPORT_SENDERS_MAX)
        return TRAP_OK;
    zones = json_array();
    json_array_append_new(r->senders, json_pack("{s:o, s:o}", "key", json_prefix(sender), "zones", zones));
    for (size_t i = 0; i < r->h->config->zone_count; i++) {
        const struct conf_zone *z = &r->h->config->zones[i];
        const struct policy_env env = home_policy(r->h, config_policy(r->h->config, z->policy));
        struct verdict v;
        enum trap_err err;

        if (!report_zone_holds(z, false, sender) || z->kind == ZONE_BACKSCATTER)
            continue;
        err = policy_sender(&env, sender, rows, n, &v);
        if (err != TRAP_OK)
            return err;
        json_array_append_new(zones, json_pack("{s:s, s:s, s:I, s:o}", "zone", z->name, "state",
                                               verdict_state_name(v.state), "messages",
                                               (json_int_t)v.messages, "until", json_wall(v.until)));
    }
    return TRAP_OK;
}

json_t *report_prefix(struct home *h, struct prefix p, int *code_out)
{
    struct prefix_report r = { .h = h, .senders = json_array() };
    struct prefix entry = { .len = 0 };
    const enum list_name list = lists_find(&h->lists, p, false, &entry);
    json_t *networks = report_networks(h, p, code_out);
    enum trap_err err;

    if (networks == NULL) {
        json_decref(r.senders);
        return NULL;
    }
    err = evidence_in(h->derived, p, add_sender, &r);
    if (err != TRAP_OK) {
        json_decref(r.senders);
        json_decref(networks);
        *code_out = cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
        return NULL;
    }
    return json_pack("{s:o, s:s?, s:o, s:I, s:o, s:o}", "prefix", json_prefix(p), "kept_off_by",
                     list == LIST_COUNT ? NULL : list_name(list), "kept_off_entry",
                     list == LIST_COUNT ? json_null() : json_prefix(entry), "senders_in_all",
                     (json_int_t)r.in_all, "senders", r.senders, "networks", networks);
}
