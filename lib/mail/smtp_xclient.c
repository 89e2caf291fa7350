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
static bool set_helo(struct bytes value, struct smtp_xclient *out)
{
    if (value.n == 0)
        return false;
    memcpy(out->helo, value.p, value.n);
    out->helo_len = (uint8_t)value.n;
    return true;
}

static const struct {
    struct bytes name;
    enum smtp_xclient_attribute attribute;
    attribute_fn *set;
} attributes[] = {
    { BYTES_INIT("NAME"), SMTP_XCLIENT_NAME, set_ignored },
    { BYTES_INIT("ADDR"), SMTP_XCLIENT_ADDR, set_addr },
    { BYTES_INIT("PORT"), SMTP_XCLIENT_PORT, set_port },
    { BYTES_INIT("PROTO"), SMTP_XCLIENT_PROTO, set_proto },
    { BYTES_INIT("HELO"), SMTP_XCLIENT_HELO, set_helo },
    { BYTES_INIT("LOGIN"), SMTP_XCLIENT_LOGIN, set_ignored },
    { BYTES_INIT("DESTADDR"), SMTP_XCLIENT_DESTADDR, set_destaddr },
    { BYTES_INIT("DESTPORT"), SMTP_XCLIENT_DESTPORT, set_destport },
};

static int hex_value(uint8_t c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum trap_err smtp_xtext_decode(struct bytes in, uint8_t *out, size_t cap, size_t *n_out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        int c = in.p[i];

        if (c == '+') {
            const int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
            const int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;

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

static bool parse_one(struct bytes pair, struct smtp_xclient *out)
{
    const size_t equals = bytes_find(pair, '=');
    uint8_t text[SMTP_XCLIENT_HELO_MAX];
    struct bytes value = bytes_skip(pair, equals + 1);
    size_t n;

    for (size_t i = 0; equals < pair.n && i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (!bytes_ieq(bytes_take(pair, equals), attributes[i].name))
            continue;
        if (((out->given | out->unknown) & attributes[i].attribute) != 0)
            return false;
        if (bytes_ieq(value, BYTES("[UNAVAILABLE]")) || bytes_ieq(value, BYTES("[TEMPUNAVAIL]"))) {
            out->unknown |= attributes[i].attribute;
            return true;
        }
        out->given |= attributes[i].attribute;
        return smtp_xtext_decode(value, text, sizeof(text), &n) == TRAP_OK &&
               attributes[i].set(bytes_of(text, n), out);
    }
    return false;
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
