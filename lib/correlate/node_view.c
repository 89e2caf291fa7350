/* node_view.c - bounds, epochs, and the way from (epoch, serial) to a visit. */
#include "node_view.h"

#include <stdlib.h>

enum { PAGE = 10000 };

void node_view_free(struct node_view *v)
{
    free(v->epochs);
    v->epochs = NULL;
    v->epoch_count = 0;
    free(v->erasures);
    v->erasures = NULL;
    v->erasure_count = 0;
    visit_table_free(&v->table);
}

enum trap_err node_view_take_hits(struct node_view *v)
{
    uint64_t erased = 0;
    enum trap_err err = erasure_mark(v->hits, v->visits, &v->erasure_mark);

    if (err == TRAP_OK)
        err = hit_bounds(v->hits, &v->hits_last, &v->hits_erased);
    return err == TRAP_OK ? session_bounds(v->hits, &v->sessions_last, &erased) : err;
}

struct cut {
    wall_t as_of;
    uint64_t last;
};

static enum trap_err note_last(const struct visit *v, void *arg)
{
    struct cut *c = arg;

    if (v->at.us <= c->as_of.us && v->seq > c->last)
        c->last = v->seq;
    return TRAP_OK;
}

/* The highest visit that is not later than as_of. */
static enum trap_err cut_visits(struct node_view *v)
{
    struct cut cut = { v->as_of, v->visits_erased };
    uint64_t after = v->visits_erased, last = after;

    for (;;) {
        const enum trap_err err = visit_each(v->visits, after, PAGE, note_last, &cut, &last);
        if (err != TRAP_OK)
            return err;
        if (last == after)
            break;
        after = last;
    }
    v->visits_last = cut.last;
    return TRAP_OK;
}

/* An epoch begins when it is on record to have begun, or with its first visit where a clock says that this
 * was earlier. The first epoch has always been there. */
static enum trap_err take_epochs(struct node_view *v)
{
    struct visit_epoch *list = NULL;
    size_t n = 0, kept = 0;
    enum trap_err err = visit_epochs(v->visits, &list, &n);
    struct epoch_view *epochs = err == TRAP_OK ? calloc(n == 0 ? 1 : n, sizeof *epochs) : NULL;

    if (epochs == NULL) {
        free(list);
        return err == TRAP_OK ? TRAP_ENOMEM : err;
    }
    for (size_t i = 0; i < n && err == TRAP_OK; i++) {
        struct epoch_view e = { list[i].epoch, list[i].first_seq, list[i].started };
        struct visit first;
        err = i == 0 ? TRAP_ENOENT : visit_facts(v->visits, e.first_seq, &first);
        if (i == 0)
            e.begins.us = 0;
        else if (err == TRAP_OK && first.at.us < e.begins.us)
            e.begins = first.at;
        if (err == TRAP_ENOENT)
            err = TRAP_OK;
        if (e.begins.us <= v->as_of.us)
            epochs[kept++] = e;
    }
    free(list);
    if (err != TRAP_OK) {
        free(epochs);
        return err;
    }
    node_view_free(v);
    v->epochs = epochs;
    v->epoch_count = kept;
    return TRAP_OK;
}

static enum trap_err add_erasure(const struct erasure *e, void *arg)
{
    struct node_view *v = arg;
    struct erasure *more;

    if (e->kind != ERASURE_VISIT)
        return TRAP_OK;
    more = reallocarray(v->erasures, v->erasure_count + 1, sizeof *more);
    if (more == NULL)
        return TRAP_ENOMEM;
    v->erasures = more;
    v->erasures[v->erasure_count++] = *e;
    return TRAP_OK;
}

/* 0: it is not on record. */
static wall_t erased_at(const struct node_view *v, uint64_t seq)
{
    for (size_t i = 0; i < v->erasure_count; i++)
        if (seq <= v->erasures[i].upto)
            return v->erasures[i].at;
    return (wall_t){ 0 };
}

enum trap_err node_view_take_visits(struct node_view *v)
{
    struct visit last;
    enum trap_err err = visit_bounds(v->visits, &v->visits_last, &v->visits_erased);

    if (err == TRAP_OK && v->as_of.us != INT64_MAX)
        err = cut_visits(v);
    if (err == TRAP_OK)
        err = take_epochs(v); /* forgets what was taken before */
    if (err == TRAP_OK)
        err = erasure_each(v->visits, add_erasure, v);
    if (err != TRAP_OK)
        return err;
    v->newest = (wall_t){ 0 };
    if (v->visits_last == 0)
        return TRAP_OK;
    err = visit_facts(v->visits, v->visits_last, &last);
    if (err == TRAP_OK)
        v->newest = last.at;
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

uint32_t node_view_newest_epoch(const struct node_view *v, wall_t mailed)
{
    const wall_t visited_by = wall_add(mailed, RESOLVE_SKEW_MAX);

    for (size_t i = v->epoch_count; i > 0; i--)
        if (v->epochs[i - 1].begins.us <= visited_by.us)
            return v->epochs[i - 1].epoch;
    return 0;
}

/* seq of the visit; false: no visit of that epoch and serial will ever be on record, or none has arrived
 * (*arrived_out tells). */
static bool find_seq(const struct node_view *v, uint32_t epoch, uint32_t serial, uint64_t *seq_out,
                     bool *arrived_out)
{
    *arrived_out = v->epoch_count > 0 && epoch <= v->epochs[v->epoch_count - 1].epoch;
    for (size_t i = 0; i < v->epoch_count; i++) {
        const uint64_t seq = v->epochs[i].first_seq + serial;
        if (v->epochs[i].epoch != epoch)
            continue;
        if (i + 1 < v->epoch_count && seq >= v->epochs[i + 1].first_seq)
            return false;
        *arrived_out = seq <= v->visits_last;
        *seq_out = seq;
        return *arrived_out;
    }
    return false;
}

static enum trap_err get_visit(const struct node_view *v, struct visit_cache *cache, uint64_t seq,
                               const struct visit **out)
{
    const size_t at = (size_t)((seq + (uint64_t)v->node * 769) % VISIT_CACHE_SLOTS);
    struct visit found;

    *out = NULL;
    if (v->table != NULL) {
        *out = visit_table_get(v->table, seq, &cache->slot[at].visit) ? &cache->slot[at].visit : NULL;
        return TRAP_OK;
    }
    if (cache->slot[at].visit.seq != seq || cache->slot[at].node != v->node) {
        const enum trap_err err = visit_facts(v->visits, seq, &found);
        if (err == TRAP_ENOENT)
            return TRAP_OK;
        if (err != TRAP_OK)
            return err;
        cache->slot[at].node = v->node;
        cache->slot[at].visit = found;
    }
    *out = &cache->slot[at].visit;
    return TRAP_OK;
}

enum trap_err node_view_find(const struct node_view *v, struct visit_cache *cache, uint32_t epoch,
                             uint32_t serial, struct resolve_known *known_out)
{
    struct resolve_known known = { .newest = v->newest };
    uint64_t seq = 0;

    if (find_seq(v, epoch, serial, &seq, &known.arrived)) {
        const enum trap_err err = get_visit(v, cache, seq, &known.visit);
        if (err != TRAP_OK)
            return err;
        known.erased = known.visit == NULL && seq <= v->visits_erased;
        if (known.erased)
            known.erased_at = erased_at(v, seq);
        if (known.visit != NULL && known.visit->at.us > v->as_of.us) {
            known.visit = NULL; /* the log ends before it */
            known.arrived = false;
        }
    }
    *known_out = known;
    return TRAP_OK;
}
