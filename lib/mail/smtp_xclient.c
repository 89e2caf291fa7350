#include <mail/smtp_xclient.h>

#include <base/num.h>

typedef bool attribute_fn(struct bytes value, struct smtp_xclient *out);

static bool read_addr(struct bytes value, struct ip *out)
{
    const bool v6 = bytes_has_iprefix(value, BYTES("IPV6:"));
    struct ip ip;

    if (v6)
        value = bytes_skip(value, 5);
    if (ip_parse(value, &ip) != TRAP_OK || v6 != (bytes_find(value, ':') < value.n))
        return false;
    *out = ip;
    return true;
}

static bool read_port(struct bytes value, uint16_t *out)
{
    uint32_t port;

    if (num_u32(value, 0, UINT16_MAX, &port) != TRAP_OK)
        return false;
    *out = (uint16_t)port;
    return true;
}

static bool set_ignored(struct bytes value, struct smtp_xclient *out)
{
    (void)out;
    return value.n > 0;
}
static bool set_addr(struct bytes value, struct smtp_xclient *out)
{
    return read_addr(value, &out->addr);
}
static bool set_destaddr(struct bytes value, struct smtp_xclient *out)
{
    return read_addr(value, &out->destaddr);
}
static bool set_port(struct bytes value, struct smtp_xclient *out)
{
    return read_port(value, &out->port);
}
static bool set_destport(struct bytes value, struct smtp_xclient *out)
{
    return read_port(value, &out->destport);
}
static bool set_proto(struct bytes value, struct smtp_xclient *out)
{
    out->esmtp = bytes_ieq(value, BYTES("ESMTP"));
    return out->esmtp || bytes_ieq(value, BYTES("SMTP"));
}
/* Any name of at most 64 characters; those of SMTP tell more: "SMTP", "ESMTPS", "UTF8SMTPSA" (RFC 3848,
 * 6531). */
static bool set_protocol(struct bytes value, struct smtp_xclient *out)
{
    enum { PROTO_MAX = 64 };
    const bool utf8 = bytes_has_iprefix(value, BYTES("UTF8")), e = bytes_has_iprefix(value, BYTES("E"));
    const struct bytes base = bytes_skip(value, utf8 ? 4 : e ? 1 : 0);
    const bool smtp = bytes_has_iprefix(base, BYTES("SMTP"));

    out->esmtp = smtp && (utf8 || e);
    out->tls = smtp && bytes_has_iprefix(base, BYTES("SMTPS"));
    return value.n > 0 && value.n <= PROTO_MAX;
}
static bool set_helo(struct bytes value, struct smtp_xclient *out)
{
    if (value.n == 0)
        return false;
    memcpy(out->helo, value.p, value.n);
    out->helo_len = (uint8_t)value.n;
    return true;
}

enum command { IN_XCLIENT = 1, IN_XFORWARD = 2 };
static const struct {
    struct bytes name;
    unsigned commands; /* enum command */
    enum smtp_xclient_attribute attribute;
    attribute_fn *set;
} attributes[] = {
    { BYTES_INIT("NAME"), IN_XCLIENT | IN_XFORWARD, SMTP_XCLIENT_NAME, set_ignored },
    { BYTES_INIT("ADDR"), IN_XCLIENT | IN_XFORWARD, SMTP_XCLIENT_ADDR, set_addr },
    { BYTES_INIT("PORT"), IN_XCLIENT | IN_XFORWARD, SMTP_XCLIENT_PORT, set_port },
    { BYTES_INIT("PROTO"), IN_XCLIENT, SMTP_XCLIENT_PROTO, set_proto },
    { BYTES_INIT("PROTO"), IN_XFORWARD, SMTP_XCLIENT_PROTO, set_protocol },
    { BYTES_INIT("HELO"), IN_XCLIENT | IN_XFORWARD, SMTP_XCLIENT_HELO, set_helo },
    { BYTES_INIT("LOGIN"), IN_XCLIENT, SMTP_XCLIENT_LOGIN, set_ignored },
    { BYTES_INIT("DESTADDR"), IN_XCLIENT, SMTP_XCLIENT_DESTADDR, set_destaddr },
    { BYTES_INIT("DESTPORT"), IN_XCLIENT, SMTP_XCLIENT_DESTPORT, set_destport },
    { BYTES_INIT("IDENT"), IN_XFORWARD, SMTP_XFORWARD_IDENT, set_ignored },
    { BYTES_INIT("SOURCE"), IN_XFORWARD, SMTP_XFORWARD_SOURCE, set_ignored },
};
enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

