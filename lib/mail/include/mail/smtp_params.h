/* smtp_params.h - ESMTP parameters behind the path of MAIL and RCPT (RFC 5321 4.1.2, RFC 1870, RFC 6152, RFC
 * 6531).
 *
 * Why:     one table of keywords; what an extension adds is one line in it.
 * Input:   what smtp_path_parse() left. `offered` says which extensions the session was offered: a keyword
 *          of another one is unknown.
 * Owns:    nothing.
 * Errors:  the first wrong parameter decides the result; *out is then not to be used.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_params.c
 */
#ifndef MAIL_SMTP_PARAMS_H
#define MAIL_SMTP_PARAMS_H

#include <base/bytes.h>

enum smtp_extension { SMTP_EXT_SIZE = 1 << 0, SMTP_EXT_8BITMIME = 1 << 1, SMTP_EXT_SMTPUTF8 = 1 << 2 };
enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };

struct smtp_params {
    uint64_t size; /* 0 = not said; a number that does not fit is UINT64_MAX */
    enum smtp_body body;
    bool smtputf8;
};

enum smtp_params_result {
    SMTP_PARAMS_OK,
    SMTP_PARAMS_SYNTAX, /* 501 5.5.4: malformed, a bad value, or the same keyword twice */
    SMTP_PARAMS_UNKNOWN /* 555 5.5.4: a keyword that was not offered */
};

enum smtp_params_result smtp_params_parse(struct bytes in, uint32_t offered, struct smtp_params *out);

#endif
