/* spf_walk.c - see spf_walk.h. What is to be asked stands in a row, so that nothing recurses: the union does not
 * depend on the order. */
#include "spf_walk.h"

#include <mail/spf_record.h>

#include <stdlib.h>

struct step {
    enum dns_type type;
    unsigned depth;
    uint8_t len4, len6;
    bool is_void_free; /* that it finds nothing is told by another step of the same term */
    char name[DNS_NAME_TEXT_MAX];
};
struct walk {
    struct spf_walk public; /* first */
    const struct conf_look *conf;
    struct dns *dns;
    spf_done_fn *done;
    void *arg;
    struct step *step;
    size_t n, cap, next;
};

static struct walk *walk_of(struct spf_walk *w)
{
    return (struct walk *)(void *)w;
}

/* ---- networks ---- */

static bool is_too_wide(struct prefix p)
{
    return prefix_family_len(p) < (ip_is_v4(p.ip) && p.len >= 96 ? 16 : 32);
}

static void add_range(struct spf_walk *w, struct prefix p)
{
    bool meant = false;

    for (size_t i = 0; i < w->provider->wide_count; i++)
        meant = meant || prefix_cmp(w->provider->wide[i], p) == 0;
    if (is_too_wide(p) && !meant) {
        if (w->refused++ == 0)
            w->refused_first = p;
    } else if (w->ranges.n == SPF_RANGES_MAX || prefix_set_add(&w->ranges, p) != TRAP_OK) {
        w->broken = true;
    }
}

static void add_addresses(struct spf_walk *w, const struct dns_answer *a, const struct step *s)
{
    w->broken = w->broken || a->cut;
    for (size_t i = 0; i < a->ip_count; i++) {
        const bool v4 = ip_is_v4(a->ip[i]);

        add_range(w, prefix_of(a->ip[i], (uint8_t)(v4 ? 96 + s->len4 : s->len6)));
    }
}

/* ---- the row ---- */

/* Refuses what would never end: a record that names itself is asked for once only. */
static void add_step(struct walk *w, const struct step *s)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->step[i].type == s->type && w->step[i].len4 == s->len4 && w->step[i].len6 == s->len6 &&
            strcmp(w->step[i].name, s->name) == 0)
            return;
    if (w->n == SPF_STEPS_MAX || s->depth > SPF_DEPTH_MAX) {
        w->public.broken = true;
        return;
    }
    if (w->n == w->cap) {
        const size_t cap = w->cap == 0 ? 16 : w->cap * 2;
        struct step *grown = realloc(w->step, cap * sizeof(*grown));

        if (grown == NULL) {
            w->public.broken = true;
            return;
        }
        w->step = grown;
        w->cap = cap;
    }
    w->step[w->n++] = *s;
}

/* Both families of a host. */
static void add_host(struct walk *w, struct step s)
{
    s.type = DNS_A;
    add_step(w, &s);
    s.type = DNS_AAAA;
    s.is_void_free = true;
    add_step(w, &s);
}

/* ---- records ---- */

static void follow(struct walk *w, const struct spf_term *t, const struct step *from)
{
    struct spf_walk *p = &w->public;
    struct step s = { .depth = from->depth };

    if (p->lookups == w->conf->spf_lookups_max) {
        p->broken = true;
        return;
    }
    p->lookups++;
    if (t->macro || t->kind == SPF_PTR || t->kind == SPF_EXISTS) {
        p->skipped++;
        return;
    }
    if (t->domain.n == 0)
        memcpy(s.name, from->name, sizeof(s.name));
    else if (dns_name_read(t->domain, s.name) != TRAP_OK)
        return;
    if (t->kind == SPF_A || t->kind == SPF_MX) {
        s.len4 = t->len4;
        s.len6 = t->len6;
    }
    if (t->kind == SPF_A) {
        add_host(w, s);
        return;
    }
    s.type = t->kind == SPF_MX ? DNS_MX : DNS_TXT;
    s.depth += t->kind != SPF_MX;
    add_step(w, &s);
}

static void take_term(struct walk *w, const struct spf_term *t, const struct step *from)
{
    if (t->qualifier != '+')
        return;
    switch (t->kind) {
    case SPF_IP4:
    case SPF_IP6:
        add_range(&w->public, t->prefix);
        break;
    case SPF_INCLUDE:
    case SPF_A:
    case SPF_MX:
    case SPF_PTR:
    case SPF_EXISTS:
        follow(w, t, from);
        break;
    case SPF_ALL: /* everybody: no network is meant */
        w->public.skipped++;
        break;
    case SPF_REDIRECT:
    case SPF_EXP:
    case SPF_MODIFIER:
        break;
    }
}

