#include "word_mask.h"

#include <mail/body_digest.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t digest_of_text(struct bytes a, struct bytes b)
{
    struct body_digest d;

    body_digest_init(&d);
    body_digest_add(&d, a);
    body_digest_add(&d, b);
    return body_digest_value(&d);
}

static uint64_t digest_of(struct bytes s)
{
    return digest_of_text(s, BYTES(""));
}

static uint64_t random_of(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

static const char letter_text[] =
    "Dear friend,\r\nwe have a once-in-a-life offer for you: buy now, pay never. <b>Click here</b>: "
    "http://www.shop.example/go?id=8f14e45fceea167a&to=runahalverkom471@quellwerft.example\r\n"
    "Your number is 4711. gr\xc3\xb6\xc3\x9f"
    "er ist besser \xe5\xa4\xa7\xe5\x9e\x8b.\r\n"
    "This message was sent to runahalverkom@quellwerft.example, whatever may happen to it later on.\r\n";

static void test_every_split(void **state)
{
    (void)state;
    const struct bytes texts[] = { BYTES("Dear friend,\r\nbuy \0 this now, at once.\r\n"),
                                   bytes_str(letter_text) };

    for (size_t t = 0; t < COUNT(texts); t++) {
        const uint64_t whole = digest_of(texts[t]);
        struct body_digest d;

        for (size_t cut = 0; cut <= texts[t].n; cut++)
            assert_true(digest_of_text(bytes_take(texts[t], cut), bytes_skip(texts[t], cut)) == whole);
        for (size_t step = 1; step <= 200; step++) {
            body_digest_init(&d);
            for (struct bytes s = texts[t]; s.n > 0; s = bytes_skip(s, step < s.n ? step : s.n)) {
                body_digest_add(&d, bytes_take(s, step));
                (void)body_digest_value(&d); /* asking changes nothing */
            }
            assert_true(body_digest_value(&d) == whole);
        }
    }
}

/* Words, marks and high octets of all lengths at all places, in pieces of all lengths. */
static void test_random_pieces(void **state)
{
    static const char alphabet[] = "aaaabbbcdexyzAQZ  ..\r\n@9-\xc3\xa4";
    uint8_t text[700];
    uint64_t x = 7;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t n = random_of(&x) % sizeof text, letters = 4 + random_of(&x) % (sizeof alphabet - 5);
        struct body_digest d;
        uint64_t whole;

        for (size_t i = 0; i < n; i++)
            text[i] = (uint8_t)alphabet[random_of(&x) % letters];
        whole = digest_of(bytes_of(text, n));
        body_digest_init(&d);
        for (size_t at = 0; at < n;) {
            const size_t piece = random_of(&x) % 100 < n - at ? random_of(&x) % 100 : n - at;
            const size_t take = piece < n - at ? piece : n - at;

            body_digest_add(&d, bytes_of(text + at, take));
            at += take;
        }
        assert_true(body_digest_value(&d) == whole);
    }
}

/* Both ways to make the masks, every octet in every place. */
static void test_masks(void **state)
{
    uint8_t p[WORD_MASK_OCTETS];

    (void)state;
    for (unsigned shift = 0; shift < 256; shift++) {
        struct word_mask a, b;

        for (unsigned i = 0; i < WORD_MASK_OCTETS; i++)
            p[i] = (uint8_t)(i + shift);
        a = word_mask(p);
        b = word_mask_plain(p);
        assert_true(a.letter == b.letter && a.mark == b.mark && a.joint == b.joint && a.high == b.high);
    }
}

