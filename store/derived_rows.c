#include "derived_rows.h"

#include "row_key.h"

/* ---- rows as bytes ---- */

static uint8_t *put_number(uint8_t *p, uint64_t v, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--, v >>= 8)
        p[i - 1] = (uint8_t)v;
    return p + bytes;
}

static uint64_t get_number(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

/* The parts of a key stand close together, zeros fill it up behind them: the family tells how long an address is. */
static uint8_t *put_key(uint8_t *p, struct prefix key)
{
    const struct row_key k = row_key_of(key);

    memcpy(p, k.b, k.n);
    return p + k.n;
}

static uint8_t *fill_up(uint8_t *p, uint8_t *end)
{
    memset(p, 0, (size_t)(end - p));
    return end;
}

static struct bytes get_key(const uint8_t *p)
{
    return bytes_of(p, p[0] == 4 ? KEY_V4 : KEY_MAX);
}

/* Behind the key: count, first, last; counts of visitors have eight bytes. */
static void join_sums(uint8_t *into, const uint8_t *other, size_t count_bytes)
{
    const uint64_t most = count_bytes == 4 ? UINT32_MAX : INT64_MAX, a = get_number(into, count_bytes),
                   b = get_number(other, count_bytes);
    uint8_t *first = into + count_bytes, *last = first + 8;

    (void)put_number(into, a > most - b ? most : a + b, count_bytes);
    if ((int64_t)get_number(other + count_bytes, 8) < (int64_t)get_number(first, 8))
        memcpy(first, other + count_bytes, 8);
    if ((int64_t)get_number(other + count_bytes + 8, 8) > (int64_t)get_number(last, 8))
        memcpy(last, other + count_bytes + 8, 8);
}

static void join_evidence(uint8_t *into, const uint8_t *other)
{
    join_sums(into + E_COUNT, other + E_COUNT, 4);
}
/* Time, flags and technique of a visit are the same wherever it is named. */
static void join_link(uint8_t *into, const uint8_t *other)
{
    join_sums(into + L_COUNT, other + L_COUNT, 4);
}
static void join_visitor(uint8_t *into, const uint8_t *other)
{
    join_sums(into + V_COUNT, other + V_COUNT, 8);
}
static void join_nothing(uint8_t *into, const uint8_t *other)
{
    (void)into;
    (void)other;
}
const struct spool_kind row_kind_evidence = { E_COUNT, E_BYTES, join_evidence };
const struct spool_kind row_kind_link = { L_COUNT, L_BYTES, join_link };
const struct spool_kind row_kind_by_sender = { L_COUNT, L_COUNT,
                                               join_nothing }; /* sender and harvester swapped */
const struct spool_kind row_kind_visitor = { V_COUNT, V_BYTES, join_visitor };

void row_pack_evidence(const struct evidence_row *r, uint8_t row[E_BYTES])
{
    uint8_t *p = put_key(row, r->sender);

    p = put_number(p, r->source, 8);
    *p++ = r->klass;
    p = put_number(p, r->hour, 4);
    *p++ = r->node;
    p = put_number(fill_up(p, row + E_COUNT), r->count, 4);
    p = put_number(p, (uint64_t)r->first.us, 8);
    (void)put_number(p, (uint64_t)r->last.us, 8);
}

void row_pack_link(const struct link_row *r, uint8_t row[L_BYTES])
{
    uint8_t *p = put_key(put_key(row, r->harvester), r->sender);

    *p++ = r->node;
    p = put_number(p, r->visit, 8);
    *p++ = r->slot;
    p = put_number(p, r->day, 4);
    p = put_number(fill_up(p, row + L_COUNT), r->count, 4);
    p = put_number(p, (uint64_t)r->first.us, 8);
    p = put_number(p, (uint64_t)r->last.us, 8);
    *p++ = r->technique;
    p = put_number(p, (uint64_t)r->visited.us, 8);
    (void)put_number(p, r->visit_flags, 4);
}

void row_pack_visitor(const struct visitor_row *r, uint8_t row[V_BYTES])
{
    uint8_t *p = put_key(row, r->client);

    p = put_number(fill_up(p, row + V_COUNT), r->count, 8);
    p = put_number(p, (uint64_t)r->first.us, 8);
    (void)put_number(p, (uint64_t)r->last.us, 8);
}

/* ---- rows as records ---- */

/* Takes the next part of a row into the record. */
static const uint8_t *add_number(struct bulk_record *r, const uint8_t *p, size_t bytes)
{
    bulk_record_int(r, (int64_t)get_number(p, bytes));
    return p + bytes;
}

static const uint8_t *add_key(struct bulk_record *r, const uint8_t *p)
{
    const struct bytes key = get_key(p);

    bulk_record_blob(r, key);
    return p + key.n;
}

enum trap_err row_write_evidence(const uint8_t *row, void *arg)
{
    struct row_writer *w = arg;
    struct bulk_record r;
    const uint8_t *p = row;

    bulk_record_begin(&r);
    p = add_key(&r, p);
    p = add_number(&r, p, 8);   /* source */
    p = add_number(&r, p, 1);   /* class */
    p = add_number(&r, p, 4);   /* hour */
    (void)add_number(&r, p, 1); /* node */
    p = add_number(&r, row + E_COUNT, 4);
    p = add_number(&r, p, 8);
    (void)add_number(&r, p, 8);
    bulk_tree_add(w->tree, 0, &r);
    return w->file->err;
}

/* Two addresses, node, visit, slot, day. */
static void add_link_key(struct bulk_record *r, const uint8_t *row)
{
    const uint8_t *p = row;

    bulk_record_begin(r);
    p = add_key(r, p);
    p = add_key(r, p);
    p = add_number(r, p, 1);
    p = add_number(r, p, 8);
    p = add_number(r, p, 1);
    (void)add_number(r, p, 4);
}

enum trap_err row_write_link(const uint8_t *row, void *arg)
{
    struct row_writer *w = arg;
    const struct bytes harvester = get_key(row), sender = get_key(row + harvester.n);
    struct bulk_record r;
    uint8_t turned[L_COUNT];
    const uint8_t *p;

    add_link_key(&r, row);
    (void)add_number(&r, row + L_TECHNIQUE, 1);
    p = add_number(&r, row + L_COUNT, 4);
    p = add_number(&r, p, 8);
    (void)add_number(&r, p, 8);
    p = add_number(&r, row + L_VISITED, 8);
    (void)add_number(&r, p, 4);
    bulk_tree_add(w->tree, 0, &r);
    memcpy(turned, row, sizeof turned);
    memcpy(turned, sender.p, sender.n);
    memcpy(turned + sender.n, harvester.p, harvester.n);
    spool_add(w->by_sender, turned);
    return w->file->err;
}

enum trap_err row_write_by_sender(const uint8_t *row, void *arg)
{
    struct row_writer *w = arg;
    struct bulk_record r;

    add_link_key(&r, row);
    bulk_tree_add(w->tree, 0, &r);
    return w->file->err;
}

void row_write_network(struct row_writer *w)
{
    struct bulk_record r;

    if (w->network.source == 0)
        return;
    bulk_record_begin(&r);
    bulk_record_null(&r); /* the rowid */
    bulk_record_int(&r, w->network.first_us);
    bulk_tree_add(w->networks, (int64_t)w->network.source, &r);
}

/* Visitors come in the order of their networks, too. */
enum trap_err row_write_visitor(const uint8_t *row, void *arg)
{
    struct row_writer *w = arg;
    const int64_t first_us = (int64_t)get_number(row + V_COUNT + 8, 8);
    struct bulk_record r;
    struct prefix client;
    const enum trap_err err = row_key_get(get_key(row), &client);

    if (err != TRAP_OK)
        return err;
    bulk_record_begin(&r);
    bulk_record_blob(&r, get_key(row));
    (void)add_number(&r, row + V_COUNT, 8);
    bulk_record_int(&r, first_us);
    (void)add_number(&r, row + V_COUNT + 16, 8);
    bulk_tree_add(w->tree, 0, &r);
    const uint64_t source = source_of_network(client.ip);
    if (source != w->network.source) {
        row_write_network(w);
        w->network.source = source;
        w->network.first_us = first_us;
    } else if (first_us < w->network.first_us) {
        w->network.first_us = first_us;
    }
    return w->file->err;
}
