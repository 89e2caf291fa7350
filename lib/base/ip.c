/* ip.c - addresses: text, socket addresses, blobs. */
#include <base/ip.h>
#include <base/num.h>

#include <endian.h>
#include <netinet/in.h>

enum { GROUPS = 8, MAPPED_BYTES = 12, V4_BYTES = 4, V6_BYTES = 16 };

static const uint8_t mapped[MAPPED_BYTES] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool ip_is_v4(struct ip a)
{
    return memcmp(a.b, mapped, MAPPED_BYTES) == 0;
}

bool ip_eq(struct ip a, struct ip b)
{
    return memcmp(a.b, b.b, V6_BYTES) == 0;
}

int ip_cmp(struct ip a, struct ip b)
{
    uint64_t x[2], y[2];

    memcpy(x, a.b, V6_BYTES);
    memcpy(y, b.b, V6_BYTES);
    const int i = x[0] == y[0]; /* which half decides */
    const uint64_t p = be64toh(x[i]), q = be64toh(y[i]);
    return (p > q) - (p < q);
}

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct ip){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d } };
}

static enum trap_err parse_quad(struct bytes in, uint8_t out[V4_BYTES])
{
    size_t at = 0;

    for (int part = 0; part < V4_BYTES; part++) {
        unsigned v = 0;
        size_t n = 0;

        if (part > 0 && (at == in.n || in.p[at++] != '.'))
            return TRAP_EINVAL;
        for (; at < in.n && ascii_is_digit(in.p[at]) && n < 3; at++, n++)
            v = v * 10 + (in.p[at] - '0');
        if (n == 0 || v > 255 || (n > 1 && in.p[at - n] == '0'))
            return TRAP_EINVAL; /* 010 is 8 to some and 10 to others */
        out[part] = (uint8_t)v;
    }
    return at == in.n ? TRAP_OK : TRAP_EINVAL;
}

/* One to four hexadecimal digits at `at`. Returns how many, or 0. */
static size_t parse_group(struct bytes in, size_t at, uint8_t out[2])
{
    unsigned v = 0;
    size_t n = 0;

    while (at + n < in.n && ascii_hex_value(in.p[at + n]) >= 0) {
        if (n == 4)
            return 0;
        v = v << 4 | (unsigned)ascii_hex_value(in.p[at + n]);
        n++;
    }
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)(v & 255);
    return n;
}

/* RFC 4291 2.2. Groups go to `b` from the left; what stands behind "::" is moved to the right end at last. */
static enum trap_err parse_v6(struct bytes in, uint8_t out[V6_BYTES])
{
    uint8_t b[V6_BYTES] = { 0 };
    size_t at = 0, n = 0, gap = V6_BYTES + 1;

    if (bytes_has_prefix(in, BYTES("::")))
        gap = 0, at = 2;
    while (at < in.n) {
        if (n == V6_BYTES)
            return TRAP_EINVAL;
        const size_t digits = parse_group(in, at, b + n);
        if (digits == 0)
            return TRAP_EINVAL;
        if (at + digits < in.n && in.p[at + digits] == '.') {
            if (n > MAPPED_BYTES || parse_quad(bytes_skip(in, at), b + n) != TRAP_OK)
                return TRAP_EINVAL;
            n += V4_BYTES;
            break;
        }
        n += 2;
        at += digits;
        if (at == in.n)
            break;
        if (in.p[at++] != ':' || at == in.n)
            return TRAP_EINVAL;
        if (in.p[at] == ':') {
            if (gap <= V6_BYTES)
                return TRAP_EINVAL;
            gap = n;
            at++;
        }
    }
    if (gap > V6_BYTES ? n != V6_BYTES : n == V6_BYTES) /* "::" stands for one group at least */
        return TRAP_EINVAL;
    memset(out, 0, V6_BYTES);
    if (gap > V6_BYTES)
        gap = n;
    memcpy(out, b, gap);
    memcpy(out + V6_BYTES - (n - gap), b + gap, n - gap);
    return TRAP_OK;
}

enum trap_err ip_parse(struct bytes in, struct ip *out)
{
    struct ip a;
    enum trap_err err;

    if (bytes_find(in, ':') < in.n) {
        err = parse_v6(in, a.b);
    } else {
        memcpy(a.b, mapped, MAPPED_BYTES);
        err = parse_quad(in, a.b + MAPPED_BYTES);
    }
    if (err == TRAP_OK)
        *out = a;
    return err;
}

static char *put_octet(char *p, unsigned v)
{
    if (v >= 100)
        *p++ = (char)('0' + v / 100);
    if (v >= 10)
        *p++ = (char)('0' + v / 10 % 10);
    *p++ = (char)('0' + v % 10);
    return p;
}

