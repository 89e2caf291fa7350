#include "row_key.h"

struct row_key row_key_of(struct prefix key)
{
    struct row_key k = { .n = 0 };
    uint8_t blob[16];
    const size_t n = ip_key_put(key, blob);

    k.b[0] = ip_is_v4(key.ip) ? 4 : 6;
    memcpy(k.b + 1, blob, n);
    k.n = n + 1;
    return k;
}

enum trap_err row_key_get(struct bytes blob, struct prefix *out)
{
    if (blob.n == 0 || ip_key_get(bytes_skip(blob, 1), out) != TRAP_OK)
        return TRAP_ECORRUPT;
    return blob.p[0] == (ip_is_v4(out->ip) ? 4 : 6) ? TRAP_OK : TRAP_ECORRUPT;
}

int row_key_cmp(struct prefix a, struct prefix b)
{
    const bool a4 = ip_is_v4(a.ip), b4 = ip_is_v4(b.ip);

    if (a4 != b4)
        return a4 ? -1 : 1;
    return ip_cmp(a.ip, b.ip);
}

struct row_range row_range_all(void)
{
    return (struct row_range){ .low = { .b = { 0 }, .n = 1 }, .high = { .b = { 0xff }, .n = 1 } };
}

struct row_range row_range_of(struct prefix p)
{
    struct row_range r;
    struct ip last = p.ip;

    if (p.len == 0)
        return row_range_all();
    for (unsigned bit = p.len; bit < 128; bit++)
        last.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    r.low = row_key_of(ip_key(p.ip));
    r.high = row_key_of(ip_key(last));
    return r;
}

struct row_key row_key_after(struct bytes k)
{
    struct row_key next = { .n = 0 };

    k = bytes_take(k, sizeof next.b - 1);
    memcpy(next.b, k.p, k.n);
    next.n = k.n + 1; /* a zero byte more: nothing lies between */
    return next;
}
