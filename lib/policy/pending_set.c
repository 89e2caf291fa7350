/* pending_set.c - authentic addresses whose visit has not arrived, as evidence for the sender. */
#include "rule.h"

#include <stdlib.h>

/* The fold has left out what is tainted by the mail alone. Of the visit nothing is known but its node, which may
 * turn out to be another one: so it is asked here, where it changes nothing that is on record. */
static bool is_tainted(const struct rule *r, const struct pending_row *p)
{
    const struct taint_mail m = { .sink_node = p->hit_node, .at = p->at, .visit_node = p->node, .slot = p->slot };

    return r->env->acts != NULL && taints_mail(r->env->acts->taints, &m);
}

enum trap_err pending_set_add(struct pending_set *s, const struct rule *r, const struct pending_row *p)
{
    const wall_t counts = wall_add(p->at, POLICY_PENDING_AGE);

    if (counts.us > r->env->as_of.us || is_tainted(r, p))
        return TRAP_OK;
    if (s->n == s->cap) {
        const size_t cap = s->cap == 0 ? 16 : s->cap * 2;
        struct pending_hit *hit = realloc(s->hit, cap * sizeof *hit);
        if (hit == NULL)
            return TRAP_ENOMEM;
        s->hit = hit;
        s->cap = cap;
    }
    s->hit[s->n++] = (struct pending_hit){
        .hit = p->hit,
        .row = { .sender = p->sender,
                 .source = source_of_node(SOURCE_PENDING, p->node),
                 .klass = p->klass,
                 .hour = wall_hour(p->at),
                 .node = p->hit_node,
                 .count = 1,
                 .first = counts, /* what is listed for it is listed since then */
                 .last = p->at },
    };
    return TRAP_OK;
}

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int by_sender(const void *a, const void *b)
{
    const struct pending_hit *x = a, *y = b;
    const int orders[] = { rule_key_cmp(x->row.sender, y->row.sender), THREE_WAY(x->row.node, y->row.node),
                           THREE_WAY(x->hit, y->hit), THREE_WAY(x->row.source, y->row.source) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

enum trap_err pending_set_seal(struct pending_set *s)
{
    size_t kept = 0;

    s->v = calloc(s->n == 0 ? 1 : s->n, sizeof *s->v);
    if (s->v == NULL)
        return TRAP_ENOMEM;
    if (s->n > 1)
        qsort(s->hit, s->n, sizeof *s->hit, by_sender);
    for (size_t i = 0; i < s->n; i++)
        if (i == 0 || by_sender(&s->hit[i - 1], &s->hit[i]) != 0)
            s->v[kept++] = s->hit[i].row;
    s->n = kept;
    return TRAP_OK;
}

void pending_set_free(struct pending_set *s)
{
    free(s->v);
    free(s->hit);
    *s = (struct pending_set){ 0 };
}
