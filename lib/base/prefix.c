/* prefix.c - prefixes: text, arithmetic, the keys made from addresses. */
#include <base/ip.h>
#include <base/num.h>

#include <endian.h>

enum { BITS = 128, MAPPED_BITS = 96, KEY_BITS = 64, KEY_BYTES_V6 = 8, V4_NETWORK = 120, V6_NETWORK = 48 };

struct prefix prefix_of(struct ip a, uint8_t len)
{
    TRAP_BUG_ON(len > BITS);
    struct prefix p = { .ip = a, .len = len };
    size_t at = len / 8;

    if (len % 8 != 0) {
        p.ip.b[at] &= (uint8_t)(0xff00 >> len % 8);
        at++;
    }
    memset(p.ip.b + at, 0, sizeof p.ip.b - at);
    return p;
}

/* Bytes first..first+7 of a XOR b, as a number: its leading zeros are the bits that agree. */
static uint64_t differing(struct ip a, struct ip b, size_t first)
{
    uint64_t x, y;

    memcpy(&x, a.b + first, sizeof x);
    memcpy(&y, b.b + first, sizeof y);
    return be64toh(x ^ y);
}

/* IPv4 lies inside ::/64 in this form only: no IPv6 prefix has an IPv4 address. */
bool prefix_has(struct prefix p, struct ip a)
{
    const uint64_t high = differing(p.ip, a, 0);

    if (p.len < MAPPED_BITS && ip_is_v4(a))
        return false;
    if (p.len == 0)
        return true; /* a shift by 64 is not defined */
    if (p.len <= BITS / 2)
        return high >> (BITS / 2 - p.len) == 0;
    return high == 0 && differing(p.ip, a, BITS / 16) >> (BITS - p.len) == 0;
}

bool prefix_covers(struct prefix outer, struct prefix inner)
{
    return outer.len <= inner.len && prefix_has(outer, inner.ip);
}

int prefix_cmp(struct prefix a, struct prefix b)
{
    const int c = ip_cmp(a.ip, b.ip);

    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* A v4-mapped prefix always has 96 bits or more: fewer, and prefix_of() clears what makes it v4-mapped. */
unsigned prefix_family_len(struct prefix p)
{
    return ip_is_v4(p.ip) ? p.len - MAPPED_BITS : p.len;
}

enum trap_err prefix_parse(struct bytes in, struct prefix *out)
{
    const size_t slash = bytes_find(in, '/');
    const struct bytes address = bytes_take(in, slash);
    const bool quad = bytes_find(address, ':') == address.n;
    struct ip a;
    uint32_t len = BITS;
    enum trap_err err = ip_parse(address, &a);

    if (err != TRAP_OK)
        return err;
    if (slash < in.n) {
        const struct bytes digits = bytes_skip(in, slash + 1);
        if (digits.n > 1 && digits.p[0] == '0')
            return TRAP_EINVAL;
        err = num_u32(digits, 0, quad ? BITS - MAPPED_BITS : BITS, &len);
        if (err != TRAP_OK)
            return err;
        len += quad ? MAPPED_BITS : 0;
    }
    const struct prefix p = prefix_of(a, (uint8_t)len);
    if (!ip_eq(p.ip, a))
        return TRAP_ERANGE;
    *out = p;
    return TRAP_OK;
}

const char *prefix_text(struct prefix p, char out[PREFIX_TEXT_MAX])
{
    char address[IP_TEXT_MAX];
    const struct bytes text = bytes_str(ip_text(p.ip, address));
    const unsigned len = prefix_family_len(p);
    char *at = out + text.n;

    memcpy(out, text.p, text.n);
    if (p.len < BITS) {
        *at++ = '/';
        if (len >= 100)
            *at++ = '1';
        if (len >= 10)
            *at++ = (char)('0' + len / 10 % 10);
        *at++ = (char)('0' + len % 10);
    }
    *at = '\0';
    return out;
}

struct prefix ip_key(struct ip a)
{
    return prefix_of(a, ip_is_v4(a) ? BITS : KEY_BITS);
}

struct prefix ip_network(struct ip a)
{
    return prefix_of(a, ip_is_v4(a) ? V4_NETWORK : V6_NETWORK);
}

size_t ip_key_put(struct prefix key, uint8_t out[16])
{
    if (key.len == BITS && ip_is_v4(key.ip))
        return ip_put(key.ip, out);
    TRAP_BUG_ON(key.len != KEY_BITS);
    memcpy(out, key.ip.b, KEY_BYTES_V6);
    return KEY_BYTES_V6;
}

enum trap_err ip_key_get(struct bytes blob, struct prefix *out)
{
    struct ip a = { { 0 } };

    if (blob.n == KEY_BYTES_V6) {
        memcpy(a.b, blob.p, KEY_BYTES_V6);
        *out = prefix_of(a, KEY_BITS);
        return TRAP_OK;
    }
    if (blob.n != sizeof(uint32_t))
        return TRAP_EINVAL;
    const enum trap_err err = ip_get(blob, &a);
    if (err == TRAP_OK)
        *out = prefix_of(a, BITS);
    return err;
}
