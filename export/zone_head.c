/* zone_head.c - the head of a zone file: $SOA, $NS, $TTL, $TIMESTAMP.
 *
 * $SOA:       exactly eight fields; with fewer rbldnsd drops the line, negative answers cannot be cached and
 *             SOA is refused. `expire` is stale_after, so that the SOA and $TIMESTAMP tell the same story.
 * $TIMESTAMP: lies 300 s back, because rbldnsd refuses a file whose stamp is in the future and clocks differ;
 *             `+rel` counts from the stamp, so that the zone ends stale_after after as_of. UTC.
 * $NS:        only where name servers are configured.
 */
#include <base/num.h>

#include "zone_type.h"

enum { STAMP_BACK_S = 300, SOA_FIELDS = 8, NS_MAX = 32 };
enum { SAW_SOA = 1, SAW_NS = 2, SAW_TTL = 4, SAW_TIMESTAMP = 8 };

static void put_origin(const struct zone_head *h, struct buf *out)
{
    buf_add_str(out, h->ns->n > 0 ? h->ns->v[0] : h->zone);
}

static void put_person(const struct zone_head *h, struct buf *out)
{
    if (h->contact != NULL && h->contact[0] != '\0') {
        buf_add_str(out, h->contact);
        return;
    }
    buf_add_str(out, "hostmaster.");
    buf_add_str(out, h->zone);
}

static uint32_t at_least_one(uint32_t v)
{
    return v == 0 ? 1 : v; /* rbldnsd takes 0 for "default" */
}

static void put_number(struct buf *out, uint32_t v)
{
    buf_add_byte(out, ' ');
    buf_add_u64(out, v);
}

static void put_stamp(const struct zone_head *h, struct buf *out)
{
    const struct civil t = wall_civil((wall_t){ h->as_of.us - STAMP_BACK_S * WALL_US_PER_S });

    buf_addf(out, "%04d:%02d:%02d:%02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

void zone_head_put(const struct zone_head *h, struct buf *out)
{
    const uint32_t ttl = at_least_one(h->ttl_s), refresh = at_least_one(h->refresh_s);

    buf_add_str(out, "$SOA");
    put_number(out, ttl);
    buf_add_byte(out, ' ');
    put_origin(h, out);
    buf_add_byte(out, ' ');
    put_person(h, out);
    put_number(out, h->serial);
    put_number(out, refresh);
    put_number(out, at_least_one(refresh / 2));
    put_number(out, at_least_one(h->stale_s));
    put_number(out, ttl);
    if (h->ns->n > 0) {
        buf_add_str(out, "\n$NS");
        put_number(out, ttl);
        for (size_t i = 0; i < h->ns->n && i < NS_MAX; i++) {
            buf_add_byte(out, ' ');
            buf_add_str(out, h->ns->v[i]);
        }
    }
    buf_add_str(out, "\n$TTL");
    put_number(out, ttl);
    buf_add_str(out, "\n$TIMESTAMP ");
    put_stamp(h, out);
    buf_add_str(out, " +");
    buf_add_u64(out, (uint64_t)h->stale_s + STAMP_BACK_S);
    buf_add_byte(out, '\n');
}

/* ---- reading ---- */

static bool get_u32(struct bytes *rest, uint32_t *out)
{
    struct bytes field;

    return bytes_split(rest, ' ', &field) && num_u32(field, 1, UINT32_MAX, out) == TRAP_OK;
}

static bool get_name(struct bytes *rest)
{
    struct bytes name;

    if (!bytes_split(rest, ' ', &name) || name.n == 0 || name.n > 253)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && name.p[i] != '-' && name.p[i] != '_' && name.p[i] != '.')
            return false;
    return true;
}

static bool get_soa(struct bytes rest, const struct zone_head *h)
{
    uint32_t ttl, serial, refresh, retry, expire, negative;

    return get_u32(&rest, &ttl) && get_name(&rest) && get_name(&rest) && get_u32(&rest, &serial) &&
           serial == h->serial && get_u32(&rest, &refresh) && get_u32(&rest, &retry) &&
           get_u32(&rest, &expire) && expire == at_least_one(h->stale_s) && get_u32(&rest, &negative) &&
           rest.n == 0;
}

static bool get_ns(struct bytes rest, const struct zone_head *h)
{
    uint32_t ttl;
    size_t names = 0;

    if (!get_u32(&rest, &ttl))
        return false;
    while (rest.n > 0) {
        if (!get_name(&rest))
            return false;
        names++;
    }
    return names == (h->ns->n < NS_MAX ? h->ns->n : (size_t)NS_MAX);
}

static bool get_ttl(struct bytes rest, const struct zone_head *h)
{
    uint32_t ttl;

    return get_u32(&rest, &ttl) && ttl == at_least_one(h->ttl_s) && rest.n == 0;
}

static bool get_timestamp(struct bytes rest, const struct zone_head *h)
{
    const wall_t stamp = { h->as_of.us - STAMP_BACK_S * WALL_US_PER_S };
    const struct civil t = wall_civil(stamp);
    const int expected[6] = { t.year, t.month, t.day, t.hour, t.minute, t.second };
    struct bytes field, part;
    uint32_t v, life;

    if (!bytes_split(&rest, ' ', &field))
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!bytes_split(&field, ':', &part) || num_u32(part, 0, 9999, &v) != TRAP_OK ||
            (int)v != expected[i])
            return false;
    return field.n == 0 && rest.n > 1 && rest.p[0] == '+' &&
           num_u32(bytes_skip(rest, 1), 1, UINT32_MAX, &life) == TRAP_OK && life == h->stale_s + STAMP_BACK_S;
}

static const struct {
    struct bytes keyword;
    unsigned bit;
    bool (*get)(struct bytes rest, const struct zone_head *h);
} lines[ZONE_HEAD_LINES] = {
    { BYTES_INIT("$SOA "), SAW_SOA, get_soa },
    { BYTES_INIT("$NS "), SAW_NS, get_ns },
    { BYTES_INIT("$TTL "), SAW_TTL, get_ttl },
    { BYTES_INIT("$TIMESTAMP "), SAW_TIMESTAMP, get_timestamp },
};

enum trap_err zone_head_get(struct bytes line, const struct zone_head *h, unsigned *seen,
                            struct err_text *why)
{
    for (size_t i = 0; i < ZONE_HEAD_LINES; i++) {
        if (!bytes_has_prefix(line, lines[i].keyword))
            continue;
        if (*seen >= lines[i].bit) {
            err_text_set(why, "%.*s stands twice or too late", (int)lines[i].keyword.n - 1,
                         (const char *)lines[i].keyword.p);
            return TRAP_ECORRUPT;
        }
        if (line.p[line.n - 1] == ' ' || !lines[i].get(bytes_skip(line, lines[i].keyword.n), h)) {
            err_text_set(why, "%.*s has a wrong field", (int)lines[i].keyword.n - 1,
                         (const char *)lines[i].keyword.p);
            return TRAP_ECORRUPT;
        }
        *seen |= lines[i].bit;
        return TRAP_OK;
    }
    err_text_set(why, "a line of the head with no keyword that rbldnsd knows");
    return TRAP_ECORRUPT;
}

bool zone_head_complete(const struct zone_head *h, unsigned seen)
{
    return seen == (SAW_SOA | SAW_TTL | SAW_TIMESTAMP | (h->ns->n > 0 ? (unsigned)SAW_NS : 0));
}
