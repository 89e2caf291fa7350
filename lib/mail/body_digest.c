#include <mail/body_digest.h>

/* Words of eight octets, little endian, folded in by an odd 64-bit constant and a shift; the length and the
 * tail come last. */
static const uint64_t factor = 0x9e3779b97f4a7c15u;

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * factor;
    return hash ^ (hash >> 32);
}

static uint64_t little_endian(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

void body_digest_init(struct body_digest *d)
{
    *d = (struct body_digest){ .hash = 0x7472617070656431u }; /* version 1 */
}

static void add_octet(struct body_digest *d, uint8_t c)
{
    d->word |= (uint64_t)c << (d->length % 8 * 8);
    d->length++;
    if (d->length % 8 == 0) {
        d->hash = mix(d->hash, d->word);
        d->word = 0;
    }
}

void body_digest_add(struct body_digest *d, struct bytes s)
{
    size_t i = 0;

    while (i < s.n && d->length % 8 != 0)
        add_octet(d, s.p[i++]);
    for (; i + 8 <= s.n; i += 8) {
        d->hash = mix(d->hash, little_endian(s.p + i));
        d->length += 8;
    }
    while (i < s.n)
        add_octet(d, s.p[i++]);
}

uint64_t body_digest_value(const struct body_digest *d)
{
    const uint64_t hash = mix(mix(mix(d->hash, d->word), d->length), factor);

    return hash != 0 ? hash : 1;
}
