#include "prose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Words near an address for which some harvester drops it, or bytes that would need escaping. */
static const char *const forbidden[] = { "test", "demo", "sample", "example", "placeholder", "trap", "honey", "spamtrap",
                                         "\"", "<", ">", "&", "@" };

static void check_text(const char *theme, const char *text)
{
    struct bytes all = bytes_str(text);

    for (size_t f = 0; f < sizeof(forbidden) / sizeof(forbidden[0]); f++)
        for (size_t i = 0; i < all.n; i++)
            if (bytes_has_iprefix(bytes_skip(all, i), bytes_str(forbidden[f])))
                fail_msg("theme %s: \"%s\" in \"%s\"", theme, forbidden[f], text);
}

static size_t check_list(const char *theme, const char *const *list)
{
    size_t n = 0;

    while (n < THEME_LIST_MAX && list[n] != NULL)
        check_text(theme, list[n++]);
    assert_true(n < THEME_LIST_MAX);
    return n;
}

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < THEMES; i++) {
        const struct theme *t = theme_at(i);
        assert_ptr_equal(theme_by_name(t->name), t);
        assert_non_null(strstr(theme_names(), t->name));
        assert_true(check_list(t->name, t->site_names) >= 4);
        assert_true(check_list(t->name, t->headings) >= 6);
        assert_in_range(check_list(t->name, t->sentences), 10, 31);
        assert_true(check_list(t->name, t->terms_text) >= 2);
        check_text(t->name, t->home);
        check_text(t->name, t->terms);
        check_text(t->name, t->mailbox);
        for (size_t p = 0; p < THEME_PAGES; p++) {
            check_text(t->name, t->pages[p].label);
            check_text(t->name, t->pages[p].path);
            assert_int_equal(t->pages[p].path[0], '/');
        }
        for (size_t w = 0; w < 26; w++)
            (void)check_list(t->name, t->words[w]);
    }
    assert_null(theme_by_name("nothing"));
}

/* Every blank of every sentence has words, and every list is used. */
static void test_blanks(void **state)
{
    (void)state;
    for (size_t i = 0; i < THEMES; i++) {
        const struct theme *t = theme_at(i);
        bool used[26] = { false };
        for (size_t s = 0; t->sentences[s] != NULL; s++)
            for (const char *at = strchr(t->sentences[s], '{'); at != NULL; at = strchr(at + 1, '{')) {
                assert_in_range(at[1], 'a', 'z');
                assert_int_equal(at[2], '}');
                assert_non_null(t->words[at[1] - 'a'][0]);
                used[at[1] - 'a'] = true;
            }
        for (size_t w = 0; w < 26; w++)
            assert_int_equal(used[w], t->words[w][0] != NULL);
    }
}

static void test_stable(void **state)
{
    (void)state;
    for (size_t i = 0; i < THEMES; i++) {
        struct prose a = prose_begin(theme_at(i), 7), b = prose_begin(theme_at(i), 7), c = prose_begin(theme_at(i), 8);
        struct buf one, two, three;

        buf_init(&one, 100000);
        buf_init(&two, 100000);
        buf_init(&three, 100000);
        for (int k = 0; k < 20; k++) { /* far more than there are sentences */
            prose_paragraph(&a, &one);
            prose_paragraph(&b, &two);
            prose_paragraph(&c, &three);
        }
        assert_true(bytes_eq(buf_bytes(&one), buf_bytes(&two)));
        assert_false(bytes_eq(buf_bytes(&one), buf_bytes(&three)));
        assert_int_equal(bytes_find(buf_bytes(&one), '{'), one.n);
        check_text(theme_at(i)->name, buf_cstr(&one));
        buf_free(&one);
        buf_free(&two);
        buf_free(&three);
    }
}

static void test_for_host(void **state)
{
    (void)state;
    assert_ptr_equal(theme_for_host(BYTES("www.firma.de"), 0), &theme_werkstatt);
    assert_ptr_equal(theme_for_host(BYTES("verein.at"), 1), &theme_verein);
    assert_ptr_equal(theme_for_host(BYTES("a.net"), 2), &theme_workshop);
    assert_ptr_equal(theme_for_host(BYTES(""), 3), &theme_club);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_blanks),
        cmocka_unit_test(test_stable),
        cmocka_unit_test(test_for_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
