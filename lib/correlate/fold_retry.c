/* fold_retry.c - what was pending, looked at again when visits have arrived.
 *
 * A hit is judged again as a whole, because a message counts once for a source, however many of its
 * recipients name it and whenever they could be resolved.
 */
#include "fold_state.h"

#include <stdlib.h>

struct pending_list {
    struct pending_row *v;
    size_t n, cap;
};

/* Is there anything new to say? Only its own reading is asked; another one may still keep it waiting. */
static enum trap_err is_ready(struct fold *f, const struct pending_row *p, bool *out)
{
    const struct mint_ref ref = { .node = p->node, .epoch = p->epoch, .serial = p->serial, .slot = p->slot };
    struct identified id;

    if (f->retry_all) {
        *out = true;
        return TRAP_OK;
    }
    const enum trap_err err = identify_ref(f, ref, p->at, &id);
    if (err == TRAP_OK)
        *out = id.trace.outcome != TRACE_PENDING;
    return err;
}

static enum trap_err collect(const struct pending_row *p, void *arg)
{
    struct pending_list *l = arg;

    if (l->n == l->cap) {
        const size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct pending_row *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL)
            return TRAP_ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *p;
    return TRAP_OK;
}

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int by_hit(const void *a, const void *b)
{
    const struct pending_row *x = a, *y = b;
    const int orders[] = { THREE_WAY(x->hit_node, y->hit_node), THREE_WAY(x->hit, y->hit),
                           THREE_WAY(x->n, y->n) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

struct again {
    struct fold *fold;
    uint8_t node;
    struct waiting waiting;
};

static enum trap_err judge_again(const struct hit *h, void *arg)
{
    const struct again *a = arg;

    return fold_hit(a->fold, a->node, h, &a->waiting);
}

/* rows: all that is pending of one hit. */
static enum trap_err retry_hit(struct fold *f, const struct pending_row *rows, size_t n)
{
    const struct node_view *node = fold_node_view(f, rows[0].hit_node);
    struct again again = { .fold = f, .node = rows[0].hit_node, .waiting = { rows, n } };
    bool ready = false;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < n && err == TRAP_OK && !ready; i++)
        err = is_ready(f, &rows[i], &ready);
    if (err != TRAP_OK || !ready || node == NULL)
        return err;
    err = hit_get(node->hits, rows[0].hit, judge_again, &again);
    if (err != TRAP_ENOENT)
        return err;
    for (size_t i = 0; i < n; i++) {
        err = fold_orphan(f, &rows[i]);
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

enum trap_err fold_retry(struct fold *f, uint32_t batch_max)
{
    struct pending_list l = { .n = 0 };
    enum trap_err err = pending_each(f->derived, collect, &l);

    if (err == TRAP_OK && l.n > 1)
        qsort(l.v, l.n, sizeof *l.v, by_hit);
    for (size_t i = 0, n; i < l.n && err == TRAP_OK; i += n) {
        n = 1;
        while (i + n < l.n && l.v[i + n].hit_node == l.v[i].hit_node && l.v[i + n].hit == l.v[i].hit)
            n++;
        err = retry_hit(f, l.v + i, n);
        if (err == TRAP_OK && derived_batch_rows(f->batch) >= batch_max)
            err = derived_commit(f->derived, f->batch);
    }
    free(l.v);
    return err;
}
