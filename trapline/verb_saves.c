/* verb_saves.c - `trapline saves`: who would be listed now, but for the never-list, an `allow`, the guard or the
 * crawlers; by which entry, and since when. */
#include "home.h"

#include <base/daemon.h>
#include <export/plan.h>
#include <export/run.h>

#include <stdio.h>

static json_t *save_object(const struct export_listings *l, const struct listing_save *s)
{
    json_t *o = json_pack("{s:s, s:s, s:o, s:s, s:o, s:s}", "policy", l->policy->name, "kind",
                          listing_kind_name(l->kind), "key", json_prefix(s->key), "by", list_name(s->by), "entry",
                          json_prefix(s->entry), "reason", listing_reason_name(s->reason));

    json_object_set_new(o, "since", json_wall(s->since));
    json_object_set_new(o, "until", json_wall(s->until));
    json_object_set_new(o, "messages", json_integer((json_int_t)s->messages));
    return o;
}

struct saves {
    json_t *list, *counts;
    bool guard_missing;
    const char *by; /* NULL: any */
};

static void take_listings(struct saves *s, const struct export_listings *l)
{
    s->guard_missing = s->guard_missing || l->listings.guard_missing;
    for (size_t i = 0; i < l->listings.save_count; i++) {
        const struct listing_save *one = &l->listings.saves[i];
        const char *by = list_name(one->by);
        const json_int_t n = json_integer_value(json_object_get(s->counts, by));

        if (s->by != NULL && strcmp(s->by, by) != 0)
            continue;
        json_object_set_new(s->counts, by, json_integer(n + 1));
        json_array_append_new(s->list, save_object(l, one));
    }
}

static int gather(struct home *h, struct saves *s)
{
    struct err_text why = { "" };
    struct export_eval eval = { .n = 0 };
    struct plan plan = { 0 };
    enum trap_err err = plan_make(h->config, &plan, &why);

    if (err == TRAP_OK) {
        const struct export_env env = {
            .config = h->config, .plan = &plan, .key = h->policy_key, .derived = h->derived, .acts = h->acts
        };

        err = export_evaluate(&env, h->now, NULL, &eval, &why);
    }
    for (size_t i = 0; err == TRAP_OK && i < eval.n; i++)
        take_listings(s, &eval.v[i]);
    export_eval_free(&eval);
    plan_free(&plan);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text == NULL ? "-" : text;
}

static void print_text(const struct saves *s)
{
    const char *by;
    json_t *o;
    size_t i;

    json_array_foreach(s->list, i, o)
    {
        printf("%-24s %-10s kept off by %s %s since %s (policy %s, %s, %s)\n", text_of(o, "key"), text_of(o, "kind"),
               text_of(o, "by"), text_of(o, "entry"), text_of(o, "since"), text_of(o, "policy"),
               text_of(o, "reason"), json_is_null(json_object_get(o, "until")) ? "without end" : text_of(o, "until"));
    }
    json_object_foreach(s->counts, by, o)
        printf("%s: %lld\n", by, (long long)json_integer_value(o));
    if (json_array_size(s->list) == 0)
        puts("Nobody who would be listed is kept off.");
    if (s->guard_missing)
        puts("The guard is missing: senders were not looked at.");
}

int verb_saves(struct cli *cli)
{
    struct saves s = { .by = NULL };
    struct home h = { .config = NULL };
    int code;

    (void)cli_option(cli, "--by-list", &s.by);
    code = cli_words(cli, "saves", 0, 0);
    if (code == 0)
        code = home_open(cli, HOME_KEYS | HOME_LOGS | HOME_DERIVED | HOME_POLICY, &h);
    if (code != 0)
        return code;
    s.list = json_array();
    s.counts = json_object();
    code = gather(&h, &s);
    home_close(&h);
    if (code == 0 && cli->json)
        code = cli_json(json_pack("{s:O, s:O, s:b}", "saves", s.list, "counts", s.counts, "guard_missing",
                                  s.guard_missing));
    else if (code == 0)
        print_text(&s);
    json_decref(s.list);
    json_decref(s.counts);
    return code;
}
