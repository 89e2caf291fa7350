/* mint_keys.h - the keys of the mint: master, node, epoch, outer; all derived with libsodium's crypto_kdf
 * (BLAKE2b).
 *
 * Contexts: "tlmint_n" node key = kdf(master, node id); "tlmint_e" epoch key = kdf(node key, epoch);
 *           "tlmint_o" outer secret = kdf(master, 1). From the outer secret, which every web node holds,
 *           keyed BLAKE2b makes one key for the rounds and one for each of the two tweaks.
 * Owns:     the caller wipes what he was given.
 * Threads:  any. Tests: tests/unit/mail/test_mint.c, tests/fixtures/mint/golden_1.py
 */
#ifndef MINT_KEYS_H
#define MINT_KEYS_H

#include <base/keyring.h>
#include <mail/keyed.h>

struct mint_outer {
    struct hash_key rounds, outer_tweak, inner_tweak;
};

void mint_key_node(const uint8_t master[KEY_BYTES], uint8_t node_id, uint8_t out[KEY_BYTES]);
void mint_key_outer(const uint8_t master[KEY_BYTES], uint8_t out[KEY_OUTER_BYTES]);
void mint_key_epoch(const uint8_t node[KEY_BYTES], uint32_t epoch, struct hash_key *out);
void mint_outer_expand(const uint8_t outer[KEY_OUTER_BYTES], struct mint_outer *out);

#endif
