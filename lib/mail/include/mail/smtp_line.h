/* smtp_line.h - cut a command stream into lines: CRLF only, bounded (RFC 5321 2.3.8, 4.5.3.1.4).
 *
 * Why:     a line that ends where the client did not end it lets one command hide inside another.
 * Input:   the bytes received and not consumed so far, from the first byte of the line; the caller keeps
 *          them between calls (never more than max_bytes). A line that was looked through once is not looked
 *          through again.
 * Units:   bytes, CRLF included: a line of max_bytes passes, one of max_bytes + 1 does not.
 * Owns:    nothing; *line_out points into the input.
 * Errors:  cannot fail. Beyond the limit bytes are dropped until the next CRLF, in constant memory.
 * Threads: a struct smtp_line belongs to one thread.
 * Tests:   tests/unit/mail/test_smtp_line.c
 */
#ifndef MAIL_SMTP_LINE_H
#define MAIL_SMTP_LINE_H

#include <base/bytes.h>

struct smtp_line {
    size_t max_bytes;
    size_t seen;     /* bytes of the input without CRLF among them */
    bool discarding; /* the line is too long: dropping until CRLF */
    bool dropped_cr; /* the last byte dropped was CR */
};

enum smtp_line_event {
    SMTP_LINE_MORE,    /* no whole line yet */
    SMTP_LINE_DONE,    /* *line_out is the line without its CRLF; *in starts behind the CRLF */
    SMTP_LINE_TOO_LONG /* the end of a line over the limit; *in starts behind its CRLF */
};

void smtp_line_init(struct smtp_line *l, size_t max_bytes);
enum smtp_line_event smtp_line_next(struct smtp_line *l, struct bytes *in, struct bytes *line_out);

/* What a line holds that a command must not. */
enum smtp_line_flag {
    SMTP_LINE_LF = 1 << 0,
    SMTP_LINE_CR = 1 << 1,
    SMTP_LINE_NUL = 1 << 2,
    SMTP_LINE_CONTROL = 1 << 3, /* other control characters, without HTAB */
    SMTP_LINE_8BIT = 1 << 4
};
uint32_t smtp_line_flags(struct bytes line);

/* UTF-8 without overlong forms, surrogates and values above U+10FFFF (RFC 3629). */
bool smtp_is_utf8(struct bytes s);

#endif
