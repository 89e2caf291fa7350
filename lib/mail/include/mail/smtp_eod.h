/* smtp_eod.h - find end-of-data in a DATA stream and undo transparency (RFC 5321 4.1.1.4, 4.5.2).
 *
 * Why:     the one place that decides where a message ends; anything else risks SMTP smuggling
 *          (CVE-2023-51764/5/6).
 * Rule:    only CRLF "." CRLF ends a message; the CRLF of the DATA command line counts as the first one. A
 *          dot at the start of a line is removed whatever follows it. Bare CR, bare LF and NUL are content:
 *          recorded, never a line end.
 * Input:   any split of the byte stream, including one byte at a time.
 * Units:   all sizes are bytes.   Limits: none here; the caller counts what the sink receives.
 * Owns:    nothing. `in` must stay valid only during the call.
 * Errors:  cannot fail.
 * Cost:    memchr for line ends, words of eight bytes for NUL and 8-bit; long runs of lines go to the sink
 *          in one piece.
 * Threads: a struct smtp_eod belongs to one thread.
 * Tests:   tests/unit/mail/test_smtp_eod.c, tests/fuzz/fuzz_smtp_eod.c
 */
#ifndef MAIL_SMTP_EOD_H
#define MAIL_SMTP_EOD_H

#include <base/bytes.h>

enum smtp_eod_event { SMTP_EOD_MORE, SMTP_EOD_DONE };
enum smtp_eod_flag {
    SMTP_EOD_BARE_LF = 1 << 0,
    SMTP_EOD_BARE_CR = 1 << 1,
    SMTP_EOD_NUL = 1 << 2,
    SMTP_EOD_8BIT = 1 << 3,
    SMTP_EOD_LONG_LINE = 1 << 4 /* more than 998 octets between two CRLF (RFC 5321 4.5.3.1.6) */
};
enum { SMTP_TEXT_LINE_MAX = 998 };

struct smtp_eod {
    uint8_t state;
    uint32_t flags;  /* enum smtp_eod_flag, of the content so far */
    size_t line_len; /* content bytes since the last CRLF */
};

/* Gets the content in order, in pieces of any length. */
typedef void smtp_eod_sink(struct bytes content, void *arg);

void smtp_eod_init(struct smtp_eod *e);

/* Consumes from *in and passes content to sink. SMTP_EOD_DONE: *in starts just behind CRLF "." CRLF; the
 * CRLF in front of the dot is content. SMTP_EOD_MORE: all of *in is consumed. */
enum smtp_eod_event smtp_eod_feed(struct smtp_eod *e, struct bytes *in, smtp_eod_sink *sink, void *arg);

/* The same flags for content that has neither transparency nor end-of-data (BDAT, RFC 3030). Begins with
 * smtp_eod_init(); the pieces are of any length, smtp_eod_scan_end() stands at the end of the message. */
void smtp_eod_scan(struct smtp_eod *e, struct bytes content);
void smtp_eod_scan_end(struct smtp_eod *e);

#endif
