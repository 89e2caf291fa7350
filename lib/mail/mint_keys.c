#include "mint_keys.h"

#include <sodium.h>

_Static_assert(KEY_BYTES == crypto_kdf_KEYBYTES, "master and node keys are derived from");
_Static_assert(KEY_OUTER_BYTES >= crypto_kdf_BYTES_MIN, "the outer secret is derived");
_Static_assert(KEY_OUTER_BYTES >= crypto_generichash_KEYBYTES_MIN, "the outer secret is a key of BLAKE2b");

static const char node_context[crypto_kdf_CONTEXTBYTES] = { 't', 'l', 'm', 'i', 'n', 't', '_', 'n' };
static const char epoch_context[crypto_kdf_CONTEXTBYTES] = { 't', 'l', 'm', 'i', 'n', 't', '_', 'e' };
static const char outer_context[crypto_kdf_CONTEXTBYTES] = { 't', 'l', 'm', 'i', 'n', 't', '_', 'o' };

void mint_key_node(const uint8_t master[KEY_BYTES], uint8_t node_id, uint8_t out[KEY_BYTES])
{
    (void)crypto_kdf_derive_from_key(out, KEY_BYTES, node_id, node_context, master);
}

void mint_key_outer(const uint8_t master[KEY_BYTES], uint8_t out[KEY_OUTER_BYTES])
{
    (void)crypto_kdf_derive_from_key(out, KEY_OUTER_BYTES, 1, outer_context, master);
}

void mint_key_epoch(const uint8_t node[KEY_BYTES], uint32_t epoch, struct hash_key *out)
{
    (void)crypto_kdf_derive_from_key(out->k, sizeof(out->k), epoch, epoch_context, node);
}

static void expand(const uint8_t outer[KEY_OUTER_BYTES], struct bytes use, struct hash_key *out)
{
    (void)crypto_generichash(out->k, sizeof(out->k), use.p, use.n, outer, KEY_OUTER_BYTES);
}

void mint_outer_expand(const uint8_t outer[KEY_OUTER_BYTES], struct mint_outer *out)
{
    expand(outer, BYTES("mint 1 outer rounds"), &out->rounds);
    expand(outer, BYTES("mint 1 outer tweak"), &out->outer_tweak);
    expand(outer, BYTES("mint 1 inner tweak"), &out->inner_tweak);
}