static char *put_group(char *p, unsigned v)
{
    static const char digits[] = "0123456789abcdef";

    if (v >= 0x1000)
        *p++ = digits[v >> 12];
    if (v >= 0x100)
        *p++ = digits[v >> 8 & 15];
    if (v >= 0x10)
        *p++ = digits[v >> 4 & 15];
    *p++ = digits[v & 15];
    return p;
}

/* RFC 5952 4.2: the first longest run of two zero groups or more. */
static void find_gap(const unsigned g[GROUPS], int *start_out, int *end_out)
{
    *start_out = *end_out = GROUPS;
    for (int i = 0, longest = 1; i < GROUPS; i++) {
        int end = i;
        while (end < GROUPS && g[end] == 0)
            end++;
        if (end - i > longest) {
            longest = end - i;
            *start_out = i;
            *end_out = end;
        }
        if (end > i)
            i = end;
    }
}

static char *put_v6(char *p, struct ip a)
{
    unsigned g[GROUPS];
    int start, end;

    for (size_t i = 0; i < GROUPS; i++)
        g[i] = (unsigned)a.b[2 * i] << 8 | a.b[2 * i + 1];
    find_gap(g, &start, &end);
    for (int i = 0; i < GROUPS; i++) {
        if (i == start) {
            *p++ = ':';
            *p++ = ':';
            i = end - 1;
            continue;
        }
        if (i > 0 && i != end)
            *p++ = ':';
        p = put_group(p, g[i]);
    }
    return p;
}

const char *ip_text(struct ip a, char out[IP_TEXT_MAX])
{
    char *p = out;

    if (ip_is_v4(a)) {
        for (int i = MAPPED_BYTES; i < V6_BYTES; i++) {
            if (i > MAPPED_BYTES)
                *p++ = '.';
            p = put_octet(p, a.b[i]);
        }
    } else {
        p = put_v6(p, a);
    }
    *p = '\0';
    return out;
}

enum trap_err ip_from_sockaddr(const struct sockaddr *sa, struct ip *ip_out, uint16_t *port_out)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in4;
        memcpy(&in4, sa, sizeof in4);
        memcpy(ip_out->b, mapped, MAPPED_BYTES);
        memcpy(ip_out->b + MAPPED_BYTES, &in4.sin_addr, V4_BYTES);
        *port_out = be16toh(in4.sin_port);
        return TRAP_OK;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        memcpy(ip_out->b, &in6.sin6_addr, V6_BYTES);
        *port_out = be16toh(in6.sin6_port);
        return TRAP_OK;
    }
    return TRAP_EINVAL;
}

socklen_t ip_to_sockaddr(struct ip a, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (ip_is_v4(a)) {
        struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htobe16(port) };
        memcpy(&in4.sin_addr, a.b + MAPPED_BYTES, V4_BYTES);
        memcpy(out, &in4, sizeof in4);
        return sizeof in4;
    }
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htobe16(port) };
    memcpy(&in6.sin6_addr, a.b, V6_BYTES);
    memcpy(out, &in6, sizeof in6);
    return sizeof in6;
}

enum trap_err ip_port_parse(struct bytes in, struct ip *ip_out, uint16_t *port_out)
{
    const size_t colon = bytes_rfind(in, ':');
    struct bytes host = bytes_take(in, colon);
    const bool brackets = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    struct ip a;
    uint32_t port = 0;
    enum trap_err err;

    if (colon == in.n)
        return TRAP_EINVAL;
    if (brackets)
        host = bytes_take(bytes_skip(host, 1), host.n - 2);
    if (brackets != (bytes_find(host, ':') < host.n)) /* "::1:25" is an address without a port */
        return TRAP_EINVAL;
    err = ip_parse(host, &a);
    if (err == TRAP_OK)
        err = num_u32(bytes_skip(in, colon + 1), 0, UINT16_MAX, &port);
    if (err != TRAP_OK)
        return err;
    *ip_out = a;
    *port_out = (uint16_t)port;
    return TRAP_OK;
}

size_t ip_put(struct ip a, uint8_t out[16])
{
    const bool v4 = ip_is_v4(a);
    const size_t n = v4 ? V4_BYTES : V6_BYTES;

    memcpy(out, v4 ? a.b + MAPPED_BYTES : a.b, n);
    return n;
}

enum trap_err ip_get(struct bytes blob, struct ip *out)
{
    struct ip a;

    if (blob.n == V4_BYTES) {
        memcpy(out->b, mapped, MAPPED_BYTES);
        memcpy(out->b + MAPPED_BYTES, blob.p, V4_BYTES);
        return TRAP_OK;
    }
    if (blob.n != V6_BYTES)
        return TRAP_EINVAL;
    memcpy(a.b, blob.p, V6_BYTES);
    if (ip_is_v4(a)) /* one address, one blob */
        return TRAP_EINVAL;
    *out = a;
    return TRAP_OK;
}
