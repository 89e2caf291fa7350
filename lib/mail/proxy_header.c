#include <mail/proxy_header.h>

#include <base/num.h>

/* ---- version 1 ---- */

/* Up to the next single blank, which must be there. */
static bool next_field(struct bytes *rest, struct bytes *field_out)
{
    const size_t end = bytes_find(*rest, ' ');

    if (end == rest->n)
        return false;
    *field_out = bytes_take(*rest, end);
    *rest = bytes_skip(*rest, end + 1);
    return true;
}

static bool read_address(struct bytes text, bool v6, struct ip *out)
{
    return v6 == (bytes_find(text, ':') < text.n) && ip_parse(text, out) == TRAP_OK;
}

static bool read_port(struct bytes text, uint16_t *out)
{
    uint32_t port;

    if ((text.n > 1 && text.p[0] == '0') || num_u32(text, 0, UINT16_MAX, &port) != TRAP_OK)
        return false;
    *out = (uint16_t)port;
    return true;
}

/* Behind "PROXY ", without CRLF. */
static bool read_line(struct bytes rest, struct proxy_header *out)
{
    struct bytes field, client, dest, client_port;
    bool v6;

    if (bytes_eq(rest, BYTES("UNKNOWN")) || bytes_has_prefix(rest, BYTES("UNKNOWN ")))
        return true;
    if (!next_field(&rest, &field))
        return false;
    v6 = bytes_eq(field, BYTES("TCP6"));
    out->known = true;
    return (v6 || bytes_eq(field, BYTES("TCP4"))) && next_field(&rest, &client) && next_field(&rest, &dest) &&
           next_field(&rest, &client_port) && read_address(client, v6, &out->client) &&
           read_address(dest, v6, &out->dest) && read_port(client_port, &out->client_port) &&
           read_port(rest, &out->dest_port);
}

/* Index of the first CRLF, or in.n. */
static size_t crlf_find(struct bytes in)
{
    for (size_t i = 0; i + 1 < in.n; i++)
        if (in.p[i] == '\r' && in.p[i + 1] == '\n')
            return i;
    return in.n;
}

static const struct bytes v1_begin = BYTES_INIT("PROXY ");

static enum proxy_header_event parse_v1(struct bytes *in, struct proxy_header *out)
{
    const struct bytes line = bytes_take(*in, PROXY_HEADER_V1_MAX);
    const size_t end = crlf_find(line);
    struct proxy_header h = { .version = 1 };

    if (end == line.n) { /* only behind UNKNOWN a bare LF may stand */
        const bool has_lf = bytes_find(line, '\n') < line.n;

        return line.n == PROXY_HEADER_V1_MAX || (has_lf && !bytes_has_prefix(line, BYTES("PROXY UNKNOWN ")))
                   ? PROXY_HEADER_BAD
                   : PROXY_HEADER_MORE;
    }
    if (!read_line(bytes_skip(bytes_take(line, end), v1_begin.n), &h))
        return PROXY_HEADER_BAD;
    *in = bytes_skip(*in, end + 2);
    *out = h;
    return PROXY_HEADER_DONE;
}

/* ---- version 2 ---- */

enum { AT_VERSION = 12, AT_FAMILY = 13, AT_LENGTH = 14, AT_ADDRESSES = 16 };
enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };

static const struct bytes v2_begin = BYTES_INIT("\r\n\r\n\0\r\nQUIT\n");

static const struct v2_family {
    uint8_t code;
    uint8_t address_bytes; /* of one address, where it is one that we use */
    uint16_t length_min;
} families[] = {
    { 0x00, 0, 0 },                     /* UNSPEC */
    { 0x11, 4, 12 },                    /* TCP over IPv4 */
    { 0x21, 16, 36 },                   /* TCP over IPv6 */
    { 0x12, 0, 12 },  { 0x22, 0, 36 },  /* UDP */
    { 0x31, 0, 216 }, { 0x32, 0, 216 }, /* UNIX */
};

static const struct v2_family *family_find(uint8_t code)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (families[i].code == code)
            return &families[i];
    return NULL;
}

static uint16_t u16_get(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Unlike ip_get() this takes an IPv4-mapped address in 16 octets. */
static struct ip address_get(const uint8_t *p, size_t n)
{
    struct ip ip = ip_v4(0, 0, 0, 0);

    memcpy(ip.b + sizeof(ip.b) - n, p, n);
    return ip;
}

static void read_addresses(const uint8_t *p, size_t n, struct proxy_header *out)
{
    out->known = true;
    out->client = address_get(p, n);
    out->dest = address_get(p + n, n);
    out->client_port = u16_get(p + 2 * n);
    out->dest_port = u16_get(p + 2 * n + 2);
}

/* The part that has come, by the order of its octets. */
static enum proxy_header_event parse_v2(struct bytes *in, struct proxy_header *out)
{
    const struct v2_family *family = NULL;
    struct proxy_header h = { .version = 2 };
    size_t length;

    if (in->n > AT_VERSION && in->p[AT_VERSION] != V2_LOCAL && in->p[AT_VERSION] != V2_PROXY)
        return PROXY_HEADER_BAD;
    h.local = in->n > AT_VERSION && in->p[AT_VERSION] == V2_LOCAL;
    if (in->n > AT_FAMILY && !h.local) { /* LOCAL: the block is skipped, whatever it is */
        family = family_find(in->p[AT_FAMILY]);
        if (family == NULL)
            return PROXY_HEADER_BAD;
    }
    if (in->n < AT_ADDRESSES)
        return PROXY_HEADER_MORE;
    length = u16_get(in->p + AT_LENGTH);
    if (length > PROXY_HEADER_MAX - AT_ADDRESSES || (family != NULL && length < family->length_min))
        return PROXY_HEADER_BAD;
    if (in->n < AT_ADDRESSES + length)
        return PROXY_HEADER_MORE;
    if (family != NULL && family->address_bytes > 0)
        read_addresses(in->p + AT_ADDRESSES, family->address_bytes, &h);
    *in = bytes_skip(*in, AT_ADDRESSES + length);
    *out = h;
    return PROXY_HEADER_DONE;
}

/* ---- both ---- */

static bool begins(struct bytes in, struct bytes begin)
{
    return bytes_has_prefix(begin, bytes_take(in, begin.n));
}

enum proxy_header_event proxy_header_parse(struct bytes *in, struct proxy_header *out)
{
    if (begins(*in, v1_begin))
        return parse_v1(in, out);
    return begins(*in, v2_begin) ? parse_v2(in, out) : PROXY_HEADER_BAD;
}
