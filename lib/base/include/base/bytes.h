/* bytes.h - a borrowed run of bytes with its length.
 *
 * Why:     remote data may hold NUL and is never NUL-terminated.
 * Owns:    nothing: `p` must outlive the struct. Passed by value.
 * Units:   bytes. Case folding is ASCII only, no locale.
 * Threads: any.
 * Tests:   tests/unit/base/test_bytes.c
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* Initialiser for a static table, from a string literal. */
#define BYTES_INIT(literal) { (const uint8_t *)("" literal), sizeof(literal) - 1 }
/* Expression, from a string literal. */
#define BYTES(literal) ((struct bytes)BYTES_INIT(literal))

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){ p, n };
}

/* For our own NUL-terminated strings (configuration, constants). NULL gives an empty run. */
static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){ (const uint8_t *)s, s == NULL ? 0 : strlen(s) };
}

bool bytes_eq(struct bytes a, struct bytes b);
bool bytes_ieq(struct bytes a, struct bytes b);
int bytes_cmp(struct bytes a, struct bytes b); /* memcmp order, shorter first */
bool bytes_has_prefix(struct bytes s, struct bytes prefix);
bool bytes_has_iprefix(struct bytes s, struct bytes prefix);
bool bytes_has_isuffix(struct bytes s, struct bytes suffix);

/* Index of the first/last `c`, or s.n. */
size_t bytes_find(struct bytes s, uint8_t c);
size_t bytes_rfind(struct bytes s, uint8_t c);

/* Both clamp to the end of s. */
struct bytes bytes_skip(struct bytes s, size_t n);
struct bytes bytes_take(struct bytes s, size_t n);

/* Without SP and HTAB at both ends. */
struct bytes bytes_trim(struct bytes s);

/* Cuts the next field off *rest, up to `sep` (not included). False when nothing is left. */
bool bytes_split(struct bytes *rest, uint8_t sep, struct bytes *field_out);

static inline uint8_t ascii_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t)(c + 32) : c;
}
static inline uint8_t ascii_upper(uint8_t c)
{
    return (c >= 'a' && c <= 'z') ? (uint8_t)(c - 32) : c;
}
static inline bool ascii_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_alpha(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
static inline bool ascii_is_alnum(uint8_t c)
{
    return ascii_is_digit(c) || ascii_is_alpha(c);
}
/* 0 to 15, or -1. */
static inline int ascii_hex_value(uint8_t c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Length of the well-formed UTF-8 sequence (RFC 3629) that s begins with; 0 where it is none. */
size_t bytes_utf8_len(struct bytes s);

#endif
