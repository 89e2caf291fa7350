/* smtp_auth.h - what a client says when it tries to log in: AUTH PLAIN and AUTH LOGIN (RFC 4954, 4616), line
 * by line.
 *
 * Why:     nobody can log in here; who tries and with what is evidence. The pure part: no reply, no storage.
 * Base64:  strict (RFC 4648 4): whole groups of four, padding only at the end, no other octet, no bits left
 *          over.
 * PLAIN:   authzid NUL authcid NUL passwd. Senders get it wrong: what has one NUL only, or "name NUL other
 *          NUL" with nothing behind it, is taken as name and password, what has none as a password without a
 *          name. Further NULs belong to the password.
 * LOGIN:   a name with a NUL is a response of PLAIN: its name is kept, the password in it is not.
 * Limits:  SMTP_AUTH_LINE_MAX octets a line (RFC 4954 4), the caller's to keep; SMTP_AUTH_USER_MAX of the
 *          name are kept (`cut` says that there was more).
 * Secrets: the password stands in the caller's `text` and nowhere else; the caller wipes it. Of mechanisms
 *          only names that exist are kept: any other word may be a password.
 * Threads: one owner.
 * Tests:   tests/unit/mail/test_smtp_auth.c, tests/fuzz/fuzz_smtp_auth.c
 */
#ifndef MAIL_SMTP_AUTH_H
#define MAIL_SMTP_AUTH_H

#include <base/bytes.h>
#include <base/err.h>

enum {
    SMTP_AUTH_LINE_MAX = 12288, /* with CRLF */
    SMTP_AUTH_TEXT_MAX = SMTP_AUTH_LINE_MAX / 4 * 3,
    SMTP_AUTH_USER_MAX = 255,
    SMTP_AUTH_MECHANISM_MAX = 32
};

struct smtp_auth {
    uint8_t step;
    uint8_t mechanism_len, user_len;
    bool cut; /* of the name */
    uint8_t mechanism[SMTP_AUTH_MECHANISM_MAX]; /* as received; empty: no name that exists */
    uint8_t user[SMTP_AUTH_USER_MAX];           /* decoded */
};

enum smtp_auth_event {
    SMTP_AUTH_CHALLENGE_EMPTY,    /* 334, nothing */
    SMTP_AUTH_CHALLENGE_USER,     /* 334 "Username:" */
    SMTP_AUTH_CHALLENGE_PASSWORD, /* 334 "Password:" */
    SMTP_AUTH_GIVEN,              /* all of it: *secret_out is the password, in `text` */
    SMTP_AUTH_CANCELLED,          /* "*" */
    SMTP_AUTH_BAD_BASE64,
    SMTP_AUTH_SYNTAX, /* no mechanism, or one that is no word */
    SMTP_AUTH_UNKNOWN /* another mechanism */
};

/* The argument of AUTH. After a challenge smtp_auth_line() follows with the client's next line; after any
 * other event the exchange is over. */
enum smtp_auth_event smtp_auth_begin(struct smtp_auth *a, struct bytes argument,
                                     uint8_t text[static SMTP_AUTH_TEXT_MAX], struct bytes *secret_out);
enum smtp_auth_event smtp_auth_line(struct smtp_auth *a, struct bytes line,
                                    uint8_t text[static SMTP_AUTH_TEXT_MAX], struct bytes *secret_out);

/* RFC 4648 4, strict. TRAP_EINVAL, TRAP_ERANGE (more than cap); outputs untouched but for what was
 * written. */
TRAP_NODISCARD enum trap_err smtp_base64_decode(struct bytes in, uint8_t *out, size_t cap, size_t *n_out);

#endif
