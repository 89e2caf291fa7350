/* fold_hit.c - one record of the log, as rows. */
#include "fold_state.h"

#include <stdlib.h>

/* What one recipient adds; equal ones of a message count once. */
struct contribution {
    uint64_t source;
    uint8_t klass;
    bool already; /* added when the hit was folded first */
    bool tainted; /* adds nothing; so does class 0: its visit was erased */
    bool waits;   /* nothing can be said yet; only wait_for is set */
    struct mint_ref wait_for;
    bool linked;
    uint8_t node, slot; /* of the visit, where linked */
    struct visit visit;
};

/* What the sink says of static traps and guesses. */
static const uint8_t classes[] = {
    [RCPT_MINTED] = EVIDENCE_MINTED, [RCPT_PRISTINE] = EVIDENCE_PRISTINE, [RCPT_RECYCLED] = EVIDENCE_RECYCLED,
    [RCPT_TYPO] = EVIDENCE_TYPO,     [RCPT_GUESS] = EVIDENCE_GUESS,
};

/* What a message is by structure stands before what its recipient is; a test stays one, and what is only observed. */
static uint8_t class_of(const struct hit *h, uint8_t klass)
{
    if (klass == EVIDENCE_TEST || klass == EVIDENCE_OBSERVED)
        return klass;
    if ((h->flags & HIT_BACKSCATTER) != 0)
        return EVIDENCE_BACKSCATTER;
    if ((h->flags & HIT_AUTOMATIC) != 0)
        return EVIDENCE_AUTOMATIC;
    return (h->flags & HIT_LIST_HEADER) != 0 ? EVIDENCE_LIST : klass;
}

/* A bounce or an automatic reply says that an address was used, not that somebody mailed it. */
static bool makes_links(const struct hit *h)
{
    return (h->flags & (HIT_AUTOMATIC | HIT_BACKSCATTER)) == 0;
}

static struct bytes domain_of(struct bytes address)
{
    return bytes_skip(address, bytes_rfind(address, '@') + 1);
}

static uint64_t visit_source(uint8_t node, const struct visit *v)
{
    return (v->flags & VISIT_BATCH) != 0 ? source_of_batch(node, v->seq) : source_of_network(v->client);
}

enum trap_err fold_visit(struct fold *f, uint8_t node, const struct visit *v)
{
    /* Whether its page went out in time is not asked: that is written later, and a visit is a visit. */
    f->result.visits++;
    if (taints_visit(f->taints, node, v)) {
        f->result.tainted++;
        derived_see(f->batch, v->at);
        return TRAP_OK;
    }
    if ((v->flags & VISIT_TRUNCATED) != 0)
        derived_add_network(f->batch, v->client, v->at);
    else if ((v->flags & VISIT_BATCH) == 0)
        derived_add_visitor(
            f->batch,
            &(struct visitor_row){ .client = ip_key(v->client), .count = 1, .first = v->at, .last = v->at });
    return TRAP_OK;
}

/* ---- taints ---- */

struct texts {
    const struct taints *taints;
    struct taint_mail *mail;
    bool tainted;
};

static enum trap_err match_with_texts(const struct visit *v, void *arg)
{
    struct texts *t = arg;

    t->mail->visit = v;
    t->mail->any_text = false;
    t->tainted = taints_mail(t->taints, t->mail);
    t->mail->visit = NULL;
    return TRAP_OK;
}

/* What is known from the mail alone is asked before the address is looked at: the answer must not depend on
 * whether its visit has arrived. */
static bool mail_tainted(const struct fold *f, uint8_t node, wall_t at, struct bytes address)
{
    return taints_mail(f->taints, &(struct taint_mail){ .sink_node = node, .at = at, .address = address });
}

