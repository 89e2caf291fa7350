/* fold_walk.c - one log of one node, or a stretch of it, record by record into rows. */
#include "fold_state.h"

enum { PAGE_MAX = 10000 };

uint64_t fold_bound(const struct node_view *v, uint8_t log)
{
    return log == RECORD_VISIT ? v->visits_last : log == RECORD_HIT ? v->hits_last : v->sessions_last;
}

/* ---- what is in derived.db already ---- */

enum trap_err fold_mark_get(struct fold *f, uint8_t node, enum record_log log, uint64_t *out)
{
    *out = 0;
    return f->bulk ? TRAP_OK : derived_mark_get(f->derived, node, log, out);
}

enum trap_err fold_newest_get(struct fold *f, wall_t *out)
{
    *out = (wall_t){ 0 };
    return f->bulk ? TRAP_OK : derived_newest(f->derived, out);
}

/* ---- records ---- */

/* Which records a walk takes. */
static bool takes(struct walk *w, uint64_t seq, wall_t at)
{
    if (seq > w->bound)
        return false;
    w->seen = seq;
    (*w->in_batch)++;
    w->seen_count++;
    return at.us <= w->node->as_of.us;
}

static enum trap_err on_visit(const struct visit *v, void *arg)
{
    struct walk *w = arg;
    const bool taken = takes(w, v->seq, v->at);

    if (w->node->table != NULL && v->seq <= w->bound) {
        const enum trap_err err = visit_table_add(w->node->table, v);
        if (err != TRAP_OK)
            return err;
    }
    return taken ? fold_visit(w->fold, w->node->node, v) : TRAP_OK;
}

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    struct walk *w = arg;

    return takes(w, h->seq, h->at) ? fold_hit(w->fold, w->node->node, h, NULL) : TRAP_OK;
}

static enum trap_err on_session(const struct session_record *s, void *arg)
{
    struct walk *w = arg;

    return takes(w, s->seq, s->at) ? fold_session(w->fold, w->node->node, s) : TRAP_OK;
}

static enum trap_err read_page(struct walk *w, uint64_t after, uint32_t limit, uint64_t *last_out)
{
    switch (w->log) {
    case RECORD_VISIT:
        return taints_need_texts(w->fold->taints)
                   ? visit_each(w->node->visits, after, limit, on_visit, w, last_out)
                   : visit_facts_each(w->node->visits, after, limit, on_visit, w, last_out);
    case RECORD_HIT:
        return hit_traps_each(w->node->hits, after, limit, on_hit, w, last_out);
    default:
        return session_each(w->node->hits, after, limit, on_session, w, last_out);
    }
}

static void tell(struct walk *w)
{
    const uint64_t done = atomic_fetch_add(w->done, w->seen_count) + w->seen_count;

    w->seen_count = 0;
    if (w->options->progress != NULL && !w->quiet && done < w->total)
        w->options->progress(done, w->total, w->options->progress_arg);
}

/* A page was read: its mark, and the end of a batch. */
static enum trap_err end_page(struct walk *w)
{
    struct fold *f = w->fold;
    enum trap_err err = TRAP_OK;

    w->after = w->seen;
    if (f->bulk)
        return err;
    derived_mark(f->batch, (struct record_id){ w->node->node, w->log, w->seen });
    if (*w->in_batch >= w->batch_max) {
        err = derived_commit(f->derived, f->batch);
        *w->in_batch = 0;
    }
    return err;
}

enum trap_err fold_walk(struct walk *w)
{
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && w->after < w->bound) {
        const uint32_t room = w->batch_max - *w->in_batch;
        uint64_t last = w->after;
        w->seen = w->after;
        err = read_page(w, w->after, room < PAGE_MAX ? room : PAGE_MAX, &last);
        if (err != TRAP_OK || last == w->after)
            break;
        err = end_page(w);
        tell(w);
        if (last > w->bound)
            break;
    }
    return err;
}
