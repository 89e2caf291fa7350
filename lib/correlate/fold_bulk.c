/* fold_bulk.c - everything from the begin, by several threads: each takes a stretch of every log. What is added is sums, and
 * a record is judged by the visits alone, which stand in tables before the first hit is looked at: so stretches are as good as
 * batches (docs/adr/0008, 0019). */
#include "fold_state.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARTS_MAX = 4 };

struct part {
    struct fold *fold; /* of its own: cache, connections, mint, rows */
    const struct fold_options *options;
    _Atomic uint64_t *done;
    uint64_t total;
    size_t number, count;
    const uint8_t *logs;
    size_t log_count;
    uint64_t seen[NODES_MAX][RECORD_SESSION + 1]; /* the last record of its stretch */
    enum trap_err err;
};

static uint64_t erased_of(const struct node_view *v, uint8_t log)
{
    return log == RECORD_VISIT ? v->visits_erased : log == RECORD_HIT ? v->hits_erased : 0;
}

static enum trap_err walk_stretch(struct part *p, size_t node, uint8_t log)
{
    struct node_view *v = &p->fold->node[node];
    const uint64_t from = erased_of(v, log), to = fold_bound(v, log), n = to > from ? to - from : 0;
    uint32_t in_batch = 0;
    struct walk w = { .fold = p->fold,
                      .options = p->options,
                      .node = v,
                      .log = log,
                      .after = p->number == 0 ? 0 : from + n / p->count * p->number,
                      .bound = p->number + 1 == p->count ? to : from + n / p->count * (p->number + 1),
                      .batch_max = UINT32_MAX,
                      .in_batch = &in_batch,
                      .done = p->done,
                      .total = p->total,
                      .quiet = p->number > 0 };
    const uint64_t begin = w.after;
    const enum trap_err err = fold_walk(&w);

    if (w.after > begin)
        p->seen[node][log] = w.after;
    return err;
}

static void *part_thread(void *arg)
{
    struct part *p = arg;

    for (size_t k = 0; k < p->log_count; k++)
        for (size_t i = 0; i < p->fold->node_count && p->err == TRAP_OK; i++)
            p->err = walk_stretch(p, i, p->logs[k]);
    return NULL;
}

/* The calling thread does the first part. */
static enum trap_err run_parts(struct part *const *part, size_t n, const uint8_t *logs, size_t log_count)
{
    pthread_t thread[PARTS_MAX];
    bool started[PARTS_MAX] = { false };
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < n; i++) {
        part[i]->logs = logs;
        part[i]->log_count = log_count;
        started[i] = i > 0 && pthread_create(&thread[i], NULL, part_thread, part[i]) == 0;
    }
    for (size_t i = 0; i < n; i++)
        if (!started[i])
            (void)part_thread(part[i]);
    for (size_t i = 0; i < n; i++) {
        if (started[i])
            (void)pthread_join(thread[i], NULL);
        if (err == TRAP_OK)
            err = part[i]->err;
    }
    return err;
}

/* ---- begin and end ---- */

static void part_free(struct part **pp)
{
    struct part *p = *pp;

    *pp = NULL;
    if (p == NULL)
        return;
    for (size_t i = 0; p->fold != NULL && p->number > 0 && i < p->fold->node_count; i++) {
        store_close(&p->fold->node[i].hits);
        store_close(&p->fold->node[i].visits);
    }
    if (p->fold != NULL && p->number > 0) {
        mint_free(&p->fold->mint);
        derived_batch_free(&p->fold->batch);
        free(p->fold->work);
        free(p->fold);
    }
    free(p);
}

/* A fold that sees what f sees, with connections of its own. */
static enum trap_err fold_again(struct fold *f, size_t rows_max, struct fold *out)
{
    struct err_text why;
    enum trap_err err = mint_copy(f->mint, &out->mint);

    out->config = f->config;
    out->bulk = true;
    out->taints = f->taints;
    out->node_count = f->node_count;
    for (size_t i = 0; i < f->node_count; i++) {
        out->node[i] = f->node[i];
        out->node[i].hits = out->node[i].visits = NULL;
    }
    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++) {
        err = store_open_again(f->node[i].hits, &out->node[i].hits, &why);
        if (err == TRAP_OK)
            err = store_open_again(f->node[i].visits, &out->node[i].visits, &why);
    }
    return err == TRAP_OK ? derived_bulk_part(f->derived, rows_max, &out->batch) : err;
}

