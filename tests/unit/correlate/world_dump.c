/* world_dump.c - derived.db as text, and what to say when two differ. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

static void add_key(struct buf *out, struct prefix key)
{
    char text[PREFIX_TEXT_MAX];

    buf_addf(out, " %s", prefix_text(key, text));
}

static enum trap_err dump_evidence(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        const struct evidence_row *r = &rows[i];
        buf_add_str(arg, "evidence");
        add_key(arg, sender);
        buf_addf(arg, " %llx %s %u node %u: %u %lld %lld\n", (unsigned long long)r->source,
                 evidence_class_name(r->klass), (unsigned)r->hour, (unsigned)r->node, (unsigned)r->count,
                 (long long)r->first.us, (long long)r->last.us);
    }
    return TRAP_OK;
}

static enum trap_err dump_links(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        const struct link_row *r = &rows[i];
        buf_add_str(arg, "link");
        add_key(arg, harvester);
        add_key(arg, r->sender);
        buf_addf(arg, " %u/%llu/%u by %u day %u: %u %lld %lld visited %lld flags %x\n", (unsigned)r->node,
                 (unsigned long long)r->visit, (unsigned)r->slot, (unsigned)r->technique, (unsigned)r->day,
                 (unsigned)r->count, (long long)r->first.us, (long long)r->last.us, (long long)r->visited.us,
                 (unsigned)r->visit_flags);
    }
    return TRAP_OK;
}

static enum trap_err dump_visitor(const struct visitor_row *r, void *arg)
{
    buf_add_str(arg, "visitor");
    add_key(arg, r->client);
    buf_addf(arg, ": %llu %lld %lld\n", (unsigned long long)r->count, (long long)r->first.us,
             (long long)r->last.us);
    return TRAP_OK;
}

static enum trap_err dump_pending(const struct pending_row *r, void *arg)
{
    char text[IP_TEXT_MAX];

    buf_addf(arg, "pending %u/%llu/%u", (unsigned)r->hit_node, (unsigned long long)r->hit, (unsigned)r->n);
    add_key(arg, r->sender);
    buf_addf(arg, " %s %lld: %u/%u/%u/%u\n", ip_text(r->sender_ip, text), (long long)r->at.us,
             (unsigned)r->node, (unsigned)r->epoch, (unsigned)r->serial, (unsigned)r->slot);
    return TRAP_OK;
}

void world_dump(struct world *w, bool pending, struct buf *out)
{
    buf_init(out, 256 << 20);
    assert_int_equal(evidence_each(w->derived, dump_evidence, out), TRAP_OK);
    assert_int_equal(link_each(w->derived, dump_links, out), TRAP_OK);
    assert_int_equal(visitor_each(w->derived, dump_visitor, out), TRAP_OK);
    if (pending)
        assert_int_equal(pending_each(w->derived, dump_pending, out), TRAP_OK);
    assert_int_equal(out->err, TRAP_OK);
}

/* The first line in which two dumps differ. */
static void explain(struct bytes a, struct bytes b)
{
    struct bytes x, y;

    for (;;) {
        const bool more_a = bytes_split(&a, '\n', &x), more_b = bytes_split(&b, '\n', &y);
        if (!more_a || !more_b || !bytes_eq(x, y)) {
            x = more_a ? x : BYTES("(end)");
            y = more_b ? y : BYTES("(end)");
            fail_msg("\n%.*s\n%.*s", (int)x.n, (const char *)x.p, (int)y.n, (const char *)y.p);
        }
    }
}

void world_assert_same(struct world *a, struct world *b, bool pending)
{
    struct buf x, y;

    world_dump(a, pending, &x);
    world_dump(b, pending, &y);
    if (!bytes_eq(buf_bytes(&x), buf_bytes(&y)))
        explain(buf_bytes(&x), buf_bytes(&y));
    buf_free(&x);
    buf_free(&y);
}
