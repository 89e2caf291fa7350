#include "mint_cipher.h"

static void put_le64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* A half has at most 24 bits, so that the round number has the top byte for itself. */
static uint64_t round_value(const struct hash_key *key, uint64_t tweak, unsigned round, uint64_t half)
{
    uint8_t in[16];

    put_le64(in, tweak);
    put_le64(in + 8, (uint64_t)round << 56 | half);
    return keyed_hash(key, bytes_of(in, sizeof(in)));
}

struct halves {
    uint64_t high, low, high_mask, low_mask;
    unsigned low_bits;
};

static struct halves split(unsigned width, uint64_t x)
{
    struct halves h;

    h.low_bits = width - width / 2;
    h.low_mask = ((uint64_t)1 << h.low_bits) - 1;
    h.high_mask = ((uint64_t)1 << (width / 2)) - 1;
    h.high = x >> h.low_bits & h.high_mask;
    h.low = x & h.low_mask;
    return h;
}

/* One round changes one half by the other and is its own inverse; even rounds change the high half. */
static void turn(struct halves *h, const struct hash_key *key, uint64_t tweak, unsigned round)
{
    if (round % 2 == 0)
        h->high ^= round_value(key, tweak, round, h->low) & h->high_mask;
    else
        h->low ^= round_value(key, tweak, round, h->high) & h->low_mask;
}

uint64_t mint_encipher(const struct hash_key *key, uint64_t tweak, unsigned width, uint64_t x)
{
    struct halves h = split(width, x);

    for (unsigned round = 0; round < MINT_CIPHER_ROUNDS; round++)
        turn(&h, key, tweak, round);
    return h.high << h.low_bits | h.low;
}

uint64_t mint_decipher(const struct hash_key *key, uint64_t tweak, unsigned width, uint64_t x)
{
    struct halves h = split(width, x);

    for (unsigned round = MINT_CIPHER_ROUNDS; round > 0; round--)
        turn(&h, key, tweak, round - 1);
    return h.high << h.low_bits | h.low;
}
