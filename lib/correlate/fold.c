/* fold.c - one run: bounds, then visits, then mail, then what was pending; batches of records, each one
 * transaction with its marks. Or all of it at once: fold_bulk.c. */
#include "fold_state.h"

#include <stdlib.h>

/* Rows go in by key, so that a large batch touches each page once: what is far behind is folded in larger
 * ones. */
enum { BULK_MIN = 20000, BATCH_MIN = 10000, BATCH_BULK = 200000, BATCH_SHARE = 4, CUT_NODE = 0 };

enum trap_err fold_new(const struct config *c, struct mint *mint, struct store_db *derived,
                       const struct fold_node *nodes, size_t node_count, struct fold **out)
{
    struct fold *f;

    if (node_count == 0 || node_count > NODES_MAX)
        return TRAP_EINVAL;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return TRAP_ENOMEM;
    f->config = c;
    f->mint = mint;
    f->derived = derived;
    f->node_count = node_count;
    f->retry_all = true;
    for (size_t i = 0; i < node_count; i++)
        f->node[i] =
            (struct node_view){ .node = nodes[i].node, .hits = nodes[i].hits, .visits = nodes[i].visits };
    *out = f;
    return TRAP_OK;
}

void fold_free(struct fold **f)
{
    if (*f == NULL)
        return;
    for (size_t i = 0; i < (*f)->node_count; i++)
        node_view_free(&(*f)->node[i]);
    free((*f)->work);
    free(*f);
    *f = NULL;
}

struct node_view *fold_node_view(struct fold *f, uint8_t node)
{
    for (size_t i = 0; i < f->node_count; i++)
        if (f->node[i].node == node)
            return &f->node[i];
    return NULL;
}

enum trap_err fold_take_view(struct fold *f, wall_t as_of)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++) {
        f->node[i].as_of = as_of;
        err = node_view_take_hits(&f->node[i]);
    }
    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++)
        err = node_view_take_visits(&f->node[i]);
    f->window_from = f->window_to = (wall_t){ 0 };
    for (size_t i = 0; i < VISIT_CACHE_SLOTS; i++)
        f->cache.slot[i].visit.seq = 0;
    return err;
}

/* ---- a run ---- */

/* Was mail folded without looking for an epoch that had begun by then? The newest one that is marked was
 * looked for since the mark was made; epochs behind it never. */
static enum trap_err is_outgrown(struct fold *f, const struct node_view *v, wall_t newest, bool *out)
{
    uint64_t looked_for = 0, outrun = 0;
    enum trap_err err = derived_mark_get(f->derived, v->node, RECORD_EPOCHS, &looked_for);

    if (err == TRAP_OK)
        err = derived_mark_get(f->derived, v->node, RECORD_OUTRUN, &outrun);
    for (size_t i = 0; i < v->epoch_count && err == TRAP_OK; i++) {
        const struct epoch_view *e = &v->epochs[i];
        const wall_t folded = e->epoch == looked_for ? (wall_t){ (int64_t)outrun } : newest;
        if (e->epoch >= looked_for && folded.us > 0 && wall_add(folded, RESOLVE_SKEW_MAX).us >= e->begins.us)
            *out = true;
    }
    return err;
}

/* Did a file of the node lose records since its rows were made? */
static enum trap_err is_erased(struct fold *f, const struct node_view *v, bool *out)
{
    uint64_t then = 0;
    const enum trap_err err = derived_mark_get(f->derived, v->node, RECORD_ERASURES, &then);

    if (err == TRAP_OK && v->erasure_mark != then)
        *out = true;
    return err;
}

/* What cannot be folded on top of what is there. */
static enum trap_err check_marks(struct fold *f, wall_t as_of, bool *outgrown_out, struct err_text *why)
{
    uint64_t cut = 0, left_out = 0;
    wall_t newest = { 0 };
    bool outgrown = false;
    enum trap_err err = derived_mark_get(f->derived, CUT_NODE, RECORD_CUT, &cut);

