/* certificate.h - the sink's own pair of certificates: self-signed, ECDSA P-256 and RSA 2048; and a look at
 * any certificate file (OpenSSL inside).
 *
 * Why:     senders that use STARTTLS when they can verify nothing; a certificate only has to be there, of a
 *          kind that every one of them knows. Nothing in it names this software: subject and alternative name
 *          are the host's name, the serial number is drawn, the form is what a Debian machine makes for
 *          itself.
 * Files:   DIR/tls/ecdsa.pem and rsa.pem, 0600, each with its private key. Never overwritten.
 * Threads: main only.
 * Tests:   tests/functional/test_smtp_tls.py, test_cli.py, test_check.py
 */
#ifndef TRAPLINE_CERTIFICATE_H
#define TRAPLINE_CERTIFICATE_H

#include <base/buf.h>
#include <base/err.h>
#include <base/time.h>

/* Makes those of the pair that are not there; *made_out counts them. */
TRAP_NODISCARD enum trap_err certificates_make(const char *dir, const char *hostname, unsigned *made_out,
                                               struct err_text *why);

struct certificate_facts {
    char name[256]; /* common name of the subject, "" without one; any octets */
    wall_t until;
};
/* What trapsmtp asks of a file of tls_certificates: a certificate, and its private key without passphrase. */
TRAP_NODISCARD enum trap_err certificate_look(const char *path, struct certificate_facts *out,
                                              struct err_text *why);

#endif
