/* netstring.h - "5:hello,": text with its length in front, as Postfix's socketmap speaks it
 * (http://cr.yp.to/proto/netstrings.txt, socketmap_table(5)).
 *
 * Input:   the bytes received and not consumed so far, from the first byte of a netstring; the caller keeps
 *          them between calls: never more than max_bytes + NETSTRING_EXTRA. What can be seen to be wrong
 *          early is refused early.
 * Form:    decimal length without leading zeros, ":", so many bytes, ",". Any byte may stand in it.
 * Owns:    nothing; *text_out points into the input.
 * Errors:  NETSTRING_BAD: nobody knows where the next one begins, the stream is lost.
 * Threads: any. No state.
 * Tests:   tests/unit/mail/test_netstring.c, tests/fuzz/fuzz_netstring.c
 */
#ifndef MAIL_NETSTRING_H
#define MAIL_NETSTRING_H

#include <base/buf.h>

enum { NETSTRING_DIGITS_MAX = 9, NETSTRING_EXTRA = NETSTRING_DIGITS_MAX + 2 };

enum netstring_event {
    NETSTRING_MORE, /* right so far */
    NETSTRING_DONE, /* *text_out is the text; *in starts behind the comma */
    NETSTRING_BAD   /* malformed, or longer than max_bytes */
};

/* max_bytes < 10^9 */
enum netstring_event netstring_next(struct bytes *in, size_t max_bytes, struct bytes *text_out);

void netstring_add(struct buf *out, struct bytes text);

#endif