    if (err == TRAP_OK)
        err = derived_mark_get(f->derived, CUT_NODE, RECORD_TAINTS, &left_out);
    if (err == TRAP_OK)
        err = derived_newest(f->derived, &newest);
    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++)
        err = is_outgrown(f, &f->node[i], newest, &outgrown);
    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++)
        err = is_erased(f, &f->node[i], &outgrown);
    if (err != TRAP_OK) {
        err_text_set(why, "cannot read the marks of the derived database: %s", err_name(err));
        return err;
    }
    if (cut > 0 || (newest.us > 0 && as_of.us != INT64_MAX)) {
        err_text_set(
            why, "evidence as of a moment needs an empty derived database of its own, in a scratch folder");
        return TRAP_EINVAL;
    }
    *outgrown_out = newest.us > 0 && (outgrown || left_out != taints_digest(f->taints));
    return TRAP_OK;
}

static enum trap_err mark_epochs(struct fold *f, const struct node_view *v)
{
    const uint64_t known = v->epoch_count == 0 ? 0 : v->epochs[v->epoch_count - 1].epoch;
    uint64_t looked_for = 0;
    wall_t newest = { 0 };
    enum trap_err err = fold_mark_get(f, v->node, RECORD_EPOCHS, &looked_for);

    if (err == TRAP_OK)
        err = fold_newest_get(f, &newest);
    if (err != TRAP_OK || known <= looked_for)
        return err;
    derived_mark(f->batch, (struct record_id){ v->node, RECORD_EPOCHS, known });
    derived_mark(f->batch, (struct record_id){ v->node, RECORD_OUTRUN, (uint64_t)newest.us });
    return TRAP_OK;
}

/* Part of the first transaction: what these rows are made with. Every node has a mark, whoever sends or
 * visits. */
static enum trap_err mark_view(struct fold *f, wall_t as_of)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++)
        err = mark_epochs(f, &f->node[i]);
    for (size_t i = 0; i < f->node_count; i++)
        if (f->node[i].erasure_mark > 0)
            derived_mark(f->batch, (struct record_id){ f->node[i].node, RECORD_ERASURES, f->node[i].erasure_mark });
    if (as_of.us != INT64_MAX)
        derived_mark(f->batch, (struct record_id){ CUT_NODE, RECORD_CUT, 1 });
    if (f->taints != NULL)
        derived_mark(f->batch, (struct record_id){ CUT_NODE, RECORD_TAINTS, taints_digest(f->taints) });
    return err;
}

static enum trap_err count_new(struct fold *f, const uint8_t *logs, size_t log_count, uint64_t *total_out)
{
    *total_out = 0;
    for (size_t k = 0; k < log_count; k++)
        for (size_t i = 0; i < f->node_count; i++) {
            uint64_t mark = 0;
            const uint64_t bound = fold_bound(&f->node[i], logs[k]);
            const enum trap_err err = fold_mark_get(f, f->node[i].node, logs[k], &mark);
            if (err != TRAP_OK)
                return err;
            *total_out += bound > mark ? bound - mark : 0;
        }
    return TRAP_OK;
}

static uint64_t epochs_known(const struct fold *f)
{
    uint64_t n = 0;

    for (size_t i = 0; i < f->node_count; i++)
        n += f->node[i].epoch_count;
    return n;
}

static uint32_t batch_size(const struct fold_options *o, uint64_t total)
{
    if (o->batch_max > 0)
        return o->batch_max;
    if (total / BATCH_SHARE < BATCH_MIN)
        return BATCH_MIN;
    return total / BATCH_SHARE < BATCH_BULK ? (uint32_t)(total / BATCH_SHARE) : BATCH_BULK;
}

static enum trap_err walk_all(struct fold *f, const struct fold_options *o)
{
    static const uint8_t logs[] = { RECORD_VISIT, RECORD_HIT, RECORD_SESSION };
    uint32_t in_batch = 0;
    _Atomic uint64_t done = 0;
    uint64_t total = 0, visits = 0;
    enum trap_err err = count_new(f, logs, 1, &visits);

    if (err == TRAP_OK)
        err = count_new(f, logs, sizeof logs, &total);
    const uint32_t batch_max = batch_size(o, total);
    for (size_t k = 0; k < sizeof logs; k++)
        for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++) {
            struct walk w = { .fold = f,
                              .options = o,
                              .node = &f->node[i],
                              .log = logs[k],
                              .bound = fold_bound(&f->node[i], logs[k]),
                              .batch_max = batch_max,
                              .in_batch = &in_batch,
                              .done = &done,
                              .total = total };
            err = derived_mark_get(f->derived, w.node->node, w.log, &w.after);
            if (err == TRAP_OK)
                err = fold_walk(&w);
        }
    if (err == TRAP_OK)
        err = derived_commit(f->derived, f->batch);
    /* New epochs give old texts further readings. */
    f->retry_all = f->retry_all || epochs_known(f) != f->epochs_seen;
    if (err == TRAP_OK && (visits > 0 || f->retry_all))
        err = fold_retry(f, batch_max);
    return err == TRAP_OK ? derived_commit(f->derived, f->batch) : err;
}

