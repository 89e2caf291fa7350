/* zone_ip6.c - ip6trie: the groups that the prefix covers, `::` for the rest, and the length:
 * `2001:db8:1:2::/64`.
 *
 * No group is ever left out in the middle: rbldnsd reads both forms, and one form has one reader.
 */
#include "zone_type.h"

enum { GROUPS = 8, GROUP_BITS = 16, V6_BITS = 128 };

static bool takes(struct prefix p)
{
    return !(p.len >= 96 && ip_is_v4(p.ip));
}

static uint8_t *put_group(uint8_t *to, unsigned v)
{
    static const char digits[] = "0123456789abcdef";

    if (v >= 0x1000)
        *to++ = (uint8_t)digits[v >> 12];
    if (v >= 0x100)
        *to++ = (uint8_t)digits[v >> 8 & 15];
    if (v >= 0x10)
        *to++ = (uint8_t)digits[v >> 4 & 15];
    *to++ = (uint8_t)digits[v & 15];
    return to;
}

static uint8_t *put(uint8_t *to, const struct zone_entry *e)
{
    const uint8_t *b = e->prefix.ip.b;
    const unsigned groups = e->prefix.len == 0 ? 1 : (e->prefix.len + GROUP_BITS - 1u) / GROUP_BITS;

    for (unsigned i = 0; i < groups; i++) {
        if (i > 0)
            *to++ = ':';
        to = put_group(to, (unsigned)b[2 * i] << 8 | b[2 * i + 1]);
    }
    if (groups < GROUPS) {
        *to++ = ':';
        *to++ = ':';
    }
    return e->prefix.len == V6_BITS ? to : zone_put_length(to, e->prefix.len);
}

static bool get_group(struct bytes *in, unsigned *out)
{
    unsigned v = 0;
    size_t n = 0;

    for (; n < in->n && n < 4; n++) {
        const uint8_t c = in->p[n];

        if (ascii_is_digit(c))
            v = v << 4 | (c - '0' + 0u);
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (c - 'a' + 10u);
        else
            break;
    }
    if (n == 0 || (n > 1 && in->p[0] == '0'))
        return false;
    in->p += n;
    in->n -= n;
    *out = v;
    return true;
}

static bool get_groups(struct bytes *in, struct ip *out, unsigned *groups_out)
{
    struct ip a = { { 0 } };
    unsigned groups = 0, v;

    do {
        if (groups == GROUPS || !get_group(in, &v))
            return false;
        a.b[2 * groups] = (uint8_t)(v >> 8);
        a.b[2 * groups + 1] = (uint8_t)v;
        groups++;
    } while (in->n > 1 && in->p[0] == ':' && in->p[1] != ':' && zone_get_byte(in, ':'));
    if (groups < GROUPS && (!zone_get_byte(in, ':') || !zone_get_byte(in, ':')))
        return false;
    *out = a;
    *groups_out = groups;
    return true;
}

static enum trap_err get(struct bytes line, struct zone_entry *e_out)
{
    unsigned length = V6_BITS, groups;
    struct prefix p;

    if (!get_groups(&line, &p.ip, &groups))
        return TRAP_EINVAL;
    if (line.n > 0 && (!zone_get_length(&line, V6_BITS - 1, &length) || line.n > 0))
        return TRAP_EINVAL;
    if (groups != (length == 0 ? 1 : (length + GROUP_BITS - 1) / GROUP_BITS))
        return TRAP_EINVAL;
    p.len = (uint8_t)length;
    if (prefix_cmp(p, prefix_of(p.ip, p.len)) != 0)
        return TRAP_EINVAL;
    e_out->prefix = p;
    return TRAP_OK;
}

/* RFC 5782 section 5: ::FFFF:7F00:2 is listed, ::FFFF:7F00:1 is not. */
static size_t tests(uint8_t code, struct zone_entry out[ZONE_TESTS_MAX])
{
    return zone_type_ip4.tests(code, out);
}

static enum trap_err add(const struct listing *l, uint8_t code, wall_t as_of, struct zone_entries *out)
{
    return zone_type_ip4.add(l, code, as_of, out);
}

const struct zone_type_ops zone_type_ip6 = {
    .name = "ip6trie",
    .dollar_max = sizeof("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") - 1,
    .takes = takes,
    .put = put,
    .get = get,
    .tests = tests,
    .add = add,
};
