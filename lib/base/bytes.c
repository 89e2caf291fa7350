/* bytes.c - comparing, searching and cutting runs of bytes. */
#include <base/bytes.h>

/* The C library's functions must not be given NULL, even with length 0; an empty run may well be NULL. */
static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

static bool isame(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    }
    return true;
}

bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && same(a.p, b.p, a.n);
}

bool bytes_ieq(struct bytes a, struct bytes b)
{
    return a.n == b.n && isame(a.p, b.p, a.n);
}

int bytes_cmp(struct bytes a, struct bytes b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

    if (c != 0)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

bool bytes_has_prefix(struct bytes s, struct bytes prefix)
{
    return s.n >= prefix.n && same(s.p, prefix.p, prefix.n);
}

bool bytes_has_iprefix(struct bytes s, struct bytes prefix)
{
    return s.n >= prefix.n && isame(s.p, prefix.p, prefix.n);
}

bool bytes_has_isuffix(struct bytes s, struct bytes suffix)
{
    return s.n >= suffix.n && bytes_ieq(bytes_skip(s, s.n - suffix.n), suffix);
}

size_t bytes_find(struct bytes s, uint8_t c)
{
    const uint8_t *hit = s.n == 0 ? NULL : memchr(s.p, c, s.n);

    return hit == NULL ? s.n : (size_t)(hit - s.p);
}

size_t bytes_rfind(struct bytes s, uint8_t c)
{
    const uint8_t *hit = s.n == 0 ? NULL : memrchr(s.p, c, s.n);

    return hit == NULL ? s.n : (size_t)(hit - s.p);
}

struct bytes bytes_skip(struct bytes s, size_t n)
{
    if (n == 0)
        return s; /* NULL + 0 is not defined in C */
    if (n > s.n)
        n = s.n;
    return (struct bytes){ s.p == NULL ? NULL : s.p + n, s.n - n };
}

struct bytes bytes_take(struct bytes s, size_t n)
{
    return (struct bytes){ s.p, n < s.n ? n : s.n };
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes bytes_trim(struct bytes s)
{
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n > 0 && is_blank(s.p[0]))
        s = bytes_skip(s, 1);
    return s;
}

bool bytes_split(struct bytes *rest, uint8_t sep, struct bytes *field_out)
{
    if (rest->n == 0)
        return false;
    const size_t end = bytes_find(*rest, sep);
    *field_out = bytes_take(*rest, end);
    *rest = bytes_skip(*rest, end + 1);
    return true;
}

size_t bytes_utf8_len(struct bytes s)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t min;
    } forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

    for (size_t n = 0; n < s.n && n < sizeof forms / sizeof forms[0]; n++) { /* n bytes follow the first */
        uint32_t code = s.p[0] & (uint8_t)~forms[n].mask;

        if ((s.p[0] & forms[n].mask) != forms[n].lead)
            continue;
        for (size_t i = 1; i <= n; i++) {
            if ((s.p[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (s.p[i] & 0x3f);
        }
        return code < forms[n].min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : n + 1;
    }
    return 0;
}
