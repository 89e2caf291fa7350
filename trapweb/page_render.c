#include "page.h"

#include <stdlib.h>

/* "&#110;" is at most this for one byte. */
enum { ENTITY_MAX = 6, DOTS_MAX = 8 };

static size_t hole_max(uint8_t hole, const struct page_address *a)
{
    switch (hole) {
    case HOLE_ADDRESS:
        return a->local.n + 1 + a->domain.n;
    case HOLE_ENTITIES:
        return (a->local.n + 1 + a->domain.n) * ENTITY_MAX;
    case HOLE_LOCAL:
        return a->local.n;
    case HOLE_DOMAIN:
        return a->domain.n;
    default:
        return a->domain.n * DOTS_MAX;
    }
}

static uint8_t *put(uint8_t *at, struct bytes s)
{
    if (s.n != 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

static uint8_t *put_entities(uint8_t *at, struct bytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        const uint8_t c = s.p[i];
        *at++ = '&';
        *at++ = '#';
        if (c >= 100)
            *at++ = (uint8_t)('0' + c / 100);
        *at++ = (uint8_t)('0' + c / 10 % 10);
        *at++ = (uint8_t)('0' + c % 10);
        *at++ = ';';
    }
    return at;
}

static uint8_t *put_spelled(uint8_t *at, struct bytes domain)
{
    for (size_t i = 0; i < domain.n; i++) {
        if (domain.p[i] == '.')
            at = put(at, BYTES(" (dot) "));
        else
            *at++ = domain.p[i];
    }
    return at;
}

static uint8_t *put_hole(uint8_t *at, uint8_t hole, const struct page_address *a)
{
    switch (hole) {
    case HOLE_ADDRESS:
        at = put(at, a->local);
        *at++ = '@';
        return put(at, a->domain);
    case HOLE_ENTITIES:
        at = put_entities(at, a->local);
        at = put_entities(at, BYTES("@"));
        return put_entities(at, a->domain);
    case HOLE_LOCAL:
        return put(at, a->local);
    case HOLE_DOMAIN:
        return put(at, a->domain);
    default:
        return put_spelled(at, a->domain);
    }
}

static bool is_left_out(const struct piece *q, const struct page_address *addresses)
{
    return q->slot != SLOT_ALL && (addresses == NULL || addresses[q->slot].local.n == 0);
}

enum trap_err page_render(const struct page *p, const struct page_address *addresses, struct bytes *out)
{
    size_t max = 1;
    uint8_t *mem = NULL, *at = NULL;

    for (uint32_t i = 0; i < p->count; i++) {
        const struct piece *q = &p->pieces[i];
        if (!is_left_out(q, addresses))
            max += q->hole == HOLE_NONE ? q->length : hole_max(q->hole, &addresses[q->slot]);
    }
    mem = malloc(max);
    if (mem == NULL)
        return TRAP_ENOMEM;
    at = mem;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct piece *q = &p->pieces[i];
        if (is_left_out(q, addresses))
            continue;
        at = q->hole == HOLE_NONE ? put(at, bytes_of(p->text + q->offset, q->length))
                                  : put_hole(at, q->hole, &addresses[q->slot]);
    }
    *out = bytes_of(mem, (size_t)(at - mem));
    return TRAP_OK;
}

void page_hold(struct page *p)
{
    atomic_fetch_add_explicit(&p->users, 1, memory_order_relaxed);
}

void page_drop(struct page **pp)
{
    struct page *p = *pp;

    *pp = NULL;
    if (p == NULL || atomic_fetch_sub_explicit(&p->users, 1, memory_order_acq_rel) != 1)
        return;
    free(p->text);
    free(p);
}
