/* evaluate.c - lists, listings, and what each dataset shall hold. */
#include <base/buf.h>
#include <export/run.h>

#include <stdlib.h>

enum { POLICY_TEXT_MAX = 1 << 20 };

static const struct export_listings *find(const struct export_eval *e, const struct plan_dataset *d)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->v[i].policy == d->policy && e->v[i].kind == d->kind)
            return &e->v[i];
    return NULL;
}

/* What is published is what runs: the digest covers the text of every policy that a zone names, in the order
 * of the configuration. */
static enum trap_err digest_policies(const struct export_env *env, char out[DIGEST_HEX_MAX])
{
    enum trap_err err;
    struct buf text;

    buf_init(&text, POLICY_TEXT_MAX);
    for (size_t i = 0; i < env->config->policy_count; i++)
        for (size_t d = 0; d < env->plan->dataset_count; d++)
            if (env->plan->dataset[d].policy == &env->config->policies[i]) {
                policy_text(&env->config->policies[i], &text);
                break;
            }
    err = text.err;
    if (err == TRAP_OK)
        (void)digest_of(buf_bytes(&text), out);
    buf_free(&text);
    return err;
}

/* ---- listings kept up to date ---- */

struct export_live {
    struct {
        const struct conf_policy *policy;
        enum listing_kind kind;
        struct live *live;
    } * v;
    size_t n;
};

enum trap_err export_live_new(const struct plan *plan, struct export_live **out)
{
    struct export_live *l = calloc(1, sizeof(*l));

    if (l != NULL)
        l->v = calloc(plan->dataset_count + 1, sizeof(*l->v));
    if (l == NULL || l->v == NULL) {
        free(l);
        return TRAP_ENOMEM;
    }
    *out = l;
    return TRAP_OK;
}

void export_live_free(struct export_live **lp)
{
    struct export_live *l = *lp;

    *lp = NULL;
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->n; i++)
        live_free(&l->v[i].live);
    free(l->v);
    free(l);
}

static enum trap_err live_of(struct export_live *l, const struct conf_policy *p, enum listing_kind kind,
                             struct live **out)
{
    size_t i = 0;
    enum trap_err err = TRAP_OK;

    while (i < l->n && (l->v[i].policy != p || l->v[i].kind != kind))
        i++;
    if (i == l->n) {
        err = live_new(kind, &l->v[i].live);
        if (err != TRAP_OK)
            return err;
        l->v[i].policy = p;
        l->v[i].kind = kind;
        l->n++;
    }
    *out = l->v[i].live;
    return err;
}

/* Networks are counted from the senders of this moment. */
static enum trap_err update(const struct export_env *env, const struct policy_env *rule,
                            enum listing_kind kind, struct listings *out, struct err_text *why)
{
    struct listings senders = { 0 };
    struct live *live = NULL;
    enum trap_err err =
        live_of(env->live, rule->policy, kind == LISTINGS_NETS ? LISTINGS_SENDERS : kind, &live);

    if (err != TRAP_OK) {
        err_text_set(why, "no memory for the listings");
        return err;
    }
    if (kind != LISTINGS_NETS)
        return live_update(live, rule, env->changes, out, why);
    err = live_update(live, rule, env->changes, &senders, why);
    if (err != TRAP_OK)
        return err;
    out->guard_missing = senders.guard_missing;
    if (!senders.guard_missing)
        err = listings_escalate(rule, &senders, out);
    if (err != TRAP_OK)
        err_text_set(why, "no memory for the networks");
    listings_free(&senders);
    return err;
}

static enum trap_err compute(const struct export_env *env, struct export_eval *e, struct err_text *why)
{
    for (size_t i = 0; i < env->plan->dataset_count && env->derived != NULL; i++) {
        const struct plan_dataset *d = &env->plan->dataset[i];
        const struct policy_env rule = { .policy = d->policy,
                                         .lists = &e->lists,
                                         .acts = &e->acts,
                                         .key = env->key,
                                         .as_of = e->as_of,
                                         .derived = env->derived,
                                         .lookups = env->acts };
        struct listings *out = &e->v[e->n].listings;
        enum trap_err err;

        if (find(e, d) != NULL)
            continue;
        err = env->live == NULL ? listings_compute(&rule, d->kind, out, why)
                                : update(env, &rule, d->kind, out, why);
        if (err != TRAP_OK)
            return err;
        e->v[e->n].policy = d->policy;
        e->v[e->n++].kind = d->kind;
    }
    return TRAP_OK;
}

enum trap_err export_evaluate(const struct export_env *env, wall_t as_of, const struct lists *last_good,
                              struct export_eval *out, struct err_text *why)
{
    struct export_eval e = { .as_of = as_of };
    enum trap_err err = TRAP_ENOMEM;

    e.v = calloc(env->plan->dataset_count + 1, sizeof(*e.v));
    if (e.v == NULL) {
        err_text_set(why, "no memory for the listings");
        goto out;
    }
    err = env->acts == NULL ? TRAP_OK : acts_view_load(env->acts, as_of, &e.acts, why);
    if (err == TRAP_OK)
        err = last_good == NULL ? lists_load(env->config, &e.acts, as_of, &e.lists, why)
                                : lists_reload(env->config, &e.acts, as_of, last_good, &e.lists, &e.kept);
    if (err == TRAP_OK) {
        err = digest_policies(env, e.policy_digest);
        if (err != TRAP_OK)
            err_text_set(why, "no memory for the texts of the policies");
    } else if (last_good != NULL) {
        err_text_set(why, "no memory for the lists of who is never listed");
    }
    if (err == TRAP_OK)
        err = compute(env, &e, why);
    if (err != TRAP_OK)
        goto out;
    *out = e;
    e = (struct export_eval){ 0 };
out:
    export_eval_free(&e);
    return err;
}

void export_eval_free(struct export_eval *e)
{
    for (size_t i = 0; i < e->n; i++)
        listings_free(&e->v[i].listings);
    free(e->v);
    lists_free(&e->lists);
    acts_view_free(&e->acts);
    *e = (struct export_eval){ 0 };
}

enum trap_err export_datasets(const struct export_env *env, const struct export_eval *e,
                              struct publish_dataset **out, struct err_text *why)
{
    struct publish_dataset *v = calloc(env->plan->dataset_count + 1, sizeof(*v));
    enum trap_err err = v == NULL ? TRAP_ENOMEM : TRAP_OK;

    for (size_t i = 0; i < env->plan->dataset_count && err == TRAP_OK; i++) {
        const struct plan_dataset *d = &env->plan->dataset[i];
        const struct export_listings *found = find(e, d);

        v[i].held = found == NULL || found->listings.guard_missing;
        if (v[i].held)
            continue;
        v[i].saves = found->listings.saves;
        v[i].save_count = found->listings.save_count;
        err = zone_entries_from(d->type, (uint8_t)d->zone->code, &found->listings, e->as_of, &v[i].entries);
    }
    if (err != TRAP_OK) {
        export_datasets_free(env->plan, &v);
        err_text_set(why, "no memory for the entries of the zones");
        return err;
    }
    *out = v;
    return TRAP_OK;
}

void export_datasets_free(const struct plan *plan, struct publish_dataset **v)
{
    for (size_t i = 0; *v != NULL && i < plan->dataset_count; i++)
        zone_entries_free(&(*v)[i].entries);
    free(*v);
    *v = NULL;
}