/* `redirect` stands for `all`: with one it is not looked at. */
static void read_terms(struct walk *w, struct bytes terms, const struct step *from)
{
    struct spf_term t, redirect = { .kind = SPF_MODIFIER };
    bool has_all = false;
    enum trap_err err;

    while ((err = spf_next(&terms, &t)) == TRAP_OK) {
        if (t.kind == SPF_REDIRECT)
            redirect = t;
        if (!has_all)
            take_term(w, &t, from);
        has_all = has_all || t.kind == SPF_ALL;
    }
    w->public.broken = w->public.broken || err == TRAP_EINVAL;
    if (redirect.kind == SPF_REDIRECT && !has_all)
        follow(w, &redirect, from);
}

static void take_record(struct walk *w, const struct dns_answer *a, const struct step *from)
{
    struct bytes terms = { 0 }, one;
    size_t records = 0;

    for (size_t i = 0; i < a->text_count; i++)
        if (spf_begin(a->text[i], &one)) {
            terms = one;
            records++;
        }
    if (records != 1 || a->cut)
        w->public.broken = true;
    if (records == 1)
        read_terms(w, terms, from);
}

/* ---- answers ---- */

static void take_found(struct walk *w, const struct dns_answer *a, const struct step *s)
{
    switch (s->type) {
    case DNS_TXT:
        take_record(w, a, s);
        break;
    case DNS_MX:
        w->public.broken = w->public.broken || a->cut || a->bad_names > 0 || a->name_count > SPF_MX_MAX;
        for (size_t i = 0; i < a->name_count && i < SPF_MX_MAX; i++) {
            struct step host = { .depth = s->depth, .len4 = s->len4, .len6 = s->len6, .is_void_free = true };

            memcpy(host.name, a->name[i], sizeof(host.name));
            add_host(w, host);
        }
        break;
    default:
        add_addresses(&w->public, a, s);
    }
}

static void finish(struct walk *w)
{
    struct spf_walk *p = &w->public;
    const bool sealed = prefix_set_seal(&p->ranges) == TRAP_OK;

    if (!sealed || p->ranges.n == 0)
        p->result = p->undecided || !sealed ? SPF_UNDECIDED : SPF_NONE;
    else
        p->result = p->undecided || p->broken ? SPF_PARTIAL : SPF_FOUND;
    w->done(w->arg, p);
    spf_walk_free(&p);
}

static void ask_next(struct walk *w);

static void on_answer(void *arg, const struct dns_answer *a)
{
    struct walk *w = arg;
    const struct step s = w->step[w->next++]; /* the row may move */

    if (a->result == DNS_FOUND)
        take_found(w, a, &s);
    else if (a->result == DNS_UNDECIDED)
        w->public.undecided = true;
    else if (s.type == DNS_TXT && s.depth > 0)
        w->public.broken = true; /* RFC 7208 5.2: an include of nothing is an error */
    if (a->result == DNS_NONE && !s.is_void_free && ++w->public.voids > w->conf->spf_void_max) {
        w->public.broken = true;
        w->next = w->n;
    }
    ask_next(w);
}

static void ask_next(struct walk *w)
{
    if (w->next < w->n) {
        if (dns_ask(w->dns, w->step[w->next].type, w->step[w->next].name, on_answer, w) == TRAP_OK)
            return;
        w->public.undecided = true; /* no memory */
    }
    finish(w);
}

enum trap_err spf_walk_start(const struct conf_look *c, struct dns *dns, const struct provider *p,
                             spf_done_fn *done, void *arg, struct spf_walk **out)
{
    struct walk *w = calloc(1, sizeof(*w));
    struct step root = { .type = DNS_TXT };

    if (w == NULL)
        return TRAP_ENOMEM;
    *w = (struct walk){ .public = { .provider = p }, .conf = c, .dns = dns, .done = done, .arg = arg };
    prefix_set_init(&w->public.ranges);
    memcpy(root.name, p->domain, sizeof(root.name));
    add_step(w, &root);
    if (w->n == 0 || dns_ask(dns, DNS_TXT, root.name, on_answer, w) != TRAP_OK) {
        struct spf_walk *failed = &w->public;

        spf_walk_free(&failed);
        return TRAP_ENOMEM;
    }
    *out = &w->public;
    return TRAP_OK;
}

void spf_walk_free(struct spf_walk **w)
{
    struct walk *walk = *w == NULL ? NULL : walk_of(*w);

    if (walk == NULL)
        return;
    prefix_set_free(&walk->public.ranges);
    free(walk->step);
    free(walk);
    *w = NULL;
}
