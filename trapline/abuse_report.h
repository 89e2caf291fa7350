/* abuse_report.h - one listing as a message for an abuse desk: RFC 5965, with an XARF v4 document inside.
 *
 * Why:     who runs the network of a sender can only act on what he is told; and he may be the spammer.
 * Told:    the address or /64, when the listing began (the zone shows that anyway), how many messages counted, the
 *          UTC day of the newest one. Nothing that a sender wrote, no name of ours, no time of day: no octet of
 *          the message, the envelope or HELO is looked at, so no trap can be in it in any encoding (docs/adr/0032).
 * Form:    multipart/report; report-type=feedback-report of three parts (RFC 6522): multipart/mixed of text and
 *          XARF (category reputation, type blocklist); message/feedback-report; text/rfc822-headers. US-ASCII, lines
 *          end with LF: what a sendmail command takes. The same listing gives the same id, whenever it is written.
 * Owns:    borrows everything.
 * Errors:  TRAP_ENOMEM.
 * Threads: any.
 * Tests:   tests/functional/test_report.py
 */
#ifndef TRAPLINE_ABUSE_REPORT_H
#define TRAPLINE_ABUSE_REPORT_H

#include <base/buf.h>
#include <base/ip.h>
#include <base/time.h>
#include <mail/keyed.h>

#include <jansson.h>

enum { ABUSE_REPORT_ID_MAX = 37, ABUSE_REPORT_BYTES_MAX = 1 << 14 };

struct abuse_report {
    struct prefix key;     /* ip_key() of the sender */
    struct bytes from, to; /* ASCII addresses local@domain: abuse_report_address() */
    wall_t since, last, now;
    uint64_t messages;
    char id[ABUSE_REPORT_ID_MAX]; /* UUID */
};

/* Is it an address that can stand in a header field as it is: dot-atom@domain, at most 254 octets (RFC 5321 4.5.3.1.3)? */
bool abuse_report_address(struct bytes address);
/* Behind the "@". */
struct bytes abuse_report_domain(struct bytes address);
/* From key and since, and nothing else. */
void abuse_report_identify(struct abuse_report *r, const struct hash_key *key);
/* NULL: out of memory. */
json_t *abuse_report_xarf(const struct abuse_report *r);
TRAP_NODISCARD enum trap_err abuse_report_write(const struct abuse_report *r, struct buf *out);

#endif
