/* smtp_domain.h - a domain with octets above 127 as it stands in the DNS (RFC 5890, RFC 6531 3.3).
 *
 * Why:     <a@bücher.example> and <a@xn--bcher-kva.example> are one mailbox; the configuration knows the
 *          second.
 * Form:    UTS 46, not transitional: case folded, NFC, each U-label into its A-label.
 * Limits:  SMTP_DOMAIN_MAX bytes in and out.
 * Owns:    out is the caller's.
 * Errors:  TRAP_EINVAL for what can be no name; TRAP_ENOMEM. Outputs untouched.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_domain.c
 */
#ifndef MAIL_SMTP_DOMAIN_H
#define MAIL_SMTP_DOMAIN_H

#include <base/bytes.h>
#include <base/err.h>

enum { SMTP_DOMAIN_MAX = 255 };

/* Lower case, *n_out bytes, no NUL. */
TRAP_NODISCARD enum trap_err smtp_domain_ascii(struct bytes in, uint8_t out[static SMTP_DOMAIN_MAX],
                                               size_t *n_out);

#endif
