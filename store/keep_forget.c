/* keep_forget.c - one subject, by order (store/forget.h). */
#include "keeper.h"

#include <base/log.h>
#include <store/forget.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <stdlib.h>

enum { PAGE = 5000 };

/* ---- lists of records ---- */

struct found {
    const struct forget_order *order;
    struct keep_job *job;
    uint64_t last; /* seen */
};

static enum trap_err add(struct found *f, uint64_t seq)
{
    if (f->job->n == KEEP_LIST)
        return TRAP_EFULL;
    f->job->seqs[f->job->n++] = seq;
    return TRAP_OK;
}

static enum trap_err add_visit(const struct visit *v, void *arg)
{
    return (v->flags & VISIT_TRUNCATED) == 0 ? add(arg, v->seq) : TRAP_OK;
}

static enum trap_err add_hit(const struct hit *h, void *arg)
{
    return add(arg, h->seq);
}

static enum trap_err add_session(const struct session_record *s, void *arg)
{
    return add(arg, s->seq);
}

static bool names(const struct found *f, struct bytes s)
{
    return forget_is_under(s, bytes_str(f->order->domain));
}

static struct bytes domain_of(struct bytes address)
{
    const size_t at = bytes_rfind(address, '@');

    return at < address.n ? bytes_skip(address, at + 1) : BYTES("");
}

static enum trap_err match_hit(const struct hit *h, void *arg)
{
    struct found *f = arg;
    enum trap_err err = TRAP_OK;

    if (names(f, h->helo) || names(f, domain_of(h->reverse_path)))
        err = add(f, h->seq);
    if (err == TRAP_OK)
        f->last = h->seq;
    return err;
}

static enum trap_err match_session(const struct session_record *s, void *arg)
{
    struct found *f = arg;
    bool named = names(f, s->helo) || names(f, s->sni);
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < s->auth_count && !named; i++)
        named = names(f, domain_of(s->auths[i].user));
    if (named)
        err = add(f, s->seq);
    if (err == TRAP_OK)
        f->last = s->seq;
    return err;
}

/* ---- an address or a prefix: by the index, until nothing is found ---- */

enum list { LIST_VISITS, LIST_HITS, LIST_SESSIONS };
static const enum keep_op ops[] = {
    [LIST_VISITS] = KEEP_TRUNCATE, [LIST_HITS] = KEEP_HITS, [LIST_SESSIONS] = KEEP_SESSIONS
};

static enum trap_err find_by_prefix(struct keeping *k, enum list list, struct found *f)
{
    const struct prefix p = f->order->prefix;

    switch (list) {
    case LIST_VISITS:
        return visit_by_client(k->reader, p, KEEP_LIST, add_visit, f);
    case LIST_HITS:
        return hit_by_sender(k->reader, p, KEEP_LIST, add_hit, f);
    default:
        return session_by_client(k->reader, p, KEEP_LIST, add_session, f);
    }
}

static enum trap_err erase_found(struct keeping *k, enum list list)
{
    enum trap_err err = TRAP_OK;

    k->job.mark = NULL;
    k->job.forget = true;
    if (list == LIST_HITS) /* before their rows: whoever is cut off here does it again */
        err = sample_log_erase(k->log.samples, (wall_t){ 0 }, k->job.seqs, k->job.n);
    return err == TRAP_OK ? keep_run(k, ops[list]) : err;
}

static enum trap_err erase_by_prefix(struct keeping *k, enum list list, const struct forget_order *o)
{
    struct found f = { .order = o, .job = &k->job };
    enum trap_err err;

    do {
        if (atomic_load(&k->stop))
            return TRAP_ECLOSED;
        k->job.n = 0;
        err = find_by_prefix(k, list, &f);
        if (err == TRAP_OK && k->job.n > 0)
            err = erase_found(k, list);
    } while (err == TRAP_OK && k->job.n > 0);
    return err;
}

static enum trap_err erase_counters(struct keeping *k, const struct forget_order *o)
{
    const struct db_range r = db_range_of(o->prefix);

    /* Keys are 4 or 8 bytes: of an IPv6 address the first half. */
    k->job.length = k->job.low_n = k->job.high_n = r.length == 16 ? 8 : r.length;
    memcpy(k->job.low, r.low, sizeof k->job.low);
    memcpy(k->job.high, r.high, sizeof k->job.high);
    return keep_run(k, KEEP_COUNTERS);
}

/* ---- a domain: no index has it, all of the log is read ---- */

static enum trap_err erase_by_domain(struct keeping *k, enum list list, const struct forget_order *o)
{
    struct found f = { .order = o, .job = &k->job };
    uint64_t after;
    enum trap_err err;

    do {
        uint64_t last = 0;

        if (atomic_load(&k->stop))
            return TRAP_ECLOSED;
        k->job.n = 0;
        after = f.last;
        err = list == LIST_HITS ? hit_each(k->reader, after, PAGE, match_hit, &f, &last)
                                : session_each(k->reader, after, PAGE, match_session, &f, &last);
        if (err == TRAP_EFULL)
            err = TRAP_OK; /* the list is: the rest in the next turn */
        if (err == TRAP_OK && k->job.n > 0)
            err = erase_found(k, list);
    } while (err == TRAP_OK && f.last != after);
    return err;
}

static enum trap_err erase_all(struct keeping *k, const struct forget_order *o)
{
    enum trap_err err;

    if (k->log.samples == NULL)
        return o->is_domain ? TRAP_OK : erase_by_prefix(k, LIST_VISITS, o);
    if (o->is_domain) {
        err = erase_by_domain(k, LIST_HITS, o);
        return err == TRAP_OK ? erase_by_domain(k, LIST_SESSIONS, o) : err;
    }
    err = erase_by_prefix(k, LIST_HITS, o);
    if (err == TRAP_OK)
        err = erase_by_prefix(k, LIST_SESSIONS, o);
    return err == TRAP_OK ? erase_counters(k, o) : err;
}

enum trap_err keep_forget(struct keeping *k)
{
    const struct erasure e = { .kind = ERASURE_FORGET, .at = wall_now() };
    struct forget_order o = { .number = 0 };
    struct err_text why = { "" };
    uint64_t done = 0, records = 0;
    enum trap_err err = forget_read(k->log.db->dir, &o, &why);

    if (err != TRAP_OK) {
        log_error("store.forget.order", LOG_STR("error", why.text));
        return err;
    }
    if (o.number != 0)
        err = forget_done(k->reader, &done, &records);
    if (err != TRAP_OK || o.number == 0 || done >= o.number)
        return err;
    err = keep_begin(k, &e);
    if (err == TRAP_OK)
        err = erase_all(k, &o);
    if (err == TRAP_OK)
        err = keep_end(k, true, "forget_done", o.number);
    if (err == TRAP_OK)
        log_info("store.forget", LOG_STR("file", store_file_name(k->log.db->file)),
                 LOG_U64("order", o.number));
    return err;
}
