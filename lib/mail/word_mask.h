/* word_mask.h - what 64 octets are, a bit each: the first step of body_digest.c.
 *
 * Why:     looking at one octet after the other would take longer than all the rest.
 * Forms:   word_mask_plain anywhere; word_mask with SSE2, which every x86-64 has. Both give the same bits.
 * Threads: any.
 * Tests:   tests/unit/mail/test_body_digest.c
 */
#ifndef MAIL_WORD_MASK_H
#define MAIL_WORD_MASK_H

#include <base/bytes.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WORD_MASK_OCTETS = 64 };
struct word_mask {
    uint64_t letter; /* A-Z, a-z */
    uint64_t mark;   /* 0-9, "@": a word with one of them is not kept */
    uint64_t joint;  /* . - _ +: part of a word, but not its first octet */
    uint64_t high;   /* 128-255 */
};

static inline struct word_mask word_mask_plain(const uint8_t p[WORD_MASK_OCTETS])
{
    struct word_mask m = { 0, 0, 0, 0 };

    for (unsigned i = 0; i < WORD_MASK_OCTETS; i++) {
        const uint8_t c = p[i];
        const uint64_t bit = (uint64_t)1 << i;

        if (c >= 128)
            m.high |= bit;
        else if (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z')
            m.letter |= bit;
        else if ((c >= '0' && c <= '9') || c == '@')
            m.mark |= bit;
        else if (c == '.' || c == '-' || c == '_' || c == '+')
            m.joint |= bit;
    }
    return m;
}

#ifdef __SSE2__
/* A range is one addition that moves it to the low end of the signed octets, and one comparison. */
static inline __m128i word_mask_range(__m128i v, uint8_t first, uint8_t count)
{
    return _mm_cmplt_epi8(_mm_add_epi8(v, _mm_set1_epi8((char)(0x80 - first))),
                          _mm_set1_epi8((char)(0x80 + count)));
}

static inline struct word_mask word_mask(const uint8_t p[WORD_MASK_OCTETS])
{
    struct word_mask m = { 0, 0, 0, 0 };

    for (unsigned i = 0; i < WORD_MASK_OCTETS; i += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        const __m128i letter = word_mask_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 26);
        const __m128i mark = _mm_or_si128(word_mask_range(v, '0', 10), _mm_cmpeq_epi8(v, _mm_set1_epi8('@')));
        const __m128i joint = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('.')), _mm_cmpeq_epi8(v, _mm_set1_epi8('-'))),
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('_')), _mm_cmpeq_epi8(v, _mm_set1_epi8('+'))));

        m.letter |= (uint64_t)(uint32_t)_mm_movemask_epi8(letter) << i;
        m.mark |= (uint64_t)(uint32_t)_mm_movemask_epi8(mark) << i;
        m.joint |= (uint64_t)(uint32_t)_mm_movemask_epi8(joint) << i;
        m.high |= (uint64_t)(uint32_t)_mm_movemask_epi8(v) << i;
    }
    return m;
}
#else
static inline struct word_mask word_mask(const uint8_t p[WORD_MASK_OCTETS])
{
    return word_mask_plain(p);
}
#endif

#endif