enum trap_err smtp_xtext_decode(struct bytes in, uint8_t *out, size_t cap, size_t *n_out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        int c = in.p[i];

        if (c == '+') {
            const int high = i + 2 < in.n ? ascii_hex_value(in.p[i + 1]) : -1;
            const int low = i + 2 < in.n ? ascii_hex_value(in.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return TRAP_EINVAL;
            c = high * 16 + low;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || n == cap)
            return TRAP_EINVAL;
        out[n++] = (uint8_t)c;
    }
    *n_out = n;
    return TRAP_OK;
}

/* Index in attributes, or ATTRIBUTES. *value_out is still xtext. */
static size_t find_attribute(struct bytes pair, enum command command, struct bytes *value_out)
{
    const size_t equals = bytes_find(pair, '=');
    size_t i = 0;

    *value_out = bytes_skip(pair, equals + 1);
    if (equals == pair.n)
        return ATTRIBUTES;
    while (i < ATTRIBUTES && ((attributes[i].commands & command) == 0 ||
                              !bytes_ieq(bytes_take(pair, equals), attributes[i].name)))
        i++;
    return i;
}

static bool is_unknown(struct bytes value)
{
    return bytes_ieq(value, BYTES("[UNAVAILABLE]")) || bytes_ieq(value, BYTES("[TEMPUNAVAIL]"));
}

static bool set_attribute(size_t i, struct bytes value, struct smtp_xclient *out)
{
    uint8_t text[SMTP_XCLIENT_HELO_MAX];
    size_t n;

    return smtp_xtext_decode(value, text, sizeof(text), &n) == TRAP_OK &&
           attributes[i].set(bytes_of(text, n), out);
}

static bool parse_one(struct bytes pair, struct smtp_xclient *out)
{
    struct bytes value;
    const size_t i = find_attribute(pair, IN_XCLIENT, &value);

    if (i == ATTRIBUTES || ((out->given | out->unknown) & attributes[i].attribute) != 0)
        return false;
    if (is_unknown(value)) {
        out->unknown |= attributes[i].attribute;
        return true;
    }
    out->given |= attributes[i].attribute;
    return set_attribute(i, value, out);
}

enum trap_err smtp_xclient_parse(struct bytes argument, struct smtp_xclient *out)
{
    struct smtp_xclient x = { .given = 0 };
    struct bytes pair;

    while (bytes_split(&argument, ' ', &pair)) {
        pair = bytes_trim(pair);
        if (pair.n > 0 && !parse_one(pair, &x))
            return TRAP_EINVAL;
    }
    if ((x.given | x.unknown) == 0)
        return TRAP_EINVAL;
    *out = x;
    return TRAP_OK;
}

/* Longer than RFC 5321 4.5.3.1.2 allows, or not xtext: its head as it stands, where that can be shown. */
static bool set_helo_cut(struct bytes value, struct smtp_xclient *out)
{
    const struct bytes head = bytes_take(value, SMTP_XCLIENT_HELO_MAX);

    for (size_t i = 0; i < head.n; i++)
        if (head.p[i] < 0x20 || head.p[i] == 0x7f)
            return false;
    out->cut |= head.n < value.n;
    return set_helo(head, out);
}

static bool forward_one(struct bytes pair, uint32_t *seen, struct smtp_xclient *x)
{
    struct bytes value;
    const size_t i = find_attribute(pair, IN_XFORWARD, &value);
    const uint32_t attribute = i < ATTRIBUTES ? (uint32_t)attributes[i].attribute : 0;
    const bool again = (*seen & attribute) != 0;
    bool good;

    *seen |= attribute;
    x->given &= ~attribute;
    x->unknown |= attribute;
    if (i == ATTRIBUTES || again)
        return false;
    if (is_unknown(value))
        return true;
    good = set_attribute(i, value, x);
    if (good || (attribute == SMTP_XCLIENT_HELO && set_helo_cut(value, x))) {
        x->given |= attribute;
        x->unknown &= ~attribute;
    }
    return good;
}

enum trap_err smtp_xforward_parse(struct bytes argument, struct smtp_xclient *x)
{
    enum trap_err err = TRAP_OK;
    uint32_t seen = 0;
    struct bytes pair;

    while (bytes_split(&argument, ' ', &pair)) {
        pair = bytes_trim(pair);
        if (pair.n > 0 && !forward_one(pair, &seen, x))
            err = TRAP_EINVAL;
    }
    return seen == 0 ? TRAP_EINVAL : err;
}