/* The same when its visit is decided. */
static enum trap_err visit_tainted(struct fold *f, uint8_t node, const struct hit *h, struct bytes address,
                                   const struct identified *id, bool *out)
{
    const bool resolved = id->trace.outcome == TRACE_RESOLVED;
    struct taint_mail m = { .sink_node = node, .at = h->at, .address = address };

    if (f->taints == NULL || !(resolved || id->trace.outcome == TRACE_AGED))
        return TRAP_OK;
    m.visit_node = id->trace.ref.node;
    m.slot = id->trace.ref.slot;
    m.visit_seq = resolved ? id->visit.seq : 0;
    m.visit = resolved ? &id->visit : NULL;
    m.any_text = resolved && taints_need_texts(f->taints);
    *out = taints_mail(f->taints, &m);
    if (*out && m.any_text) { /* the texts are fetched only where they decide */
        struct texts t = { f->taints, &m, false };
        const enum trap_err err =
            visit_get(fold_node_view(f, m.visit_node)->visits, m.visit_seq, match_with_texts, &t);

        *out = err == TRAP_ENOENT || t.tainted; /* erased meanwhile: nobody is blamed */
        return err == TRAP_ENOENT ? TRAP_OK : err;
    }
    return TRAP_OK;
}

/* ---- what a recipient amounts to ---- */

static void take_identified(struct fold *f, const struct hit *h, const struct identified *id,
                            struct bytes domain, struct contribution *c)
{
    const struct mint_ref ref = id->trace.ref;

    c->klass = EVIDENCE_MINTED;
    switch (id->trace.outcome) {
    case TRACE_RESOLVED:
        f->result.resolved++;
        c->source = visit_source(ref.node, &id->visit);
        c->node = ref.node;
        c->slot = ref.slot;
        c->visit = id->visit;
        if (resolve_is_test(&id->visit, h->sender, h->at)) {
            f->result.tests++;
            c->klass = EVIDENCE_TEST;
        } else {
            c->linked = (id->visit.flags & (VISIT_BATCH | VISIT_TRUNCATED)) == 0 && makes_links(h);
        }
        break;
    case TRACE_AGED:
        f->result.aged++;
        c->source = source_of_node(SOURCE_AGED, ref.node);
        if (id->gone)
            c->klass = 0;
        break;
    case TRACE_FORGED:
    case TRACE_NOT_MINTED:
    case TRACE_PENDING:
        f->result.forged += id->trace.outcome == TRACE_FORGED;
        f->result.guesses += id->trace.outcome == TRACE_NOT_MINTED;
        c->klass = EVIDENCE_GUESS;
        c->source = source_of_name(SOURCE_DOMAIN, domain);
        break;
    }
    c->klass = class_of(h, c->klass);
}

static enum trap_err judge_rcpt(struct fold *f, uint8_t node, const struct hit *h, size_t i,
                                struct contribution *c)
{
    const struct hit_rcpt *r = &h->rcpts[i];
    const uint8_t klass = r->klass & RCPT_CLASS_MASK;
    struct identified id;
    enum trap_err err;

    *c = (struct contribution){ 0 };
    if (klass == 0 || klass >= sizeof classes)
        return TRAP_ECORRUPT;
    c->tainted = mail_tainted(f, node, h->at, r->address);
    if (c->tainted)
        return TRAP_OK;
    if (klass != RCPT_MINTED && klass != RCPT_GUESS) {
        const bool all = (r->klass & RCPT_CATCHALL) != 0;
        f->result.static_traps++;
        c->klass = class_of(h, (r->klass & RCPT_OBSERVED) != 0 ? EVIDENCE_OBSERVED : classes[klass]);
        c->source = source_of_name(all ? SOURCE_DOMAIN : SOURCE_TRAP, all ? domain_of(r->address) : r->address);
        return TRAP_OK;
    }
    err = identify(f, r->address, h->at, &id);
    if (err != TRAP_OK)
        return err;
    /* The sink knew the key of an epoch or node that we have not heard of: its visits will tell. */
    const bool unread = klass == RCPT_MINTED && !id.trace.minted;
    c->waits = unread || id.trace.outcome == TRACE_PENDING;
    c->wait_for = id.trace.ref;
    if (c->waits) {
        f->result.pending++;
        return TRAP_OK;
    }
    err = visit_tainted(f, node, h, r->address, &id, &c->tainted);
    if (err == TRAP_OK && !c->tainted)
        take_identified(f, h, &id, domain_of(r->address), c);
    return err;
}

