/* smtp_params.h - ESMTP parameters behind the path of MAIL and RCPT (RFC 5321 4.1.2): SIZE (RFC 1870), BODY
 * (RFC 6152, 3030), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY, ORCPT (RFC 3461), AUTH (RFC 4954).
 *
 * Why:     one table of keywords; what an extension adds is one line in it.
 * Input:   what smtp_path_parse() left. `offered` says which extensions the session was offered, and which of
 *          them belong to this command: a keyword of another one is unknown.
 * xtext:   checked and kept as received; never decoded, so that what it hides (CR, LF) stays hidden.
 * Owns:    nothing; the struct bytes point into the input.
 * Errors:  the first wrong parameter decides the result; *out is then untouched.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_params.c, tests/fuzz/fuzz_smtp_params.c
 */
#ifndef MAIL_SMTP_PARAMS_H
#define MAIL_SMTP_PARAMS_H

#include <base/bytes.h>

enum smtp_extension {
    SMTP_EXT_SIZE = 1 << 0,
    SMTP_EXT_BODY = 1 << 1, /* 8BITMIME and BINARYMIME */
    SMTP_EXT_SMTPUTF8 = 1 << 2,
    SMTP_EXT_DSN_MAIL = 1 << 3, /* RET, ENVID */
    SMTP_EXT_DSN_RCPT = 1 << 4, /* NOTIFY, ORCPT */
    SMTP_EXT_AUTH = 1 << 5      /* AUTH= of MAIL: checked, means nothing here */
};
enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };
enum { SMTP_ENVID_MAX = 100, SMTP_ORCPT_MAX = 500 }; /* RFC 3461 4.2, 4.4 */

struct smtp_params {
    uint64_t size; /* 0 = not said; a number that does not fit is UINT64_MAX */
    enum smtp_body body;
    bool smtputf8;
    /* Whole parameters, KEYWORD=value as received; empty = not said. */
    struct bytes ret, envid, notify, orcpt;
};

enum smtp_params_result {
    SMTP_PARAMS_OK,
    SMTP_PARAMS_SYNTAX, /* 501 5.5.4: malformed, a bad value, or the same keyword twice */
    SMTP_PARAMS_UNKNOWN /* 555 5.5.4: a keyword that was not offered */
};

enum smtp_params_result smtp_params_parse(struct bytes in, uint32_t offered, struct smtp_params *out);

#endif
