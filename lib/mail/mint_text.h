/* mint_text.h - 47-bit integers and their text: name, three syllables, digits.
 *
 * Layout:  bits 46-37 name, 36-13 syllables (first is highest), 12-0 digits. Digits count through "", 0-9,
 *          00-99, 000-999, 1000-8080: 1 + 10 + 100 + 1,000 + 7,081 = 8,192 forms, so that every integer is
 *          one text and back.
 * Reading: case-insensitive. From the right: up to four digits, nine letters, the rest is the name: no text
 *          has two readings.
 * Threads: any.
 * Tests:   tests/unit/mail/test_mint_text.c
 */
#ifndef MINT_TEXT_H
#define MINT_TEXT_H

#include <base/bytes.h>
#include <mail/mint.h>

enum { MINT_TEXT_BITS = 47, MINT_TEXT_MIN = 12, MINT_DIGITS_MAX = 4, MINT_TAIL_LEN = 9 };

/* Returns the length. `value` < 2^47. */
size_t mint_text_write(uint64_t value, uint8_t out[MINT_LOCAL_MAX]);

/* False: not of the form; *value_out is then some integer. The work is the same for every text, of the form
 * or not. */
bool mint_text_read(struct bytes text, uint64_t *value_out);

/* Are these nine bytes three syllables? */
bool mint_text_is_tail(const uint8_t tail[MINT_TAIL_LEN]);

#endif
