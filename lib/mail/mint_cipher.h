/* mint_cipher.h - keyed permutations of 39 and of 47 bits, with a tweak.
 *
 * Why:     an address must not show which node or visit it is from, and a guess must not meet the check
 *          bits but by chance; a permutation of exactly the right width loses no bit of the text.
 * How:     Feistel network, ten rounds, SipHash-2-4 of (tweak, round, half) as round function; the high
 *          half has width/2 bits, rounded down (docs/adr/0004-mint.md tells why).
 * Threads: any.
 * Tests:   tests/unit/mail/test_mint_cipher.c
 */
#ifndef MINT_CIPHER_H
#define MINT_CIPHER_H

#include <mail/keyed.h>

enum { MINT_CIPHER_ROUNDS = 10, MINT_CIPHER_WIDTH_MAX = 48 };

/* `x` < 2^width, 2 <= width <= MINT_CIPHER_WIDTH_MAX; so is the result. */
uint64_t mint_encipher(const struct hash_key *key, uint64_t tweak, unsigned width, uint64_t x);
uint64_t mint_decipher(const struct hash_key *key, uint64_t tweak, unsigned width, uint64_t x);

#endif
