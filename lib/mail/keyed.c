#include <mail/keyed.h>

#include <sodium.h>

_Static_assert(HASH_KEY_BYTES == crypto_shorthash_KEYBYTES, "a hash key is a SipHash key");
_Static_assert(HASH_KEY_BYTES >= crypto_generichash_KEYBYTES_MIN &&
                   (int)KEYED_DIGEST_BYTES >= (int)crypto_generichash_BYTES_MIN,
               "a hash key serves BLAKE2b, too");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash is 64 bits");

/* crypto_kdf makes a key for purposes out of the master; the purpose's name is then hashed under it. Names
 * can so be of any length, and no purpose can meet a key of the mint, which has other contexts (mint_keys.c).
 */
enum { PURPOSE_SUBKEY = 1 };
static const char purpose_context[crypto_kdf_CONTEXTBYTES] = { 't', 'l', 'p', 'u', 'r', 'p', 'o', 's' };

enum trap_err keyed_init(void)
{
    return sodium_init() == -1 ? TRAP_EIO : TRAP_OK;
}

uint64_t keyed_hash(const struct hash_key *key, struct bytes in)
{
    uint8_t out[crypto_shorthash_BYTES];
    uint64_t hash = 0;

    (void)crypto_shorthash(out, in.p, in.n, key->k);
    for (size_t i = sizeof(out); i > 0; i--)
        hash = hash << 8 | out[i - 1];
    return hash;
}

void keyed_digest(const struct hash_key *key, struct bytes in, uint8_t out[static KEYED_DIGEST_BYTES])
{
    (void)crypto_generichash(out, KEYED_DIGEST_BYTES, in.p, in.n, key->k, sizeof(key->k));
}

bool keyed_equal(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    return a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0;
}

void keyed_random(uint8_t *out, size_t n)
{
    randombytes_buf(out, n);
}

void keyed_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

struct hash_key keyed_purpose(const uint8_t master[32], const char purpose[static 1])
{
    const struct bytes name = bytes_str(purpose);
    uint8_t root[crypto_generichash_KEYBYTES];
    struct hash_key key;

    (void)crypto_kdf_derive_from_key(root, sizeof(root), PURPOSE_SUBKEY, purpose_context, master);
    (void)crypto_generichash(key.k, sizeof(key.k), name.p, name.n, root, sizeof(root));
    sodium_memzero(root, sizeof(root));
    return key;
}
