/* The word lists: shape, order, frozen content, and the proof that no address contains a forbidden word. */
#include "mint_words.h"

#include <base/buf.h>
#include <base/file.h>
#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < MINT_NAME_COUNT; i++) {
        const size_t len = strlen(mint_names[i]);

        assert_in_range(len, MINT_NAME_MIN, MINT_NAME_MAX);
        for (size_t k = 0; k < MINT_NAME_MAX + 1; k++)
            assert_true(k < len ? (mint_names[i][k] >= 'a' && mint_names[i][k] <= 'z')
                                : mint_names[i][k] == 0);
        if (i > 0)
            assert_true(strcmp(mint_names[i - 1], mint_names[i]) < 0);
    }
}

static void test_syllables(void **state)
{
    (void)state;
    for (size_t i = 0; i < MINT_SYLLABLE_COUNT; i++) {
        const char *s = mint_syllables[i];

        assert_int_equal(strlen(s), MINT_SYLLABLE_LEN);
        assert_non_null(strchr("bdfghjklmnprstvwz", s[0]));
        assert_non_null(strchr("aeiou", s[1]));
        assert_non_null(strchr("klmnrt", s[2]));
        if (i > 0)
            assert_true(strcmp(mint_syllables[i - 1], s) < 0);
    }
}

/* Version 1 never changes. Python: siphash24(bytes(range(16)), b"".join(names, each padded to 8) and so
 * on). */
static void test_lists_are_frozen(void **state)
{
    struct hash_key key;

    (void)state;
    for (size_t i = 0; i < HASH_KEY_BYTES; i++)
        key.k[i] = (uint8_t)i;
    assert_int_equal(keyed_hash(&key, bytes_of(mint_names, sizeof(mint_names))), 0x7bbeb78f437d9f29ULL);
    assert_int_equal(keyed_hash(&key, bytes_of(mint_syllables, sizeof(mint_syllables))),
                     0x6cc66ab1d891feb1ULL);
}

/* An Aho-Corasick automaton over the forbidden words. A set of its states, pushed through all names and then
 * three times through all syllables, stands for all 2^34 combinations at once: exact, nothing is sampled. */
enum { STATES_MAX = 8192, LETTERS = 26 };
static struct {
    uint16_t next[STATES_MAX][LETTERS], fail[STATES_MAX];
    bool has[STATES_MAX][LETTERS], accept[STATES_MAX];
    size_t count;
} trie;

static void trie_add(struct bytes word)
{
    size_t at = 0;

    for (size_t i = 0; i < word.n; i++) {
        const unsigned c = word.p[i] - 'a';

        assert_true(c < LETTERS);
        if (!trie.has[at][c]) {
            assert_true(trie.count < STATES_MAX);
            trie.has[at][c] = true;
            trie.next[at][c] = (uint16_t)trie.count++;
        }
        at = trie.next[at][c];
    }
    trie.accept[at] = true;
}

/* Breadth first; afterwards next[] is complete. */
static void trie_finish(void)
{
    static uint16_t queue[STATES_MAX];
    size_t head = 0, tail = 1;

    queue[0] = 0;
    while (head < tail) {
        const uint16_t at = queue[head++], fail = trie.fail[at];

        trie.accept[at] = trie.accept[at] || trie.accept[fail];
        for (unsigned c = 0; c < LETTERS; c++) {
            if (trie.has[at][c]) {
                trie.fail[trie.next[at][c]] = at == 0 ? 0 : trie.next[fail][c];
                queue[tail++] = trie.next[at][c];
            } else {
                trie.next[at][c] = at == 0 ? 0 : trie.next[fail][c];
            }
        }
    }
}

static size_t trie_load(void)
{
    struct buf text;
    struct bytes rest, line, word;
    size_t words = 0;

    assert_int_equal(file_slurp(TEST_FIXTURES "/mint/forbidden.txt", 65536, &text, NULL), TRAP_OK);
    trie.count = 1;
    for (rest = buf_bytes(&text); bytes_split(&rest, '\n', &line);) {
        if (line.n > 0 && line.p[0] == '#')
            continue;
        while (bytes_split(&line, ' ', &word)) {
            if (word.n > 0) {
                trie_add(word);
                words++;
            }
        }
    }
    trie_finish();
    buf_free(&text);
    return words;
}

/* State after the word, or -1 when a forbidden word was met. */
static int walk(int at, const char *word)
{
    for (; *word != '\0'; word++) {
        at = trie.next[at][*word - 'a'];
        if (trie.accept[at])
            return -1;
    }
    return at;
}

static void test_no_combination_is_forbidden(void **state)
{
    static bool now[STATES_MAX], then[STATES_MAX];

    (void)state;
    assert_true(trie_load() > 300);
    for (size_t i = 0; i < MINT_NAME_COUNT; i++) {
        const int at = walk(0, mint_names[i]);
        if (at == -1)
            fail_msg("the name %s contains a forbidden word", mint_names[i]);
        now[at] = true;
    }
    for (int round = 0; round < MINT_SYLLABLES; round++) {
        memset(then, 0, sizeof(then));
        for (size_t from = 0; from < trie.count; from++) {
            for (size_t i = 0; now[from] && i < MINT_SYLLABLE_COUNT; i++) {
                const int at = walk((int)from, mint_syllables[i]);
                if (at == -1)
                    fail_msg("syllable %d: %s ends a forbidden word", round + 1, mint_syllables[i]);
                then[at] = true;
            }
        }
        memcpy(now, then, sizeof(now));
    }
}

/* The automaton itself: it must find words inside of words and across borders. */
static void test_automaton_finds(void **state)
{
    (void)state;
    assert_int_equal(walk(0, "xspamx"), -1);
    assert_int_equal(walk(walk(0, "anntr"), "apo"), -1);
    assert_int_equal(walk(walk(walk(0, "lis"), "p"), "spam"), -1);
    assert_int_not_equal(walk(0, "runahalvenkom"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_syllables),
        cmocka_unit_test(test_lists_are_frozen),
        cmocka_unit_test(test_no_combination_is_forbidden),
        cmocka_unit_test(test_automaton_finds),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
