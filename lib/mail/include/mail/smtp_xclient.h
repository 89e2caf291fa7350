/* smtp_xclient.h - the attributes of XCLIENT and XFORWARD, by which a trusted peer says who the client is
 * (Postfix XCLIENT_README, XFORWARD_README).
 *
 * Form:    SP-separated NAME=value; values in xtext (RFC 3461 4: "+" and two hex digits; Exim writes them in
 *          lower case); [UNAVAILABLE] and [TEMPUNAVAIL] for what the proxy does not know. ADDR and DESTADDR:
 *          IPv4, or IPv6 behind "IPV6:". IPv4-mapped addresses become IPv4.
 * XCLIENT: NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT; NAME and LOGIN are checked and not kept. One
 *          mistake refuses all of it: the peer can say it again.
 * XFORWARD: NAME ADDR PORT PROTO HELO IDENT SOURCE; NAME, IDENT and SOURCE are not kept. The peer goes on
 *          with its mail whatever the answer is, so that all that can be read is taken: see
 *          smtp_xforward_parse().
 * Owns:    the struct holds its own copies.
 * Errors:  TRAP_EINVAL for an unknown or repeated attribute, a bad value, or none at all.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_xclient.c
 */
#ifndef MAIL_SMTP_XCLIENT_H
#define MAIL_SMTP_XCLIENT_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/ip.h>

enum { SMTP_XCLIENT_HELO_MAX = 255 };
enum smtp_xclient_attribute {
    SMTP_XCLIENT_NAME = 1 << 0,
    SMTP_XCLIENT_ADDR = 1 << 1,
    SMTP_XCLIENT_PORT = 1 << 2,
    SMTP_XCLIENT_PROTO = 1 << 3,
    SMTP_XCLIENT_HELO = 1 << 4,
    SMTP_XCLIENT_LOGIN = 1 << 5,
    SMTP_XCLIENT_DESTADDR = 1 << 6,
    SMTP_XCLIENT_DESTPORT = 1 << 7,
    SMTP_XFORWARD_IDENT = 1 << 8,
    SMTP_XFORWARD_SOURCE = 1 << 9
};

struct smtp_xclient {
    uint32_t given;   /* enum smtp_xclient_attribute: with a value */
    uint32_t unknown; /* named, and not known to the proxy */
    struct ip addr, destaddr;
    uint16_t port, destport;
    bool esmtp; /* PROTO */
    bool tls;   /* PROTO of XFORWARD: "ESMTPS" and the like (RFC 3848) */
    bool cut;   /* HELO of XFORWARD: longer than is kept */
    uint8_t helo_len;
    uint8_t helo[SMTP_XCLIENT_HELO_MAX];
};

/* *out is untouched by an error. */
TRAP_NODISCARD enum trap_err smtp_xclient_parse(struct bytes argument, struct smtp_xclient *out);

/* Adds to what earlier commands said in *x (zeroed at first); what is named again is replaced. An attribute
 * with a bad value, or named twice in one command, is unknown; a HELO that is too long is cut. TRAP_EINVAL:
 * there was such a mistake, and the rest was taken. */
TRAP_NODISCARD enum trap_err smtp_xforward_parse(struct bytes argument, struct smtp_xclient *x);

/* At most `cap` bytes into out; control characters are refused, encoded or not. */
TRAP_NODISCARD enum trap_err smtp_xtext_decode(struct bytes in, uint8_t *out, size_t cap, size_t *n_out);

#endif
