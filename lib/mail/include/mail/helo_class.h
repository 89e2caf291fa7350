/* helo_class.h - what kind of name a client gave in HELO or EHLO: evidence of manners, never a reason to
 * refuse (RFC 5321 4.1.4).
 *
 * Order:   the first that fits of: none, own name, literal, bare IP, malformed, no dot, dynamic, name.
 * Own:     a name is ours when the caller says so of it or of a domain above it; one dot at its end and case
 *          do not matter. The address that the client connected to is ours, too, in brackets or bare. Who
 *          introduces himself with our name is nobody we know.
 * Literal: RFC 5321 4.1.3 only: [192.0.2.1], [IPv6:2001:db8::1], [TAG:TEXT]. Other brackets are malformed.
 * Malformed: what RFC 5321 4.1.2 (Domain), RFC 1123 2.1 and, for octets above 127, RFC 6531 do not allow:
 *          empty labels, a dot at the end, hyphens at the ends of a label, labels over 63 or names over 253
 *          octets, other characters, broken UTF-8, a last label of digits. "_" is allowed: many real hosts
 *          have it.
 * Dynamic: the name holds the client's address: four decimal numbers in order or backwards, with anything but
 *          digits between them; the same in twelve digits (192000002001); in eight hexadecimal ones; for IPv6
 *          its 32 digits (16 of the host part) without what stands between them, in order or backwards, or
 *          its text with hyphens for colons. Or it has a word that networks give to rows of hosts (table in
 *          helo_class.c: dsl, dyn, pool, ...) and a digit, left of the last two labels, and no word there
 *          that says mail server.
 * Owns:    nothing.   Errors: cannot fail.   Threads: any.
 * Tests:   tests/unit/mail/test_helo_class.c
 */
#ifndef MAIL_HELO_CLASS_H
#define MAIL_HELO_CLASS_H

#include <base/bytes.h>
#include <base/ip.h>

/* Stored: values never change. */
enum helo_class {
    HELO_NONE = 0,      /* neither HELO nor EHLO */
    HELO_NAME = 1,      /* looks like a host's name */
    HELO_OWN_NAME = 2,  /* ours */
    HELO_LITERAL = 3,   /* [192.0.2.1] */
    HELO_BARE_IP = 4,   /* 192.0.2.1 */
    HELO_NO_DOT = 5,    /* "localhost", "PC-7" */
    HELO_DYNAMIC = 6,   /* looks like a name given to a row of hosts */
    HELO_MALFORMED = 7, /* no name at all */
    HELO_CLASSES
};

/* Where the client came from and to, and which names are ours. */
struct helo_context {
    struct ip client, local;
    bool (*is_own)(struct bytes name, const void *arg); /* NULL: none is; exact comparison in any case */
    const void *arg;
};

enum helo_class helo_class(struct bytes helo, const struct helo_context *context);
/* "none", "name", "own_name", "literal", "bare_ip", "no_dot", "dynamic", "malformed"; "unknown" for
 * others. */
const char *helo_class_name(unsigned helo_class);

#endif
