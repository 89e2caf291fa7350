/* link_host.h - a host as spam writes it, in its one form. Private to links.c.
 *
 * Owns:    nothing.   Errors: TRAP_EINVAL: no host.   Threads: any.
 * Tests:   tests/unit/mail/test_links.c
 */
#ifndef MAIL_LINK_HOST_H
#define MAIL_LINK_HOST_H

#include <mail/dns_name.h>

/* `authority` of a URL (RFC 3986 3.2): user information and port are taken away. */
TRAP_NODISCARD enum trap_err link_authority_read(struct bytes authority, char out[DNS_NAME_TEXT_MAX]);
/* The name behind "@" or "www.": no numbers for addresses. */
TRAP_NODISCARD enum trap_err link_name_read(struct bytes name, char out[DNS_NAME_TEXT_MAX]);
/* Undoes percent-encoding (RFC 3986 2.1), in one pass. Returns the length; `out` has room for in.n. */
size_t link_percent_undo(struct bytes in, uint8_t *out);

#endif
