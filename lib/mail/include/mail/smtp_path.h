/* smtp_path.h - the path of MAIL FROM and RCPT TO (RFC 5321 4.1.2, 4.1.3; RFC 6531 3.3).
 *
 * Takes:   <local@domain>, <> (reverse-path), <postmaster> (forward-path), quoted local-parts, source routes
 *          (dropped, RFC 5321 appendix C), address literals, UTF-8 octets (flagged: the caller decides).
 * Sloppy:  what spamware gets wrong and we still understand is taken and flagged: no angle brackets,
 *          characters in the local-part that want quotes, a dot at the end of the domain, no domain in a
 *          reverse-path.
 * Refuses: unbalanced quotes and brackets, text glued to the path, control characters, empty parts, more
 *          than SMTP_ADDRESS_MAX bytes.
 *          Nothing is ever cut: an address is taken as a whole or not at all.
 * Owns:    nothing; the parts point into the input.
 * Errors:  TRAP_EINVAL, outputs untouched.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_path.c, tests/fuzz/fuzz_smtp_path.c
 */
#ifndef MAIL_SMTP_PATH_H
#define MAIL_SMTP_PATH_H

#include <base/bytes.h>
#include <base/err.h>

enum {
    SMTP_ADDRESS_MAX = 320
}; /* 64 + "@" + 255: local-part and domain at their limits (RFC 5321 4.5.3.1) */
enum smtp_path_kind { SMTP_REVERSE_PATH, SMTP_FORWARD_PATH };

struct smtp_path {
    struct bytes
        local; /* as received; a quoted one that needs no quotes comes without them, others keep them */
    struct bytes domain; /* without the dot at its end; with the brackets of a literal */
    bool null;           /* <> */
    bool quoted;         /* local still has its quotes */
    bool route;          /* a source route was dropped */
    bool literal;        /* the domain is an address literal */
    bool sloppy;
    bool utf8; /* octets above 127, valid UTF-8 */
};

/* `in` starts at the path. *rest_out is what follows it (ESMTP parameters), without blanks in front. */
TRAP_NODISCARD enum trap_err smtp_path_parse(struct bytes in, enum smtp_path_kind kind, struct smtp_path *out,
                                             struct bytes *rest_out);

#endif
