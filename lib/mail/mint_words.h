/* mint_words.h - the given names and syllables that minted addresses are made of.
 *
 * Order:   ascending, each padded with NUL to its full width: read as big-endian numbers they are a sorted
 *          table.
 * Version: 1, frozen (docs/adr/0004-mint.md).
 * Tests:   tests/unit/mail/test_mint_words.c
 */
#ifndef MINT_WORDS_H
#define MINT_WORDS_H

enum {
    MINT_NAME_COUNT = 1024,
    MINT_NAME_MIN = 3,
    MINT_NAME_MAX = 7,
    MINT_SYLLABLE_COUNT = 256,
    MINT_SYLLABLE_LEN = 3,
    MINT_SYLLABLES = 3, /* in one address */
};

extern const char mint_names[MINT_NAME_COUNT][MINT_NAME_MAX + 1];
extern const char mint_syllables[MINT_SYLLABLE_COUNT][MINT_SYLLABLE_LEN + 1];

#endif
