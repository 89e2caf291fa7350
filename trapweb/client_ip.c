#include "client_ip.h"

#include <base/num.h>

/* Nothing, or ":" and a port. An obfuscated port ("_x", RFC 7239 6.3) is as good as none. */
static bool port_is_fine(struct bytes text)
{
    uint32_t port = 0;

    if (text.n == 0)
        return true;
    if (text.p[0] != ':')
        return false;
    text = bytes_skip(text, 1);
    return (text.n > 1 && text.p[0] == '_') || num_u32(text, 0, 65535, &port) == TRAP_OK;
}

enum trap_err client_ip_entry(struct bytes text, struct ip *out)
{
    struct ip ip;
    const size_t colon = bytes_find(text, ':');

    if (text.n != 0 && text.p[0] == '[') {
        const size_t end = bytes_find(text, ']');
        if (end == text.n || !port_is_fine(bytes_skip(text, end + 1)) ||
            bytes_find(bytes_take(text, end), ':') == end)
            return TRAP_EINVAL;
        text = bytes_skip(bytes_take(text, end), 1);
    } else if (colon < text.n && bytes_rfind(text, ':') == colon) { /* one colon: IPv4 and port */
        if (!port_is_fine(bytes_skip(text, colon)))
            return TRAP_EINVAL;
        text = bytes_take(text, colon);
    }
    if (ip_parse(text, &ip) != TRAP_OK)
        return TRAP_EINVAL;
    *out = ip;
    return TRAP_OK;
}

/* RFC 7239 4: token "=" ( token / quoted-string ), joined by ";". Escapes in a node name have no use:
 * refused. */
enum trap_err client_ip_element(struct bytes element, struct ip *out)
{
    enum trap_err err = TRAP_EINVAL;
    struct bytes rest = element, pair;

    while (bytes_split(&rest, ';', &pair)) {
        pair = bytes_trim(pair);
        const size_t equals = bytes_find(pair, '=');
        struct bytes value = bytes_trim(bytes_skip(pair, equals + 1));
        const bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';

        if (quoted)
            value = bytes_take(bytes_skip(value, 1), value.n - 2);
        if (bytes_find(value, '"') < value.n || bytes_find(value, '\\') < value.n)
            return TRAP_EINVAL; /* a quote that opened or closed elsewhere */
        if (!bytes_ieq(bytes_trim(bytes_take(pair, equals)), BYTES("for")))
            continue;
        if (err == TRAP_OK)
            return TRAP_EINVAL; /* twice */
        err = client_ip_entry(value, out);
        if (err != TRAP_OK)
            return err;
    }
    return err;
}

typedef enum trap_err entry_fn(struct bytes text, struct ip *out);

/* Walks the list from the right, over all fields as if they were one. Cutting at every comma is safe: a node
 * holds none, so a quoted comma can only make the entries on its both sides malformed, which ends the
 * walk. */
static struct client walk(const struct bytes *fields, size_t count, entry_fn *parse, const struct prefix_set *trusted)
{
    struct client c = { .status = CLIENT_UNKNOWN, .proxied = true };
    size_t seen = 0;

    if (count > FORWARDED_FIELDS_MAX)
        return c;
    for (size_t i = count; i-- > 0;) {
        struct bytes rest = fields[i];
        bool more = rest.n != 0;
        while (more) {
            const size_t comma = bytes_rfind(rest, ',');
            const struct bytes entry = bytes_trim(comma < rest.n ? bytes_skip(rest, comma + 1) : rest);
            struct ip ip;

            more = comma < rest.n;
            rest = bytes_take(rest, comma);
            if (entry.n == 0)
                continue; /* RFC 9110 5.6.1.2: empty list elements are ignored */
            if (++seen > FORWARDED_ENTRIES_MAX || parse(entry, &ip) != TRAP_OK)
                return c;
            if (!prefix_set_has(trusted, ip)) {
                c.status = prefix_set_has(special_use(), ip) ? CLIENT_SPECIAL : CLIENT_GOOD;
                c.ip = ip;
                return c;
            }
        }
    }
    return c; /* nobody but proxies */
}

static struct client named_by_proxy(const struct forwarded_fields *f, const struct prefix_set *trusted)
{
    struct client c, other;

    if (f->for_count == 0)
        return walk(f->forwarded, f->forwarded_count, client_ip_element, trusted);
    c = walk(f->for_, f->for_count, client_ip_entry, trusted);
    if (f->forwarded_count == 0)
        return c;
    other = walk(f->forwarded, f->forwarded_count, client_ip_element, trusted);
    if (c.status == CLIENT_UNKNOWN || other.status == CLIENT_UNKNOWN || !ip_eq(c.ip, other.ip))
        return (struct client){ .status = CLIENT_UNKNOWN, .proxied = true };
    return c;
}

struct client client_ip(struct ip peer, const struct forwarded_fields *f, const struct prefix_set *trusted)
{
    struct client c = { .status = CLIENT_GOOD, .ip = peer };

    if (prefix_set_has(trusted, peer)) {
        c = named_by_proxy(f, trusted);
        c.claimed = f->for_count + f->forwarded_count != 0;
    } else if (prefix_set_has(special_use(), peer)) {
        c.status = CLIENT_SPECIAL;
    }
    return c;
}