/* ---- rows ---- */

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int in_order(const int *orders, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

static int compare_evidence(const struct contribution *x, const struct contribution *y)
{
    const int orders[] = { THREE_WAY(x->source, y->source), THREE_WAY(x->klass, y->klass) };

    return in_order(orders, 2);
}

static int compare_links(const struct contribution *x, const struct contribution *y)
{
    const int orders[] = { THREE_WAY(x->linked, y->linked), THREE_WAY(x->node, y->node),
                           THREE_WAY(x->visit.seq, y->visit.seq), THREE_WAY(x->slot, y->slot) };

    return in_order(orders, 4);
}

/* What was added already comes first among equals. */
static int by_evidence(const void *a, const void *b)
{
    const struct contribution *x = a, *y = b;
    const int c = compare_evidence(x, y);

    return c != 0 ? c : THREE_WAY(y->already, x->already);
}

static int by_link(const void *a, const void *b)
{
    const struct contribution *x = a, *y = b;
    const int c = compare_links(x, y);

    return c != 0 ? c : THREE_WAY(y->already, x->already);
}

static void add_link(struct fold *f, const struct hit *h, const struct contribution *c)
{
    derived_add_link(f->batch, &(struct link_row){ .harvester = ip_key(c->visit.client),
                                                   .sender = ip_key(h->sender),
                                                   .node = c->node,
                                                   .visit = c->visit.seq,
                                                   .slot = c->slot,
                                                   .technique = visit_technique(c->visit.recipe, c->slot),
                                                   .day = wall_day(h->at),
                                                   .count = 1,
                                                   .first = h->at,
                                                   .last = h->at,
                                                   .visited = c->visit.at,
                                                   .visit_flags = c->visit.flags });
}

static void add_evidence(struct fold *f, uint8_t node, struct ip sender, wall_t at,
                         const struct contribution *c)
{
    derived_add_evidence(f->batch, &(struct evidence_row){ .sender = ip_key(sender),
                                                           .source = c->source,
                                                           .klass = c->klass,
                                                           .hour = wall_hour(at),
                                                           .node = node,
                                                           .count = 1,
                                                           .first = at,
                                                           .last = at });
}

static void emit(struct fold *f, uint8_t node, const struct hit *h, size_t n)
{
    struct contribution *c = f->work;

    if (n > 1)
        qsort(c, n, sizeof *c, by_evidence);
    for (size_t i = 0; i < n; i++)
        if (!c[i].already && (i == 0 || compare_evidence(&c[i - 1], &c[i]) != 0))
            add_evidence(f, node, h->sender, h->at, &c[i]);
    if (n > 1)
        qsort(c, n, sizeof *c, by_link);
    for (size_t i = 0; i < n; i++)
        if (c[i].linked && !c[i].already && (i == 0 || compare_links(&c[i - 1], &c[i]) != 0))
            add_link(f, h, &c[i]);
}

static enum trap_err make_room(struct fold *f, size_t n)
{
    if (n > f->work_cap) {
        struct contribution *work = realloc(f->work, n * 2 * sizeof *work);
        if (work == NULL)
            return TRAP_ENOMEM;
        f->work = work;
        f->work_cap = n * 2;
    }
    return TRAP_OK;
}

static const struct pending_row *find_waiting(const struct waiting *w, size_t n)
{
    for (size_t i = 0; w != NULL && i < w->count; i++)
        if (w->row[i].n == n)
            return &w->row[i];
    return NULL;
}

static void add_pending(struct fold *f, uint8_t node, const struct hit *h, size_t n, struct mint_ref ref)
{
    derived_add_pending(f->batch, &(struct pending_row){ .hit_node = node,
                                                         .hit = h->seq,
                                                         .n = (uint32_t)n,
                                                         .sender = ip_key(h->sender),
                                                         .at = h->at,
                                                         .node = ref.node,
                                                         .epoch = ref.epoch,
                                                         .serial = ref.serial,
                                                         .slot = ref.slot,
                                                         .klass = class_of(h, EVIDENCE_MINTED),
                                                         .sender_ip = h->sender });
}

static bool same_ref(const struct pending_row *p, struct mint_ref ref)
{
    return p->node == ref.node && p->epoch == ref.epoch && p->serial == ref.serial && p->slot == ref.slot;
}

/* Keeps a recipient waiting, or makes it wait. Which reading is on record must not depend on when it was
 * looked at first. */
static void let_wait(struct fold *f, uint8_t node, const struct hit *h, size_t n,
                     const struct pending_row *old, struct mint_ref ref)
{
    if (old == NULL || !same_ref(old, ref))
        add_pending(f, node, h, n, ref);
}

enum trap_err fold_hit(struct fold *f, uint8_t node, const struct hit *h, const struct waiting *waiting)
{
    enum trap_err err = make_room(f, h->rcpt_count);
    size_t n = 0;

    for (size_t i = 0; i < h->rcpt_count && err == TRAP_OK; i++) {
        const struct pending_row *old = find_waiting(waiting, i);
        const bool already = waiting != NULL && old == NULL;
        const struct fold_result so_far = f->result;
        struct contribution *c = &f->work[n];
        err = judge_rcpt(f, node, h, i, c);
        if (already || (c->waits && old != NULL))
            f->result = so_far; /* was counted when it was folded, or when it began to wait */
        if (err != TRAP_OK || (c->waits && already))
            continue;
        if (c->waits) {
            let_wait(f, node, h, i, old, c->wait_for);
            continue;
        }
        if (old != NULL)
            derived_drop_pending(f->batch, node, h->seq, (uint32_t)i);
        if (c->tainted || c->klass == 0) {
            f->result.tainted += c->tainted && !already;
            derived_see(f->batch, h->at);
            continue;
        }
        c->already = already;
        n++;
    }
    if (err != TRAP_OK)
        return err;
    emit(f, node, h, n);
    f->result.hits += waiting == NULL;
    return TRAP_OK;
}

/* The flags that gave a waiting recipient its class: the hit itself is not on record any more. */
static uint32_t flags_of(uint8_t klass)
{
    switch (klass) {
    case EVIDENCE_LIST:
        return HIT_LIST_HEADER;
    case EVIDENCE_AUTOMATIC:
        return HIT_AUTOMATIC;
    case EVIDENCE_BACKSCATTER:
        return HIT_AUTOMATIC | HIT_BACKSCATTER;
    default:
        return 0;
    }
}

enum trap_err fold_orphan(struct fold *f, const struct pending_row *p)
{
    const struct hit h = { .seq = p->hit, .at = p->at, .sender = p->sender_ip, .flags = flags_of(p->klass) };
    const struct mint_ref ref = { .node = p->node, .epoch = p->epoch, .serial = p->serial, .slot = p->slot };
    struct identified id;
    enum trap_err err = make_room(f, 1);

    if (err == TRAP_OK)
        err = identify_ref(f, ref, p->at, &id);
    /* Forged: the domain is not on record any more, so nothing can be said of its source. */
    if (err != TRAP_OK || id.trace.outcome == TRACE_PENDING)
        return err;
    derived_drop_pending(f->batch, p->hit_node, p->hit, p->n);
    if (id.trace.outcome == TRACE_FORGED)
        return TRAP_OK;
    f->work[0] = (struct contribution){ 0 };
    err = visit_tainted(f, p->hit_node, &h, bytes_of(NULL, 0), &id, &f->work[0].tainted);
    if (err != TRAP_OK || f->work[0].tainted)
        return err;
    take_identified(f, &h, &id, bytes_of(NULL, 0), &f->work[0]);
    if (f->work[0].klass == 0)
        return TRAP_OK;
    emit(f, p->hit_node, &h, 1);
    return TRAP_OK;
}

enum trap_err fold_session(struct fold *f, uint8_t node, const struct session_record *s)
{
    const uint8_t klass = s->attempt_class & RCPT_CLASS_MASK;
    const bool one_trap =
        klass != RCPT_MINTED && klass != RCPT_GUESS && (s->attempt_class & RCPT_CATCHALL) == 0;
    struct contribution c = {
        .klass = (s->attempt_class & RCPT_OBSERVED) != 0 ? EVIDENCE_OBSERVED : EVIDENCE_ATTEMPT
    };

    f->result.sessions++;
    if (s->attempt_class == 0)
        return TRAP_OK;
    if (klass == 0 || klass >= sizeof classes)
        return TRAP_ECORRUPT;
    if (mail_tainted(f, node, s->at, s->attempt_address)) {
        f->result.tainted++;
        derived_see(f->batch, s->at);
        return TRAP_OK;
    }
    /* No visit is looked for: nothing was mailed, and an attempt shows no source (policy). */
    c.source = source_of_name(one_trap ? SOURCE_TRAP : SOURCE_DOMAIN,
                           one_trap ? s->attempt_address : domain_of(s->attempt_address));
    f->result.attempts++;
    add_evidence(f, node, s->client, s->at, &c);
    return TRAP_OK;
}
