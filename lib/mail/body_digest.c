/* Two sums side by side. The exact one folds in words of eight octets. The other looks at 64 octets at a time
 * as bit masks (word_mask.h) and adds a mixed number for each word that is kept: a sum, so that one word does
 * not wait for the one before it. A word that reaches the end of the 64 octets is looked at again with what
 * follows. */
#include "word_mask.h"

#include <mail/body_digest.h>

static const uint64_t factor = 0x9e3779b97f4a7c15u, other_factor = 0xc2b2ae3d27d4eb4fu;

enum { KEPT_PART = 4, KEPT_MIN = 64, LOAD_SLACK = 16 };

#define KEEP(octets) ((octets) == 8 ? UINT64_MAX : ((uint64_t)1 << (octets) % 8 * 8) - 1)

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
    *d = (struct body_digest){ .exact = { 0x7472617070656432u, factor } }; /* version 2 */
}

/* ---- the octets as they are ---- */

static void exact_octet(struct body_digest *d, uint8_t c)
{
    d->word |= (uint64_t)c << (d->length % 8 * 8);
    d->length++;
    if (d->length % 8 == 0) {
        const unsigned lane = d->length / 8 % 2;

        d->exact[lane] = mix(d->exact[lane], d->word);
        d->word = 0;
    }
}

static void add_exact(struct body_digest *d, struct bytes s)
{
    size_t i = 0;

    while (i < s.n && d->length % 16 != 0)
        exact_octet(d, s.p[i++]);
    for (; i + 16 <= s.n; i += 16) {
        d->exact[1] = mix(d->exact[1], little_endian(s.p + i));
        d->exact[0] = mix(d->exact[0], little_endian(s.p + i + 8));
        d->length += 16;
    }
    while (i < s.n)
        exact_octet(d, s.p[i++]);
}

/* ---- words ---- */

