/* guard.c - see guard.h. */
#include "guard.h"

#include "spf_walk.h"

#include <base/log.h>
#include <store/lookup.h>

#include <stdio.h>
#include <stdlib.h>

enum { WALKS_MAX = 8, AGAIN_PARTS = 12 };

struct entry {
    struct guard *guard;
    const struct provider *provider;
    wall_t due;
    struct spf_walk *walk; /* under way */
};
struct guard {
    struct look_env *env;
    struct provider_list list;
    struct entry *entry;
    size_t under_way;
};

static const char *const result_names[] = { [SPF_FOUND] = "found",
                                            [SPF_PARTIAL] = "partial",
                                            [SPF_UNDECIDED] = "undecided",
                                            [SPF_NONE] = "none" };

/* ---- acts ---- */

static void add_number(struct buf *detail, const char *key, unsigned n)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", n);
    lookup_word_add(detail, key, bytes_str(text));
}

static void describe(const struct spf_walk *w, struct buf *detail)
{
    char text[PREFIX_TEXT_MAX];
    struct buf ranges;

    lookup_word_add(detail, "spf", bytes_str(result_names[w->result]));
    add_number(detail, "unanswered", w->undecided);
    add_number(detail, "lookups", w->lookups);
    add_number(detail, "void", w->voids);
    add_number(detail, "skipped", w->skipped);
    add_number(detail, "refused", w->refused);
    if (w->refused > 0)
        lookup_word_add(detail, "refused_first", bytes_str(prefix_text(w->refused_first, text)));
    add_number(detail, "count", (unsigned)w->ranges.n);
    if (w->ranges.n == 0)
        return;
    buf_init(&ranges, LOOKUP_DETAIL_MAX);
    for (size_t i = 0; i < w->ranges.n; i++)
        buf_addf(&ranges, "%s%s", i == 0 ? "" : ",", prefix_text(w->ranges.v[i], text));
    lookup_word_add(detail, "ranges", buf_bytes(&ranges));
    if (ranges.err != TRAP_OK)
        detail->err = ranges.err;
    buf_free(&ranges);
}

static void write_act(struct guard *g, const struct spf_walk *w)
{
    char subject[LOOKUP_SUBJECT_MAX];
    struct err_text why = { "" };
    struct act act = { .at = wall_now(), .kind = ACT_LOOKUP, .who = BYTES("traplook") };
    struct buf detail;
    enum trap_err err;

    buf_init(&detail, LOOKUP_DETAIL_MAX);
    describe(w, &detail);
    (void)snprintf(subject, sizeof(subject), LOOKUP_PROVIDER "%s", w->provider->domain);
    act.subject = bytes_str(subject);
    act.detail = buf_bytes(&detail);
    err = detail.err == TRAP_OK ? act_append(g->env->acts, &act, 1, &why) : detail.err;
    if (err != TRAP_OK)
        log_error("look.act", LOG_STR("kind", err_name(err)), LOG_STR("error", why.text));
    buf_free(&detail);
}

static void tell(const struct spf_walk *w)
{
    log_info("look.provider", LOG_STR("domain", w->provider->domain), LOG_STR("spf", result_names[w->result]),
             LOG_U64("ranges", w->ranges.n), LOG_U64("lookups", w->lookups), LOG_U64("void", w->voids),
             LOG_U64("skipped", w->skipped));
    if (w->refused > 0)
        log_warning("look.provider.refused", LOG_STR("domain", w->provider->domain),
                    LOG_U64("prefixes", w->refused), LOG_PREFIX("first", w->refused_first),
                    LOG_STR("reason", "wider than /16 (IPv4) or /32 (IPv6)"));
}

/* ---- turns ---- */

static void on_done(void *arg, const struct spf_walk *w)
{
    struct entry *e = arg;
    struct guard *g = e->guard;
    const span_t interval = g->env->config->look.guard_interval;

    tell(w);
    write_act(g, w);
    e->walk = NULL;
    e->due = wall_add(wall_now(), w->undecided ? SPAN_MS(interval.ms / AGAIN_PARTS) : interval);
    g->under_way--;
    guard_turn(g);
}

void guard_turn(struct guard *g)
{
    const wall_t now = wall_now();

    for (size_t i = 0; i < g->list.n && g->under_way < WALKS_MAX; i++) {
        struct entry *e = &g->entry[i];

        if (e->walk != NULL || e->due.us > now.us)
            continue;
        if (spf_walk_start(&g->env->config->look, g->env->dns, e->provider, on_done, e, &e->walk) != TRAP_OK) {
            log_error("look.memory", LOG_STR("domain", e->provider->domain));
            return;
        }
        g->under_way++;
    }
}

/* A restart asks nothing that was answered a short while ago. */
static enum trap_err set_due(const struct act *a, void *arg)
{
    struct entry *e = arg;
    const span_t interval = e->guard->env->config->look.guard_interval;
    const bool unanswered = lookup_word_is(a->detail, "unanswered", "1");

    e->due = wall_add(a->at, unanswered ? SPAN_MS(interval.ms / AGAIN_PARTS) : interval);
    return TRAP_OK;
}

static enum trap_err read_due(struct guard *g)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < g->list.n && err == TRAP_OK; i++) {
        char subject[LOOKUP_SUBJECT_MAX];

        g->entry[i] = (struct entry){ .guard = g, .provider = &g->list.v[i] };
        (void)snprintf(subject, sizeof(subject), LOOKUP_PROVIDER "%s", g->list.v[i].domain);
        err = lookup_newest(g->env->acts, bytes_str(subject), set_due, &g->entry[i]);
        if (err == TRAP_ENOENT)
            err = TRAP_OK;
    }
    return err;
}

enum trap_err guard_new(struct look_env *env, struct guard **out, struct err_text *why)
{
    struct guard *g = calloc(1, sizeof(*g));
    enum trap_err err = TRAP_ENOMEM;

    err_text_set(why, "no memory");
    if (g == NULL)
        return err;
    g->env = env;
    err = provider_list_load(&env->config->look, &g->list, why);
    if (err == TRAP_OK) {
        g->entry = calloc(g->list.n + 1, sizeof(*g->entry));
        err = g->entry == NULL ? TRAP_ENOMEM : read_due(g);
        if (err != TRAP_OK)
            err_text_set(why, "cannot read the look-ups on record: %s", err_name(err));
    }
    if (err != TRAP_OK) {
        guard_free(&g);
        return err;
    }
    *out = g;
    return TRAP_OK;
}

void guard_free(struct guard **guard)
{
    struct guard *g = *guard;

    if (g == NULL)
        return;
    for (size_t i = 0; g->entry != NULL && i < g->list.n; i++)
        spf_walk_free(&g->entry[i].walk);
    free(g->entry);
    provider_list_free(&g->list);
    free(g);
    *guard = NULL;
}
