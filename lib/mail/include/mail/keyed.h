/* keyed.h - keyed hashing, key derivation, constant-time comparison (libsodium inside).
 *
 * Threads: any, after keyed_init().
 * Tests:   tests/unit/mail/test_keyed.c
 */
#ifndef MAIL_KEYED_H
#define MAIL_KEYED_H

#include <base/bytes.h>
#include <base/err.h>

#include <stdint.h>

enum { HASH_KEY_BYTES = 16 };
struct hash_key {
    uint8_t k[HASH_KEY_BYTES];
};

/* Once in every program, before anything else of lib/mail. */
TRAP_NODISCARD enum trap_err keyed_init(void);

/* SipHash-2-4. */
uint64_t keyed_hash(const struct hash_key *key, struct bytes in);
/* BLAKE2b: where 64 bits are too few to say that two inputs were the same. */
enum { KEYED_DIGEST_BYTES = 16 };
void keyed_digest(const struct hash_key *key, struct bytes in, uint8_t out[static KEYED_DIGEST_BYTES]);
bool keyed_equal(struct bytes a, struct bytes b);      /* time depends on the lengths only */
void keyed_random(uint8_t *out, size_t n);
void keyed_wipe(void *p, size_t n);

/* Hash keys for uses other than addresses, from the master: "policy" = listing delays and expiry offsets,
 * "trapdir", … Every holder of the master gets the same, so that two machines compute the same listings. */
struct hash_key keyed_purpose(const uint8_t master[32], const char purpose[static 1]);

#endif
