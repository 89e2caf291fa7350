/* mime_field.h - what a walk needs of MIME header fields (RFC 2045 5.1, 6.1). Private to mime.c.
 *
 * Lenient: comments are not looked into; an unknown type of text is plain, any other unknown type is opaque.
 * Owns:    nothing.   Errors: cannot fail.   Threads: any.
 * Tests:   tests/unit/mail/test_mime.c
 */
#ifndef MAIL_MIME_FIELD_H
#define MAIL_MIME_FIELD_H

#include <base/bytes.h>

enum { MIME_TYPE_PLAIN, MIME_TYPE_HTML, MIME_TYPE_MULTIPART, MIME_TYPE_MESSAGE, MIME_TYPE_OTHER };
enum { MIME_AS_IS, MIME_QUOTED, MIME_BASE64 };

uint8_t mime_type_read(struct bytes value);
uint8_t mime_encoding_read(struct bytes value);
/* The boundary parameter, without blanks at its end. Returns its length; 0: none that can be used. */
size_t mime_boundary_read(struct bytes value, uint8_t *out);
/* Where the colon of a field is; 0: the line is no field. */
size_t mime_field_name(struct bytes line);
/* Nothing but blanks and line ends? */
bool mime_is_blank(struct bytes s);
/* 0 to 63, or -1. */
int mime_base64_value(uint8_t c);

#endif
