#include "mint_text.h"

#include "mint_words.h"

_Static_assert(MINT_NAME_COUNT == 1 << 10 && MINT_SYLLABLE_COUNT == 1 << 8, "10 + 3 * 8 + 13 bits");
_Static_assert(MINT_TAIL_LEN == MINT_SYLLABLES * MINT_SYLLABLE_LEN, "the letters behind the name");
_Static_assert(MINT_LOCAL_MAX == MINT_NAME_MAX + MINT_TAIL_LEN + MINT_DIGITS_MAX, "longest text");
_Static_assert(MINT_TEXT_MIN == MINT_NAME_MIN + MINT_TAIL_LEN, "shortest text");

enum { DIGIT_BITS = 13, SYLLABLE_BITS = 8, DIGIT_FORMS = 1 << DIGIT_BITS };

/* Index of the first form with so many digits, and the value of that form: four digits begin at 1000. */
static const struct {
    uint32_t first, base;
} digit_forms[MINT_DIGITS_MAX + 1] = { { 0, 0 }, { 1, 0 }, { 11, 0 }, { 111, 0 }, { 1111, 1000 } };

static size_t digits_write(uint32_t index, uint8_t out[MINT_DIGITS_MAX])
{
    size_t n = MINT_DIGITS_MAX;
    uint32_t v;

    while (index < digit_forms[n].first)
        n--;
    v = index - digit_forms[n].first + digit_forms[n].base;
    for (size_t i = n; i > 0; i--) {
        out[i - 1] = (uint8_t)('0' + v % 10);
        v /= 10;
    }
    return n;
}

static bool digits_read(struct bytes digits, uint32_t *index_out)
{
    uint32_t v = 0, index;

    for (size_t i = 0; i < digits.n; i++)
        v = v * 10 + (uint32_t)(digits.p[i] - '0');
    index = v - digit_forms[digits.n].base + digit_forms[digits.n].first;
    *index_out = index % DIGIT_FORMS;
    return v >= digit_forms[digits.n].base && index < DIGIT_FORMS;
}

/* Up to eight letters as one number, first letter highest: numbers then sort as words do. */
static uint64_t pack(const uint8_t *p, size_t n, size_t width)
{
    uint64_t v = 0;

    for (size_t i = 0; i < width; i++)
        v = v << 8 | (i < n ? ascii_lower(p[i]) : 0);
    return v;
}

/* Both searches halve a power of two: always the same number of steps. They end on the greatest entry that is
 * not above the wanted one, or on the first. */
static bool name_find(struct bytes word, uint32_t *index_out)
{
    const uint64_t want = pack(word.p, word.n, MINT_NAME_MAX);
    uint32_t at = 0;

    for (uint32_t step = MINT_NAME_COUNT / 2; step > 0; step /= 2) {
        const uint8_t *entry = (const uint8_t *)mint_names[at + step];
        at += pack(entry, MINT_NAME_MAX, MINT_NAME_MAX) <= want ? step : 0;
    }
    *index_out = at;
    /* A NUL in the text packs like the padding of the list. */
    return (pack((const uint8_t *)mint_names[at], MINT_NAME_MAX, MINT_NAME_MAX) == want) &
           (word.p[word.n - 1] != '\0');
}

static bool syllable_find(const uint8_t word[MINT_SYLLABLE_LEN], uint32_t *index_out)
{
    const uint64_t want = pack(word, MINT_SYLLABLE_LEN, MINT_SYLLABLE_LEN);
    uint32_t at = 0;

    for (uint32_t step = MINT_SYLLABLE_COUNT / 2; step > 0; step /= 2) {
        const uint8_t *entry = (const uint8_t *)mint_syllables[at + step];
        at += pack(entry, MINT_SYLLABLE_LEN, MINT_SYLLABLE_LEN) <= want ? step : 0;
    }
    *index_out = at;
    return pack((const uint8_t *)mint_syllables[at], MINT_SYLLABLE_LEN, MINT_SYLLABLE_LEN) == want;
}

size_t mint_text_write(uint64_t value, uint8_t out[MINT_LOCAL_MAX])
{
    const char *name = mint_names[value >> (MINT_TEXT_BITS - 10)];
    size_t n = 0;

    while (n < MINT_NAME_MAX && name[n] != '\0') {
        out[n] = (uint8_t)name[n];
        n++;
    }
    for (unsigned i = MINT_SYLLABLES; i > 0; i--) {
        const unsigned index = value >> (DIGIT_BITS + (i - 1) * SYLLABLE_BITS) & (MINT_SYLLABLE_COUNT - 1);
        memcpy(out + n, mint_syllables[index], MINT_SYLLABLE_LEN);
        n += MINT_SYLLABLE_LEN;
    }
    return n + digits_write((uint32_t)(value & (DIGIT_FORMS - 1)), out + n);
}

bool mint_text_read(struct bytes text, uint64_t *value_out)
{
    static const uint8_t stand_in[] = "aaronbakbakbak";
    bool good = text.n >= MINT_TEXT_MIN && text.n <= MINT_LOCAL_MAX;
    struct bytes in = good ? text : bytes_of(stand_in, sizeof(stand_in) - 1);
    size_t digit_count = 0, name_len;
    uint32_t name, syllable, digits;
    uint64_t value;

    while (digit_count < MINT_DIGITS_MAX && ascii_is_digit(in.p[in.n - 1 - digit_count]))
        digit_count++;
    /* Too short once the digits are off: read the same bytes without taking any for digits. */
    good = good && in.n - digit_count >= MINT_TEXT_MIN;
    if (in.n - digit_count < MINT_TEXT_MIN)
        digit_count = 0;
    name_len = in.n - digit_count - MINT_TAIL_LEN;
    good = good && name_len <= MINT_NAME_MAX;
    if (name_len > MINT_NAME_MAX)
        name_len = MINT_NAME_MAX;

    good = name_find(bytes_take(in, name_len), &name) && good;
    value = name;
    for (size_t i = 0; i < MINT_SYLLABLES; i++) {
        good = syllable_find(in.p + name_len + i * MINT_SYLLABLE_LEN, &syllable) && good;
        value = value << SYLLABLE_BITS | syllable;
    }
    good = digits_read(bytes_skip(in, in.n - digit_count), &digits) && good;
    *value_out = value << DIGIT_BITS | digits;
    return good;
}

bool mint_text_is_tail(const uint8_t tail[MINT_TAIL_LEN])
{
    bool good = true;
    uint32_t index;

    for (size_t i = 0; i < MINT_SYLLABLES && good; i++)
        good = syllable_find(tail + i * MINT_SYLLABLE_LEN, &index);
    return good;
}
