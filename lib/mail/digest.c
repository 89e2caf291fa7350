/* digest.c - SHA-256 of a stream. */
#include <mail/digest.h>

#include <sodium.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(((struct digest *)0)->state), "the state fits");
_Static_assert(crypto_hash_sha256_BYTES == DIGEST_BYTES, "a digest is 32 bytes");

static crypto_hash_sha256_state *state_of(struct digest *d)
{
    return (crypto_hash_sha256_state *)(void *)d->state;
}

void digest_init(struct digest *d)
{
    (void)crypto_hash_sha256_init(state_of(d));
}

void digest_add(struct digest *d, struct bytes in)
{
    (void)crypto_hash_sha256_update(state_of(d), in.p, in.n);
}

const char *digest_hex(struct digest *d, char out[DIGEST_HEX_MAX])
{
    uint8_t raw[DIGEST_BYTES];

    (void)crypto_hash_sha256_final(state_of(d), raw);
    return sodium_bin2hex(out, DIGEST_HEX_MAX, raw, sizeof(raw));
}

const char *digest_of(struct bytes in, char out[DIGEST_HEX_MAX])
{
    struct digest d;

    digest_init(&d);
    digest_add(&d, in);
    return digest_hex(&d, out);
}