static uint64_t low_bits(unsigned n)
{
    return n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

/* Of BODY_DIGEST_WORD_MAX octets or fewer; 16 are read. Bit 5 makes letters lower-case. */
static uint64_t word_hash(const uint8_t *p, unsigned n)
{
    static const uint64_t first[BODY_DIGEST_WORD_MAX + 1] = { KEEP(0), KEEP(1), KEEP(2), KEEP(3),
                                                              KEEP(4), KEEP(5), KEEP(6), KEEP(7),
                                                              KEEP(8), KEEP(8), KEEP(8), KEEP(8) };
    static const uint64_t second[BODY_DIGEST_WORD_MAX + 1] = {
        [9] = KEEP(1), [10] = KEEP(2), [11] = KEEP(3)
    };
    const uint64_t lower = 0x2020202020202020u;
    uint64_t h = ((little_endian(p) | lower) & first[n]) * factor +
                 ((little_endian(p + 8) | lower) & second[n]) * other_factor;

    h ^= h >> 29;
    h *= other_factor;
    return h ^ (h >> 32);
}

static void add_high(struct body_digest *d, const uint8_t *p, uint64_t high)
{
    for (; high != 0; high &= high - 1) {
        d->high = mix(d->high, p[__builtin_ctzll(high)]);
        d->kept++;
    }
}

/* Of the words that are kept: the bit behind the last octet. A word that is kept begins with a letter and is
 * neither too short nor too long. An addition at its first octet carries through to the bit behind it, or
 * stops at a mark inside. */
static uint64_t ends_of_kept(uint64_t in_word, const struct word_mask *m)
{
    const uint64_t two = in_word & in_word >> 1, four = two & two >> 2, eight = four & four >> 4;
    const uint64_t three = two & in_word >> 2, twelve = eight & four >> 8;
    const uint64_t starts = in_word & ~(in_word << 1) & m->letter & three & ~twelve;

    return (starts + (in_word & ~m->mark)) & ~in_word;
}

/* The words that begin and end in the first n (<= 64) of the octets at p. Returns how many octets are done
 * with: n, or where a word begins that reaches the end. */
static size_t add_block(struct body_digest *d, const uint8_t *p, unsigned n, bool last)
{
    const struct word_mask m = word_mask(p);
    const uint64_t valid = low_bits(n);
    uint64_t in_word = (m.letter | m.mark | m.joint) & valid, ends, words = 0, kept = 0;
    unsigned end = n;

    if (d->in_long) { /* leave out the rest of it */
        const uint64_t rest = ~in_word;
        const unsigned skip = rest == 0 ? 64 : (unsigned)__builtin_ctzll(rest);

        if (skip >= n)
            return n;
        d->in_long = false;
        in_word &= ~low_bits(skip);
    }
    if (!last && (in_word >> (n - 1) & 1) != 0) {
        const uint64_t gaps = ~in_word & valid;

        end = gaps == 0 ? 0 : 64 - (unsigned)__builtin_clzll(gaps);
        if (n - end > BODY_DIGEST_WORD_MAX) {
            d->in_long = true;
            in_word &= low_bits(end);
            end = n;
        }
        in_word &= low_bits(end);
    }
    for (ends = ends_of_kept(in_word, &m); ends != 0; ends &= ends - 1) {
        const unsigned behind = (unsigned)__builtin_ctzll(ends);
        const unsigned len = (unsigned)__builtin_clzll(~(in_word << (64 - behind)));

        words += word_hash(p + behind - len, len);
        kept += len;
    }
    d->words += words;
    d->kept += kept;
    if ((m.high & valid & low_bits(end)) != 0)
        add_high(d, p, m.high & valid & low_bits(end));
    return end;
}

/* Octets wait in `held` as long as fewer than 80 are known: 64 of a block, and 16 that word_hash may read. */
static void add_words(struct body_digest *d, struct bytes s)
{
    while (d->held_n > 0 && s.n > 0) {
        const size_t before = d->held_n;
        const size_t take = s.n < BODY_DIGEST_HELD - before ? s.n : BODY_DIGEST_HELD - before;
        size_t done;

        memcpy(d->held + before, s.p, take);
        if (before + take < BODY_DIGEST_HELD) {
            d->held_n = (uint8_t)(before + take);
            return;
        }
        done = add_block(d, d->held, WORD_MASK_OCTETS, false);
        if (done >= before) {
            s = bytes_skip(s, done - before);
            d->held_n = 0;
        } else {
            memmove(d->held, d->held + done, before - done);
            d->held_n = (uint8_t)(before - done);
        }
    }
    while (s.n >= WORD_MASK_OCTETS + LOAD_SLACK)
        s = bytes_skip(s, add_block(d, s.p, WORD_MASK_OCTETS, false));
    if (s.n > 0) {
        memcpy(d->held, s.p, s.n);
        d->held_n = (uint8_t)s.n;
    }
}

void body_digest_add(struct body_digest *d, struct bytes s)
{
    add_exact(d, s);
    add_words(d, s);
}

uint64_t body_digest_value(const struct body_digest *d)
{
    struct body_digest end = *d;
    uint8_t tail[BODY_DIGEST_HELD + WORD_MASK_OCTETS] = { 0 };
    size_t at = 0;
    uint64_t hash;

    memcpy(tail, d->held, d->held_n);
    if (d->held_n >= WORD_MASK_OCTETS)
        at = add_block(&end, tail, WORD_MASK_OCTETS, false);
    (void)add_block(&end, tail + at, (unsigned)(d->held_n - at), true);
    if (end.kept < KEPT_MIN || end.kept * KEPT_PART < end.length)
        hash = mix(mix(mix(mix(end.exact[0], factor), end.exact[1]), end.word), end.length);
    else
        hash = mix(mix(end.words, end.high), end.kept);
    hash = mix(hash, factor);
    return hash != 0 ? hash : 1;
}