/* What a campaign varies, and what makes another one. */
static void test_same_campaign(void **state)
{
    static const char base[] =
        "We have a special offer for you, only today, and only here: Yours, the sender of "
        "this message";
    static const struct {
        const char *what, *text;
        bool same;
    } cases[] = {
        { "case",
          "WE HAVE A SPECIAL OFFER FOR YOU, ONLY TODAY, AND ONLY HERE: yours, the sender of this message",
          true },
        { "lines",
          "We have a special\r\noffer for you, only\r\ntoday, and only here:\r\n\r\nYours,\r\nthe sender of "
          "this message\r\n",
          true },
        { "blanks",
          "  We have   a special offer\tfor you, only today, and only here:      Yours, the sender of this "
          "message",
          true },
        { "marks",
          "We have a special offer for you, only today, and only here!!! Yours, *the* sender of <i>this</i> "
          "message =====",
          true },
        { "numbers",
          "We have a special offer for you, only today 17, and only here: $99.95 Yours, the sender of this "
          "message 4711",
          true },
        { "hexadecimal",
          "We have a special offer for you, only today, and only here: Yours, the sender of this message "
          "8f14e45fceea167a5a36dedd4bea2543",
          true },
        { "letters without meaning",
          "We have a special offer for you, only today, and only here: Yours, the sender of "
          "this message qwkjhzxcvbnmasdfgh",
          true },
        { "recipient",
          "We have a special offer for runahalverkom471@quellwerft.example you, only today, and only "
          "here: Yours, the sender of this message",
          true },
        { "local part",
          "Runahalverkom, We have a special offer for you, only today, and only here: Yours, the sender of "
          "this message",
          true },
        { "recipient in a URL",
          "We have a special offer for you, only today, and only here: "
          "?u=runahalverkom471%40quellwerft.example&id=81 Yours, the sender of this message",
          true },
        { "order",
          "Yours, the sender of this message We have a special offer for you, only today, and only here:",
          true },
        { "a word more",
          "We have a special offer for you, only today, and only here: Yours, the sender of this good "
          "message",
          false },
        { "a word less",
          "We have a offer for you, only today, and only here: Yours, the sender of this message", false },
        { "another word",
          "We have a special offer for you, only tonight, and only here: Yours, the sender of this "
          "message",
          false },
        { "a word twice",
          "We have a special special offer for you, only today, and only here: Yours, the sender of this "
          "message",
          false },
        { "high octets",
          "We have a special offer for you, only today, and only here: Yours, the sender of this message "
          "\xc3\xa4",
          false },
    };

    uint64_t high[2];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if ((digest_of(bytes_str(cases[i].text)) == digest_of(bytes_str(base))) != cases[i].same)
            fail_msg("%s", cases[i].what);
    /* High octets count in their order. */
    for (unsigned swap = 0; swap < 2; swap++) {
        char text[300];

        (void)snprintf(text, sizeof text, "%s%s", base, swap ? "\xc3\xb6\xc3\xa4" : "\xc3\xa4\xc3\xb6");
        high[swap] = digest_of(bytes_str(text));
    }
    assert_true(high[0] != high[1]);
}

/* Words of 3 to 11 octets are kept; a body of which less than a quarter is kept is its octets. */
static void test_limits(void **state)
{
    static const char rest[] =
        " kept words of some length stand here kept words of some length stand here, some more";
    static const struct {
        const char *word;
        bool kept;
    } cases[] = { { "ab", false },           { "abc", true },         { "abcdefghijk", true },
                  { "abcdefghijkl", false }, { "abc.defghij", true }, { ".abc", false },
                  { "a1c", false },          { "abc@def", false } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[200];

        (void)snprintf(text, sizeof text, "%s%s", cases[i].word, rest);
        if ((digest_of(bytes_str(text)) != digest_of(bytes_str(rest))) != cases[i].kept)
            fail_msg("%s", cases[i].word);
    }
}

/* Under 64 octets that are kept, or under a quarter of all: the octets as they are. `kept` octets in words,
 * the rest digits; another last digit makes another digest, or none. */
static void test_as_they_are(void **state)
{
    static const struct {
        unsigned kept, length;
        bool exact;
    } cases[] = { { 0, 1, true },      { 4, 8, true },     { 60, 100, true },  { 63, 100, true },
                  { 64, 100, false },  { 64, 255, false }, { 64, 256, false }, { 64, 257, true },
                  { 100, 400, false }, { 100, 401, true } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t text[500];
        unsigned n = 0, kept = 0;
        uint64_t before;

        for (; kept < cases[i].kept; n++) {
            const bool gap = n % 5 == 4 && cases[i].kept - kept >= 3; /* no word under three letters */

            text[n] = gap ? ' ' : 'x';
            kept += !gap;
        }
        text[n++] = ' ';
        for (; n < cases[i].length; n++)
            text[n] = '1';
        before = digest_of(bytes_of(text, n));
        text[n - 1] = '2';
        if ((digest_of(bytes_of(text, n)) != before) != cases[i].exact)
            fail_msg("%u of %u", cases[i].kept, cases[i].length);
    }
}

static void test_differences(void **state)
{
    (void)state;
    uint8_t zeros[64] = { 0 };
    uint64_t seen[64 * 9];
    size_t n = 0;

    /* Every length of zeros, and every single bit of one length, has a digest of its own. */
    for (size_t len = 0; len <= 63; len++)
        seen[n++] = digest_of_text(bytes_of(zeros, len), BYTES(""));
    for (size_t bit = 0; bit < 8 * 63; bit++) {
        zeros[bit / 8] = (uint8_t)(1u << (bit % 8));
        seen[n++] = digest_of_text(bytes_of(zeros, 63), BYTES(""));
        zeros[bit / 8] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(seen[i] != 0);
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
}

/* Stored for years: version 2 must not change. */
static void test_golden(void **state)
{
    (void)state;
    assert_true(digest_of(BYTES("")) == 0x880da593dba939d6u);
    assert_true(digest_of(BYTES("hello\r\n")) == 0xfd58e41edf7a1b70u);
    assert_true(digest_of(BYTES("4711\r\n")) == 0xea47f4dc9d1fc9b3u);
    assert_true(digest_of(bytes_str(letter_text)) == 0xd2b3afa51ac6a6b1u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split), cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_masks),       cmocka_unit_test(test_same_campaign),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_as_they_are),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
