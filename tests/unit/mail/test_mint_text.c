/* Integers and their text: a bijection, the shape that harvesters keep, and what is not of the form. */
#include "mint_text.h"

#include "mint_test.h"
#include "mint_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after the four above */
#include <cmocka.h>

enum { ROUND_TRIPS = 1000000 / MINT_TEST_DIVISOR };

static const uint64_t text_count = (uint64_t)1 << MINT_TEXT_BITS;

static void check_round_trip(uint64_t value)
{
    uint8_t text[MINT_LOCAL_MAX];
    uint64_t back = 0;
    const size_t n = mint_text_write(value, text);

    if (!mint_text_read(bytes_of(text, n), &back) || back != value)
        fail_msg("%llu is written %.*s and read %llu", (unsigned long long)value, (int)n, (const char *)text,
                 (unsigned long long)back);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (uint64_t low = 0; low < 8192; low++) { /* all digits */
        check_round_trip(low);
        check_round_trip(text_count - 1 - low);
    }
    for (uint64_t i = 0; i < MINT_NAME_COUNT; i++)
        check_round_trip(i << 37 | (walk() & (((uint64_t)1 << 37) - 1)));
    for (uint64_t i = 0; i < MINT_SYLLABLE_COUNT; i++) {
        check_round_trip(i << 29);
        check_round_trip(i << 21);
        check_round_trip(i << 13);
    }
    for (int i = 0; i < ROUND_TRIPS; i++)
        check_round_trip(walk() % text_count);
}

/* Shape: 12-20 characters, a-z, then at most four digits that never begin a five-digit run. */
static void test_shape(void **state)
{
    size_t shortest = SIZE_MAX, longest = 0;

    (void)state;
    for (int i = 0; i < ROUND_TRIPS; i++) {
        uint8_t text[MINT_LOCAL_MAX];
        const size_t n = mint_text_write(walk() % text_count, text);
        size_t letters = 0;

        while (letters < n && text[letters] >= 'a' && text[letters] <= 'z')
            letters++;
        for (size_t k = letters; k < n; k++)
            assert_true(ascii_is_digit(text[k]));
        assert_in_range(letters, 12, 16);
        assert_true(n - letters <= 4);
        shortest = n < shortest ? n : shortest;
        longest = n > longest ? n : longest;
    }
    assert_in_range(shortest, 12, 14); /* one of 8,192 has no digit at all */
    assert_int_equal(longest, 20);
}

/* `digits` behind the first name and syllables; index -1: not of the form. */
static void test_digits(void **state)
{
    static const struct {
        const char *digits;
        int index;
    } cases[] = {
        { "", 0 },      { "0", 1 },      { "9", 10 },      { "00", 11 },     { "99", 110 },
        { "000", 111 }, { "999", 1110 }, { "1000", 1111 }, { "8080", 8191 }, { "8081", -1 },
        { "9999", -1 }, { "0000", -1 },  { "0999", -1 },   { "10000", -1 },  { "123456", -1 },
        { "1 0", -1 },  { "-1", -1 },    { "+1", -1 },     { "1a", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        uint64_t value;
        const int n = snprintf(text, sizeof(text), "%s%s%s%s%s", mint_names[0], mint_syllables[0],
                               mint_syllables[0], mint_syllables[0], cases[i].digits);
        const bool good = mint_text_read(bytes_of(text, (size_t)n), &value);

        assert_int_equal(good, cases[i].index >= 0);
        if (good)
            assert_int_equal(value, cases[i].index);
    }
}

static void test_not_of_the_form(void **state)
{
    static const struct bytes cases[] = {
        BYTES_INIT(""),
        BYTES_INIT("a"),
        BYTES_INIT("4711"),
        BYTES_INIT("123456789012"),
        BYTES_INIT("runa"),
        BYTES_INIT("halvenkom471"),
        BYTES_INIT("xunahalvenkom471"),
        BYTES_INIT("runaxalvenkom471"),
        BYTES_INIT("runahalvenkox471"),
        BYTES_INIT("runa.halvenkom471"),
        BYTES_INIT(".runahalvenkom471"),
        BYTES_INIT("runahalvenkom471."),
        BYTES_INIT(" runahalvenkom471"),
        BYTES_INIT("runahalvenkom471\n"),
        BYTES_INIT("runahalvenkom 471"),
        BYTES_INIT("runa\0halvenkom471"), /* NUL is the padding of the list */
        BYTES_INIT("runa\0\0\0halvenkom"),
        BYTES_INIT("runahalvenkom471\0"),
        BYTES_INIT("run\x81halvenkom471"),
        BYTES_INIT("\xc3\xbcnahalvenkom471"),
        BYTES_INIT("rununahalvenkom471xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        BYTES_INIT("halhalhalvenkom471"),
        BYTES_INIT("aaa4bakbakbak"),
    };
    uint64_t value;

    (void)state;
    assert_true(mint_text_read(BYTES("runahalvenkom471"), &value));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (mint_text_read(cases[i], &value))
            fail_msg("case %zu is read", i);
    }
}

static void test_case_does_not_matter(void **state)
{
    static const struct bytes cases[] = { BYTES_INIT("RUNAHALVENKOM471"), BYTES_INIT("Runahalvenkom471"),
                                          BYTES_INIT("rUnAhAlVeNkOm471") };
    uint64_t want, value;

    (void)state;
    assert_true(mint_text_read(BYTES("runahalvenkom471"), &want));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(mint_text_read(cases[i], &value));
        assert_int_equal(value, want);
    }
}

/* Any byte changed: another text or none, never the same integer (but for case). */
static void test_one_integer_has_one_text(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        uint8_t text[MINT_LOCAL_MAX];
        const uint64_t value = walk() % text_count;
        const size_t n = mint_text_write(value, text);

        for (size_t at = 0; at < n; at++) {
            const uint8_t old = text[at];

            for (unsigned c = 0; c < 256; c++) {
                uint64_t other;

                text[at] = (uint8_t)c;
                if (ascii_lower(text[at]) != old && mint_text_read(bytes_of(text, n), &other))
                    assert_int_not_equal(other, value);
            }
            text[at] = old;
        }
    }
}

/* Every cut and every prolongation of a text is read as something else or as nothing. */
static void test_cut_texts(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint8_t text[MINT_LOCAL_MAX];
        const uint64_t value = walk() % text_count;
        const size_t n = mint_text_write(value, text);

        for (size_t cut = 0; cut < n; cut++) {
            uint64_t other;

            if (mint_text_read(bytes_of(text, cut), &other))
                assert_int_not_equal(other, value);
            if (cut > 0 && mint_text_read(bytes_of(text + cut, n - cut), &other))
                assert_int_not_equal(other, value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_not_of_the_form),
        cmocka_unit_test(test_case_does_not_matter),
        cmocka_unit_test(test_one_integer_has_one_text),
        cmocka_unit_test(test_cut_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
