/* buf.c - owned bytes that grow up to a maximum. */
#include <base/buf.h>

#include <stdio.h>
#include <stdlib.h>

enum { CAP_FIRST = 64 };

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){ .max = max_bytes };
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){ .max = b->max };
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->err = TRAP_OK;
}

/* Room for `extra` more bytes. One byte more than `cap` is allocated, as a place for buf_cstr()'s NUL. */
static bool grow(struct buf *b, size_t extra)
{
    size_t cap;

    if (b->err != TRAP_OK)
        return false;
    if (extra > b->max - b->n || b->max == SIZE_MAX) {
        b->err = TRAP_ENOMEM;
        return false;
    }
    cap = b->cap < b->max / 2 ? b->cap * 2 : b->max;
    if (cap < CAP_FIRST)
        cap = CAP_FIRST < b->max ? CAP_FIRST : b->max;
    if (cap < b->n + extra)
        cap = b->n + extra;
    uint8_t *p = realloc(b->p, cap + 1);
    if (p == NULL) {
        b->err = TRAP_ENOMEM;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

/* p is NULL until the first growth, even where no byte is asked for. */
static inline bool room(struct buf *b, size_t n)
{
    return b->err == TRAP_OK && ((n <= b->cap - b->n && b->p != NULL) || grow(b, n));
}

void buf_add(struct buf *b, struct bytes s)
{
    if (s.n == 0 || !room(b, s.n))
        return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, bytes_str(s));
}

void buf_add_byte(struct buf *b, uint8_t c)
{
    if (room(b, 1))
        b->p[b->n++] = c;
}

/* One append, so that a number is written whole or not at all. */
static void add_decimal(struct buf *b, uint64_t v, bool negative)
{
    uint8_t text[21];
    size_t at = sizeof text;

    do {
        text[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    if (negative)
        text[--at] = '-';
    buf_add(b, bytes_of(text + at, sizeof text - at));
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    add_decimal(b, v, false);
}

void buf_add_i64(struct buf *b, int64_t v)
{
    add_decimal(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void buf_add_hex(struct buf *b, struct bytes s)
{
    static const char digits[] = "0123456789abcdef";

    if (s.n > SIZE_MAX / 2) {
        b->err = TRAP_ENOMEM;
        return;
    }
    if (!room(b, s.n * 2))
        return;
    for (size_t i = 0; i < s.n; i++) {
        b->p[b->n++] = (uint8_t)digits[s.p[i] >> 4];
        b->p[b->n++] = (uint8_t)digits[s.p[i] & 15];
    }
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    int n;

    if (!room(b, 0))
        return;
    va_start(args, format);
    n = vsnprintf((char *)b->p + b->n, b->cap - b->n + 1, format, args);
    va_end(args);
    if (n < 0) {
        b->err = TRAP_EINVAL;
        return;
    }
    if ((size_t)n > b->cap - b->n) {
        if (!grow(b, (size_t)n))
            return;
        va_start(args, format);
        (void)vsnprintf((char *)b->p + b->n, b->cap - b->n + 1, format, args);
        va_end(args);
    }
    b->n += (size_t)n;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    return room(b, n) ? b->p + b->n : NULL;
}

void buf_commit(struct buf *b, size_t n)
{
    TRAP_BUG_ON(n > b->cap - b->n);
    b->n += n;
}

void buf_consume(struct buf *b, size_t n)
{
    TRAP_BUG_ON(n > b->n);
    b->n -= n;
    if (n > 0 && b->n > 0)
        memmove(b->p, b->p + n, b->n);
}

const char *buf_cstr(struct buf *b)
{
    if (!room(b, 0))
        return NULL;
    b->p[b->n] = '\0';
    return (const char *)b->p;
}
