/* buf.h - owned bytes that grow up to a maximum, with a sticky error.
 *
 * Why:     a writer appends many times and checks once, at the end; nothing grows without a bound.
 * Owns:    its memory. buf_free() may be called on a zeroed or initialised struct.
 * Errors:  the first failure (out of memory, maximum reached) sticks in `err`; later appends do nothing and
 *          what was appended before stays valid.
 * Threads: one owner.
 * Tests:   tests/unit/base/test_buf.c
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <base/bytes.h>
#include <base/err.h>

struct buf {
    uint8_t *p;
    size_t n;        /* bytes in use */
    size_t cap;      /* bytes allocated */
    size_t max;      /* never more than this */
    enum trap_err err;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_free(struct buf *b);
void buf_reset(struct buf *b);              /* empty, error cleared, memory kept */

void buf_add(struct buf *b, struct bytes s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_byte(struct buf *b, uint8_t c);
void buf_add_u64(struct buf *b, uint64_t v); /* decimal */
void buf_add_i64(struct buf *b, int64_t v);
void buf_add_hex(struct buf *b, struct bytes s); /* lower case */
void buf_addf(struct buf *b, const char *format, ...) TRAP_PRINTF(2, 3);

/* Room for n more bytes at the end, or NULL (error set). The caller writes there, then buf_commit(). */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* Removes the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* NUL-terminates (not counted in n) and returns the text, or NULL when the error is set. */
const char *buf_cstr(struct buf *b);

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){ b->p, b->n };
}

#endif
