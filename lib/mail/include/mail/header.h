/* header.h - what the header fields of a message say about its kind: list traffic, automatic answer, report.
 *
 * Looks at: List-Id (RFC 2919), Precedence: list, bulk; Auto-Submitted other than "no" (RFC 3834 5);
 *          Content-Type: multipart/report (RFC 6522): the first word of the field-body, comments skipped, any
 *          case, folded or not. From a mailer-daemon or postmaster: the first HEADER_VALUE_MAX bytes.
 *          In-Reply-To, References, X-Failed-Recipients: that they are there.
 *          Not List-Unsubscribe: bulk mail of every kind has it, because large receivers ask for it.
 * Input:   the content after transparency is undone, in pieces of any length. CRLF and bare LF both end a
 *          field here: this only classifies, it decides no boundary.
 * Body:    begins behind the first empty line, or with the first line that is neither a field nor folded (a
 *          message without header fields is all body).
 * Limits:  the header ends after `max` bytes, wherever that is: what follows is body, the field that was cut
 *          says nothing, and HEADER_CUT is found. HEADER_NAME_MAX bytes of a field name (longer: not a
 *          field), HEADER_VALUE_MAX bytes of a field-body are kept; the rest is passed over in constant
 *          memory and linear time.
 * Owns:    nothing.   Errors: cannot fail.   Threads: one owner.
 * Tests:   tests/unit/mail/test_header.c, tests/fuzz/fuzz_header.c
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <base/bytes.h>

enum { HEADER_NAME_MAX = 76, HEADER_VALUE_MAX = 64 };
enum header_found {
    HEADER_LIST = 1 << 0,
    HEADER_AUTO_SUBMITTED = 1 << 1,
    HEADER_REPORT = 1 << 2,
    HEADER_CUT = 1 << 3,
    HEADER_REPLY = 1 << 4,
    HEADER_FAILED = 1 << 5,
    HEADER_DAEMON = 1 << 6
};

struct header {
    uint8_t state;
    uint8_t field; /* index of the field whose body is being kept, or none */
    uint8_t name_len, value_len;
    uint32_t comment; /* depth of nested comments */
    uint64_t room;    /* bytes that may still be header */
    uint32_t found;   /* enum header_found; complete once the body began or header_end() was called */
    uint8_t name[HEADER_NAME_MAX];
    uint8_t value[HEADER_VALUE_MAX];
};

void header_init(struct header *h, uint64_t max);
/* Reads the header part of `content`. Where the body begins in it, *held_out is what was taken for the start
 * of a field and is body (points into h), *body_out the rest; both are empty as long as the header goes on.
 * Behind the header everything is body. */
void header_feed(struct header *h, struct bytes content, struct bytes *held_out, struct bytes *body_out);
/* End of the message: looks at a field that was not ended. */
void header_end(struct header *h);

#endif
