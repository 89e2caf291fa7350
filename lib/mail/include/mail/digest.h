/* digest.h - SHA-256 of a stream (libsodium inside): manifests of zone sets, digests of policies.
 *
 * Use:     digest_init(), digest_add() any number of times, digest_hex() once.
 * Owns:    nothing; a struct digest may be dropped at any time.
 * Errors:  cannot fail.
 * Threads: one owner.
 * Tests:   tests/unit/mail/test_digest.c (FIPS 180-4 examples, every split point)
 */
#ifndef MAIL_DIGEST_H
#define MAIL_DIGEST_H

#include <base/bytes.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX_MAX = 65 };

struct digest {
    _Alignas(16) uint8_t state[128]; /* libsodium's own; size checked in digest.c */
};

void digest_init(struct digest *d);
void digest_add(struct digest *d, struct bytes in);
/* Lower-case hex with NUL. Returns `out`. */
const char *digest_hex(struct digest *d, char out[DIGEST_HEX_MAX]);
/* The three in one. */
const char *digest_of(struct bytes in, char out[DIGEST_HEX_MAX]);

#endif
