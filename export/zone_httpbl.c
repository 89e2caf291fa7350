/* zone_httpbl.c - harvesters in the form of http:BL: a dnset of reversed addresses.
 *
 * Form:    `.7.2.0.192 :127.3.25.2` answers `<key>.7.2.0.192.<zone>` with any key, and `7.2.0.192.<zone>`
 *          without one. (ip4trie cannot: a query with a key has five labels.) The TXT of the default line
 *          holds, `$` becomes the reversed address.
 * Prefix:  only whole octets can be written so; other lengths become several lines, at most 128.
 * IPv4 only: http:BL has no form for IPv6.
 */
#include "zone_type.h"

enum { MAPPED_BITS = 96, OCTETS = 4, DAYS_MAX = 255 };
enum { HTTPBL_HARVESTER = 2 }; /* the only TYPE that a trap can prove */

uint32_t httpbl_value(wall_t last_visit, uint64_t messages, wall_t as_of)
{
    const uint32_t then = wall_day(last_visit), now = wall_day(as_of);
    const uint32_t days = now > then ? now - then : 0;

    return 127u << 24 | (days > DAYS_MAX ? (uint32_t)DAYS_MAX : days) << 16 |
           (uint32_t)httpbl_threat(messages) << 8 | (uint32_t)HTTPBL_HARVESTER;
}

static bool takes(struct prefix p)
{
    return zone_type_ip4.takes(p) && p.len > MAPPED_BITS;
}

static uint8_t *put(uint8_t *to, const struct zone_entry *e)
{
    const uint8_t *b = e->prefix.ip.b + 12;

    for (int i = (int)(e->prefix.len - MAPPED_BITS) / 8 - 1; i >= 0; i--) {
        *to++ = '.';
        to = zone_put_octet(to, b[i]);
    }
    *to++ = ' ';
    *to++ = ':';
    return zone_put_value(to, e->value);
}

static enum trap_err get(struct bytes line, struct zone_entry *e_out)
{
    uint8_t reversed[OCTETS], b[OCTETS] = { 0 };
    unsigned octets = 0;
    uint32_t value;

    while (octets < OCTETS && zone_get_byte(&line, '.'))
        if (!zone_get_octet(&line, &reversed[octets++]))
            return TRAP_EINVAL;
    if (octets == 0 || !zone_get_byte(&line, ' ') || !zone_get_byte(&line, ':') ||
        !zone_get_value(&line, &value) || line.n > 0)
        return TRAP_EINVAL;
    for (unsigned i = 0; i < octets; i++)
        b[i] = reversed[octets - 1 - i];
    e_out->prefix = (struct prefix){ ip_v4(b[0], b[1], b[2], b[3]), (uint8_t)(MAPPED_BITS + octets * 8) };
    e_out->value = value;
    return TRAP_OK;
}

/* 127.0.0.2 for RFC 5782 section 5, and the hosts with which clients of http:BL try themselves: each answers
 * itself. */
static size_t tests(uint8_t code, struct zone_entry out[ZONE_TESTS_MAX])
{
    static const uint8_t hosts[][3] = {
        { 0, 0, 2 },  { 1, 1, 0 },  { 1, 1, 1 },  { 1, 1, 2 },  { 1, 1, 3 },  { 1, 1, 4 },
        { 1, 1, 5 },  { 1, 1, 6 },  { 1, 1, 7 },  { 1, 10, 1 }, { 1, 20, 1 }, { 1, 40, 1 },
        { 1, 80, 1 }, { 10, 1, 1 }, { 20, 1, 1 }, { 40, 1, 1 }, { 80, 1, 1 },
    };
    enum { HOSTS = sizeof(hosts) / sizeof(hosts[0]) };

    (void)code;
    _Static_assert((int)HOSTS <= (int)ZONE_TESTS_MAX, "room for all of them");
    for (size_t i = 0; i < HOSTS; i++)
        out[i] = (struct zone_entry){
            .prefix = { ip_v4(127, hosts[i][0], hosts[i][1], hosts[i][2]), 128 },
            .value = 127u << 24 | (uint32_t)hosts[i][0] << 16 | (uint32_t)hosts[i][1] << 8 | hosts[i][2],
        };
    return HOSTS;
}

/* The shortest list of whole-octet prefixes for one prefix. A listing without a visit (an operator's deny)
 * counts from its beginning. */
static enum trap_err add(const struct listing *l, uint8_t code, wall_t as_of, struct zone_entries *out)
{
    const unsigned bits = l->prefix.len - (unsigned)MAPPED_BITS, whole = (bits + 7) / 8 * 8,
                   last = whole / 8 - 1;
    const wall_t active = l->last_visit.us > 0 ? l->last_visit : l->since;
    struct zone_entry e = { .prefix = { l->prefix.ip, (uint8_t)(MAPPED_BITS + whole) },
                            .reason = l->reason,
                            .until = l->until,
                            .value = httpbl_value(active, l->messages, as_of) };

    (void)code;
    for (unsigned i = 0; i < 1u << (whole - bits); i++) {
        const enum trap_err err = zone_entries_add(out, e);

        if (err != TRAP_OK)
            return err;
        e.prefix.ip.b[12 + last]++;
    }
    return TRAP_OK;
}

const struct zone_type_ops zone_type_httpbl = {
    .name = "dnset",
    .dollar_max = sizeof("255.255.255.255") - 1,
    .value_per_entry = true,
    .takes = takes,
    .put = put,
    .get = get,
    .tests = tests,
    .add = add,
};
