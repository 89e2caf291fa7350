/* mime.h - the readable text of a message: a MIME walk in constant memory (RFC 2045, 2046).
 *
 * Why:     what spam advertises stands in encoded parts of messages that were made to break readers.
 * Gives:   the text of text/plain and other text (MIME_PLAIN) and text/html (MIME_HTML), with Base64 and
 *          quoted-printable undone, as octets of the part's own charset; and the body of each Reply-To field
 *          of the message (MIME_REPLY_TO, unfolded). Each text comes in pieces; an empty piece ends it.
 * Input:   the content after transparency is undone, in pieces of any length, cut anywhere (samples are):
 *          what is told does not depend on the pieces. CRLF and bare LF both end a line.
 * Lenient: as readers of mail are. A line that is no field ends a header, other than "From ". Where several
 *          open multiparts know a delimiter, the innermost has it; that of an outer one ends all inside.
 *          Octets that are not of an encoding are passed over (Base64) or stand for themselves
 *          (quoted-printable). An unknown encoding is none. message/rfc822 is walked like a part.
 * Limits:  MIME_DEPTH_MAX multiparts inside each other; what is deeper, and a multipart without a boundary
 *          or with one longer than MIME_BOUNDARY_MAX, is read as plain text (MIME_DEEP, MIME_NO_BOUNDARY are
 *          found). A field-body counts with its first MIME_FIELD_MAX octets. Whether a line is a delimiter or
 *          a field is judged by its first MIME_LINE_MAX. Parts are counted, not limited: none costs memory.
 * Cost:    sizeof(struct mime) (below 5 kB) and linear time for any input.
 * Owns:    nothing.   Errors: cannot fail.   Threads: one owner.
 * Tests:   tests/unit/mail/test_mime.c, tests/fuzz/fuzz_mime.c
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include <base/bytes.h>

enum {
    MIME_DEPTH_MAX = 16,
    MIME_BOUNDARY_MAX = 70,
    MIME_FIELD_MAX = 1024,
    MIME_LINE_MAX = 1024,
    MIME_OUT = 512
};
enum mime_kind { MIME_PLAIN, MIME_HTML, MIME_REPLY_TO };
enum mime_found {
    MIME_DEEP = 1 << 0,
    MIME_NO_BOUNDARY = 1 << 1,
    MIME_MULTIPART = 1 << 2,
    MIME_ATTACHED = 1 << 3
};

typedef void mime_text_fn(enum mime_kind kind, struct bytes text, void *arg);

struct mime {
    mime_text_fn *text;
    void *arg;
    uint32_t found; /* enum mime_found */
    uint32_t parts; /* headers read, the message's own too */
    uint8_t state, field, encoding, type;
    bool outermost; /* the header is that of the message, no part's */
    bool in_line;   /* the start of the line was given on already */
    bool told;      /* a text is open */
    uint8_t depth, quoted, quoted_high, base64_n;
    uint32_t base64;
    uint16_t line_n, value_n, out_n, boundary_new_n;
    uint8_t boundary_n[MIME_DEPTH_MAX];
    uint8_t boundary[MIME_DEPTH_MAX][MIME_BOUNDARY_MAX];
    uint8_t boundary_new[MIME_BOUNDARY_MAX]; /* of the header that is being read */
    uint8_t line[MIME_LINE_MAX];
    uint8_t value[MIME_FIELD_MAX];
    uint8_t out[MIME_OUT];
};

void mime_init(struct mime *m, mime_text_fn *text, void *arg);
void mime_feed(struct mime *m, struct bytes content);
/* End of the message: what is open is told and ended. */
void mime_end(struct mime *m);

#endif