static enum trap_err part_new(struct fold *f, const struct part *like, struct part **out)
{
    struct part *p = calloc(1, sizeof *p);
    enum trap_err err = TRAP_OK;

    if (p == NULL)
        return TRAP_ENOMEM;
    *p = *like;
    if (p->number == 0) {
        p->fold = f;
    } else {
        p->fold = calloc(1, sizeof *p->fold);
        err = p->fold == NULL ? TRAP_ENOMEM : fold_again(f, like->options->bulk_rows_max, p->fold);
    }
    if (err == TRAP_OK)
        *out = p;
    else
        part_free(&p);
    return err;
}

static void add_result(struct fold_result *to, const struct fold_result *r)
{
    to->visits += r->visits;
    to->hits += r->hits;
    to->sessions += r->sessions;
    to->resolved += r->resolved;
    to->aged += r->aged;
    to->pending += r->pending;
    to->forged += r->forged;
    to->static_traps += r->static_traps;
    to->guesses += r->guesses;
    to->attempts += r->attempts;
    to->tests += r->tests;
    to->tainted += r->tainted;
}

/* Rows, counts, and how far each log was read. */
static void gather(struct fold *f, struct part *const *part, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        add_result(&f->result, &part[i]->fold->result);
        derived_bulk_take(f->batch, &part[i]->fold->batch);
    }
    for (size_t node = 0; node < f->node_count; node++)
        for (uint8_t log = RECORD_VISIT; log <= RECORD_SESSION; log++) {
            uint64_t seen = 0;
            for (size_t i = 0; i < n; i++)
                seen = part[i]->seen[node][log] > seen ? part[i]->seen[node][log] : seen;
            if (seen > 0)
                derived_mark(f->batch, (struct record_id){ f->node[node].node, log, seen });
        }
}

static enum trap_err note_first(const struct visit *v, void *arg)
{
    *(uint64_t *)arg = v->seq;
    return TRAP_OK;
}

static enum trap_err make_tables(struct fold *f)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < f->node_count && err == TRAP_OK; i++) {
        struct node_view *v = &f->node[i];
        uint64_t first = 0, last = 0;
        err = visit_facts_each(v->visits, 0, 1, note_first, &first, &last);
        if (err == TRAP_OK && first > 0 && first <= v->visits_last)
            err = visit_table_new(f->derived, first, v->visits_last, 0, &v->table);
    }
    return err;
}

static size_t parts_wanted(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1 ? 1 : processors > PARTS_MAX ? PARTS_MAX : (size_t)processors;
}

enum trap_err fold_all_parts(struct fold *f, const struct fold_options *o)
{
    static const uint8_t visits[] = { RECORD_VISIT }, mail[] = { RECORD_HIT, RECORD_SESSION };
    const size_t n = parts_wanted();
    struct part *part[PARTS_MAX] = { NULL };
    struct part like = { .options = o, .count = n };
    _Atomic uint64_t done = 0;
    enum trap_err err = make_tables(f);

    like.done = &done;
    for (size_t i = 0; i < f->node_count; i++)
        for (uint8_t log = RECORD_VISIT; log <= RECORD_SESSION; log++)
            like.total += fold_bound(&f->node[i], log) - erased_of(&f->node[i], log);
    for (size_t i = 0; i < n && err == TRAP_OK; i++) {
        like.number = i;
        err = part_new(f, &like, &part[i]);
    }
    if (err == TRAP_OK)
        err = run_parts(part, n, visits, sizeof visits);
    if (err == TRAP_OK)
        err = run_parts(part, n, mail, sizeof mail);
    if (err == TRAP_OK)
        gather(f, part, n);
    for (size_t i = n; i > 0; i--)
        part_free(&part[i - 1]);
    for (size_t i = 0; i < f->node_count; i++)
        visit_table_free(&f->node[i].table);
    if (err == TRAP_OK && o->progress != NULL)
        o->progress(like.total, like.total, o->progress_arg);
    return err;
}
