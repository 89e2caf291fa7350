/* acts_view.c - acts.db as of a moment: what is in force of allow, deny, delist, submit and taint. */
#include "lookups_view.h"

#include <base/log.h>

#include <stdlib.h>

#define BIT(kind) (UINT32_C(1) << (kind))

struct list {
    struct act_prefix **v;
    size_t *n, cap;
};
struct load {
    wall_t as_of;
    struct acts_view view;
    struct list list[ACT_SUBMIT + 1]; /* by kind */
};

/* An act that cannot be read stops everything: an `allow` that was skipped would list somebody. */
static enum trap_err take_act(const struct act *a, void *arg)
{
    struct load *load = arg;
    struct list *l = &load->list[a->kind];
    struct act_prefix p = { .at = a->at, .until = a->until, .seq = a->seq };

    if (prefix_parse(a->subject, &p.prefix) != TRAP_OK) {
        log_error("policy.act.unreadable", LOG_U64("act", a->seq), LOG_STR("kind", act_kind_name(a->kind)),
                  LOG_BYTES("subject", a->subject));
        return TRAP_ECORRUPT;
    }
    if (a->until.us != 0 && a->until.us <= load->as_of.us)
        return TRAP_OK;
    if (*l->n == l->cap) {
        const size_t cap = l->cap == 0 ? 16 : l->cap * 2;
        struct act_prefix *v = reallocarray(*l->v, cap, sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        *l->v = v;
        l->cap = cap;
    }
    (*l->v)[(*l->n)++] = p;
    return TRAP_OK;
}

enum trap_err acts_view_load(struct store_db *acts, wall_t as_of, struct acts_view *out, struct err_text *why)
{
    const uint32_t kinds = BIT(ACT_ALLOW) | BIT(ACT_DENY) | BIT(ACT_DELIST) | BIT(ACT_SUBMIT);
    struct load load = { .as_of = as_of };
    struct acts_view *v = &load.view;
    enum trap_err err;

    load.list[ACT_ALLOW] = (struct list){ &v->allow, &v->allow_count, 0 };
    load.list[ACT_DENY] = (struct list){ &v->deny, &v->deny_count, 0 };
    load.list[ACT_DELIST] = (struct list){ &v->delist, &v->delist_count, 0 };
    load.list[ACT_SUBMIT] = (struct list){ &v->submit, &v->submit_count, 0 };
    err = act_each_standing(acts, as_of, kinds, take_act, &load);
    if (err == TRAP_OK)
        err = lookups_view_load(acts, as_of, v);
    if (err != TRAP_OK)
        err_text_set(why, "cannot read the acts: %s; see the log", err_name(err));
    else
        err = taints_load(acts, as_of, &v->taints, why);
    if (err != TRAP_OK) {
        acts_view_free(v);
        return err;
    }
    *out = *v;
    return TRAP_OK;
}

void acts_view_free(struct acts_view *v)
{
    free(v->allow);
    free(v->deny);
    free(v->delist);
    free(v->submit);
    free(v->ranges);
    free(v->crawlers.v);
    free(v->whitelisted.v);
    taints_free(&v->taints);
    *v = (struct acts_view){ 0 };
}
