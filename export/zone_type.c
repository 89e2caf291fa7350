/* zone_type.c - the table of dataset types, and the pieces of text that they share. */
#include "zone_type.h"

#include <stdlib.h>

static const struct zone_type_ops *const types[ZONE_TYPES] = {
    [ZONE_TYPE_IP4] = &zone_type_ip4,
    [ZONE_TYPE_IP6] = &zone_type_ip6,
    [ZONE_TYPE_HTTPBL] = &zone_type_httpbl,
};

const struct zone_type_ops *zone_type_ops(enum zone_type type)
{
    TRAP_BUG_ON((unsigned)type >= ZONE_TYPES);
    return types[type];
}

bool zone_type_takes(enum zone_type type, struct prefix p)
{
    return zone_type_ops(type)->takes(p);
}

const char *zone_type_name(enum zone_type type)
{
    return zone_type_ops(type)->name;
}

void zone_entries_free(struct zone_entries *e)
{
    free(e->v);
    *e = (struct zone_entries){ 0 };
}

enum trap_err zone_entries_add(struct zone_entries *e, struct zone_entry entry)
{
    if (e->n == e->cap) {
        const size_t cap = e->cap == 0 ? 64 : e->cap * 2;
        struct zone_entry *v = reallocarray(e->v, cap, sizeof(*v));

        if (v == NULL)
            return TRAP_ENOMEM;
        e->v = v;
        e->cap = cap;
    }
    e->v[e->n++] = entry;
    return TRAP_OK;
}

enum trap_err zone_entries_from(enum zone_type type, uint8_t code, const struct listings *l, wall_t as_of,
                                struct zone_entries *out)
{
    const struct zone_type_ops *ops = zone_type_ops(type);
    struct zone_entries made = { 0 };

    for (size_t i = 0; i < l->n; i++) {
        enum trap_err err;

        if (!ops->takes(l->v[i].prefix))
            continue;
        err = ops->add(&l->v[i], code, as_of, &made);
        if (err != TRAP_OK) {
            zone_entries_free(&made);
            return err;
        }
    }
    *out = made;
    return TRAP_OK;
}

uint8_t *zone_put_octet(uint8_t *to, uint8_t v)
{
    if (v >= 100)
        *to++ = (uint8_t)('0' + v / 100);
    if (v >= 10)
        *to++ = (uint8_t)('0' + v / 10 % 10);
    *to++ = (uint8_t)('0' + v % 10);
    return to;
}

uint8_t *zone_put_value(uint8_t *to, uint32_t value)
{
    for (int shift = 24; shift > 0; shift -= 8) {
        to = zone_put_octet(to, (uint8_t)(value >> shift));
        *to++ = '.';
    }
    return zone_put_octet(to, (uint8_t)value);
}

uint8_t *zone_put_length(uint8_t *to, unsigned length)
{
    *to++ = '/';
    return zone_put_octet(to, (uint8_t)length);
}

bool zone_get_byte(struct bytes *in, uint8_t expected)
{
    if (in->n == 0 || in->p[0] != expected)
        return false;
    in->p++;
    in->n--;
    return true;
}

bool zone_get_octet(struct bytes *in, uint8_t *out)
{
    unsigned v = 0;
    size_t n = 0;

    while (n < in->n && n < 3 && ascii_is_digit(in->p[n]))
        v = v * 10 + (in->p[n++] - '0');
    if (n == 0 || v > 255 || (n > 1 && in->p[0] == '0'))
        return false;
    in->p += n;
    in->n -= n;
    *out = (uint8_t)v;
    return true;
}

bool zone_get_value(struct bytes *in, uint32_t *out)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        uint8_t octet;

        if ((i > 0 && !zone_get_byte(in, '.')) || !zone_get_octet(in, &octet))
            return false;
        value = value << 8 | octet;
    }
    *out = value;
    return true;
}

bool zone_get_length(struct bytes *in, unsigned max, unsigned *out)
{
    uint8_t length;

    if (!zone_get_byte(in, '/') || !zone_get_octet(in, &length) || length > max)
        return false;
    *out = length;
    return true;
}