/* ---- from the begin ---- */

static bool is_bulk(const struct fold *f, const struct fold_options *o)
{
    uint64_t records = 0;

    for (size_t i = 0; i < f->node_count; i++)
        records += f->node[i].visits_last + f->node[i].hits_last + f->node[i].sessions_last;
    return o->batch_max == 0 && records >= (o->bulk_min == 0 ? BULK_MIN : o->bulk_min);
}

static enum trap_err fold_in_batches(struct fold *f, const struct fold_options *o, bool afresh)
{
    enum trap_err err = derived_batch_new(&f->batch);

    if (err == TRAP_OK && afresh)
        err = derived_clear(f->derived);
    if (err == TRAP_OK)
        err = mark_view(f, o->as_of);
    if (err == TRAP_OK)
        err = walk_all(f, o);
    return err;
}

static enum trap_err fold_in_bulk(struct fold *f, const struct fold_options *o)
{
    enum trap_err err = derived_bulk_new(f->derived, o->bulk_rows_max, &f->batch);

    if (err == TRAP_OK)
        err = mark_view(f, o->as_of);
    if (err == TRAP_OK)
        err = fold_all_parts(f, o);
    if (err == TRAP_OK)
        err = derived_bulk_commit(f->derived, f->batch);
    return err;
}

static enum trap_err fold_rows(struct fold *f, const struct fold_options *o, bool afresh)
{
    wall_t newest = { 0 };
    enum trap_err err = derived_newest(f->derived, &newest);

    if (err != TRAP_OK)
        return err;
    f->bulk = (afresh || newest.us == 0) && is_bulk(f, o);
    f->retry_all = f->retry_all || afresh;
    err = f->bulk ? fold_in_bulk(f, o) : fold_in_batches(f, o, afresh);
    derived_batch_free(&f->batch);
    f->bulk = false;
    return err;
}

enum trap_err fold_run(struct fold *f, const struct fold_options *o, struct fold_result *out,
                       struct err_text *why)
{
    bool outgrown = false;
    enum trap_err err = fold_take_view(f, o->as_of);

    if (err != TRAP_OK) {
        err_text_set(why, "cannot read the log: %s", err_name(err));
        return err;
    }
    f->taints = o->taints;
    if (!o->afresh)
        err = check_marks(f, o->as_of, &outgrown, why);
    if (err != TRAP_OK)
        return err;
    f->result = (struct fold_result){ 0 };
    err = fold_rows(f, o, o->afresh || outgrown);
    if (err != TRAP_OK) {
        err_text_set(
            why, "the fold stopped: %s; what was folded before is kept, and the next run goes on from there",
            err_name(err));
        f->retry_all = true;
        return err;
    }
    f->retry_all = false;
    f->epochs_seen = epochs_known(f);
    *out = f->result;
    return TRAP_OK;
}

enum trap_err fold_trace(struct fold *f, struct bytes address, wall_t mailed, struct fold_trace *out,
                         enum trap_err (*resolved_fn)(const struct visit *, void *), void *arg)
{
    const struct conf_trap_domain *domain =
        config_trap_domain(f->config, bytes_skip(address, bytes_rfind(address, '@') + 1));
    struct identified id = { .trace = { .outcome = TRACE_NOT_MINTED } };
    enum trap_err err = TRAP_OK;

    /* A domain that is configured no more may have been minted under. */
    if (domain == NULL || domain->klass == CLASS_MINTED) {
        err = fold_take_view(f, (wall_t){ INT64_MAX });
        if (err == TRAP_OK)
            err = identify(f, address, mailed, &id);
    }
    if (err == TRAP_OK && id.trace.outcome == TRACE_RESOLVED)
        err = visit_get(fold_node_view(f, id.trace.ref.node)->visits, id.visit.seq, resolved_fn, arg);
    if (err == TRAP_OK)
        *out = id.trace;
    return err;
}
