/* dns_name.h - names that came out of the DNS, or go into it.
 *
 * Why:     an answer may hold any octet; what goes on record, into a log line or into the next question has the form
 *          of RFC 1035 2.3.1 with RFC 1123 2.1 and "_" (RFC 8552), and nothing else.
 * Units:   text without the dot at the end; at most 253 octets, labels of 1 to 63.
 * Owns:    nothing.   Threads: any.
 * Tests:   tests/unit/mail/test_dns_name.c, tests/fuzz/fuzz_spf_record.c
 */
#ifndef MAIL_DNS_NAME_H
#define MAIL_DNS_NAME_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/ip.h>

enum { DNS_NAME_MAX = 253, DNS_NAME_TEXT_MAX = 256, DNS_LABEL_MAX = 63 };

/* Letters, digits, "-" and "_" in labels; no hyphen at the ends of one; one dot at the end is taken away; lower
 * case. NUL-terminated. TRAP_EINVAL. */
TRAP_NODISCARD enum trap_err dns_name_read(struct bytes in, char out[DNS_NAME_TEXT_MAX]);

/* Is name `domain`, or below it? Any case. */
bool dns_name_is_below(struct bytes name, struct bytes domain);

/* "1.113.0.203.in-addr.arpa", the nibbles and "ip6.arpa"; with a zone: before that zone (RFC 5782). TRAP_ERANGE:
 * too long. */
TRAP_NODISCARD enum trap_err dns_name_reverse(struct ip a, const char *zone, char out[DNS_NAME_TEXT_MAX]);

#endif
