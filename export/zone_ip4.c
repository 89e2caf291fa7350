/* zone_ip4.c - ip4trie: `192.0.2.7` or `192.0.2.0/24`, one a line.
 *
 * Why not ip4set: a trie takes any prefix length as it comes out of the set difference, and loads as fast.
 */
#include "zone_type.h"

enum { V4_BITS = 32, MAPPED_BITS = 96, TEST_HOST = 2 };

static bool takes(struct prefix p)
{
    return p.len >= MAPPED_BITS && ip_is_v4(p.ip);
}

static uint8_t *put(uint8_t *to, const struct zone_entry *e)
{
    const uint8_t *b = e->prefix.ip.b + 12;

    to = zone_put_octet(to, b[0]);
    *to++ = '.';
    to = zone_put_octet(to, b[1]);
    *to++ = '.';
    to = zone_put_octet(to, b[2]);
    *to++ = '.';
    to = zone_put_octet(to, b[3]);
    return e->prefix.len == 128 ? to : zone_put_length(to, e->prefix.len - (unsigned)MAPPED_BITS);
}

static enum trap_err get(struct bytes line, struct zone_entry *e_out)
{
    unsigned length = V4_BITS;
    struct prefix p;
    uint32_t a;

    if (!zone_get_value(&line, &a) || (line.n > 0 && !zone_get_length(&line, V4_BITS - 1, &length)) ||
        line.n > 0)
        return TRAP_EINVAL;
    p.ip = ip_v4((uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a);
    p.len = (uint8_t)(MAPPED_BITS + length);
    if (length < V4_BITS && (a << length) != 0)
        return TRAP_EINVAL; /* rbldnsd drops an entry with bits behind its length */
    e_out->prefix = p;
    return TRAP_OK;
}

/* 127.0.0.2 always, and the address that is the return code itself. 127.0.0.1 never. */
static size_t tests(uint8_t code, struct zone_entry out[ZONE_TESTS_MAX])
{
    size_t n = 0;

    out[n++] =
        (struct zone_entry){ .prefix = { ip_v4(127, 0, 0, TEST_HOST), 128 }, .value = zone_code_value(code) };
    if (code > TEST_HOST)
        out[n++] =
            (struct zone_entry){ .prefix = { ip_v4(127, 0, 0, code), 128 }, .value = zone_code_value(code) };
    return n;
}

static enum trap_err add(const struct listing *l, uint8_t code, wall_t as_of, struct zone_entries *out)
{
    (void)as_of;
    return zone_entries_add(out, (struct zone_entry){ .prefix = l->prefix,
                                                      .reason = l->reason,
                                                      .until = l->until,
                                                      .value = zone_code_value(code) });
}

const struct zone_type_ops zone_type_ip4 = {
    .name = "ip4trie",
    .dollar_max = sizeof("255.255.255.255") - 1,
    .takes = takes,
    .put = put,
    .get = get,
    .tests = tests,
    .add = add,
};
