#include "page_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct markup markup;

static int setup(void **state)
{
    const struct hash_key secret = { { 7 } };

    (void)state;
    if (keyed_init() != TRAP_OK)
        return -1;
    markup_init(&markup, &secret);
    return 0;
}

static struct page_spec spec_of(const struct layout *l, const char *path)
{
    return (struct page_spec){ PAGE_BAIT, &theme_workshop, &markup, l, BYTES("http://www.a.example"), BYTES(""),
                               BYTES("www.a.example"), bytes_str(path), "" };
}

static const struct page_address addresses[VISIT_SLOTS] = {
    { BYTES_INIT("runakroll471"), BYTES_INIT("quellwerft.net") }, { BYTES_INIT("hedwigmoor2"), BYTES_INIT("quellwerft.net") },
    { BYTES_INIT("ottobrand33"), BYTES_INIT("quellwerft.net") },  { BYTES_INIT("idawest44"), BYTES_INIT("lindmole.org") },
    { BYTES_INIT("carlsteg55"), BYTES_INIT("lindmole.org") },     { BYTES_INIT("evahalm66"), BYTES_INIT("lindmole.org") },
    { BYTES_INIT("maxried77"), BYTES_INIT("talfurt.net") },       { BYTES_INIT("annsund88"), BYTES_INIT("talfurt.net") },
};

/* NUL-terminated; the caller frees it. */
static char *render(const struct page_spec *s, const struct page_address *a)
{
    struct page *p = NULL;
    struct bytes body = { 0 };
    char *text = NULL;

    assert_int_equal(page_build(s, &p), TRAP_OK);
    assert_int_equal(page_render(p, a, &body), TRAP_OK);
    text = malloc(body.n + 1);
    assert_non_null(text);
    memcpy(text, body.p, body.n);
    text[body.n] = '\0';
    free((void *)(uintptr_t)body.p);
    page_drop(&p);
    assert_null(p);
    return text;
}

/* ---- every technique, byte by byte ---- */
struct golden {
    uint8_t technique;
    const char *want; /* $c hiding class, $f field, $v variable, $i id, $t site name */
};
static const struct golden golden[] = {
    { TECHNIQUE_LINK, "<div class=\"$c\" inert>\n<p>\n<a href=\"mailto:runakroll471@quellwerft.net\">\n"
                      "runakroll471@quellwerft.net\n</a>\n</p>\n</div>\n" },
    { TECHNIQUE_MAILTO, "<div class=\"$c\" inert>\n<p> <a href=\"mailto:runakroll471@quellwerft.net\">Write to the office</a> </p>\n</div>\n" },
    { TECHNIQUE_TEXT, "<div class=\"$c\" inert>\n<p>\nrunakroll471@quellwerft.net\n</p>\n</div>\n" },
    { TECHNIQUE_COMMENT, "<!-- runakroll471@quellwerft.net -->\n" },
    { TECHNIQUE_DATA, "<div class=\"$c\" inert>\n<span data-email=\"runakroll471@quellwerft.net\">Write to the office</span>\n</div>\n" },
    { TECHNIQUE_TITLE, "<div class=\"$c\" inert>\n<span title=\"runakroll471@quellwerft.net\">Write to the office</span>\n</div>\n" },
    { TECHNIQUE_INPUT, "<input type=\"hidden\" name=\"$f0\" value=\"runakroll471@quellwerft.net\">\n" },
    { TECHNIQUE_JSON_LD, "\"email\": \"runakroll471@quellwerft.net\" }\n</script>\n" },
    { TECHNIQUE_NOSCRIPT, "<noscript>\n<div class=\"$c\" inert>\n<p>\nrunakroll471@quellwerft.net\n</p>\n</div>\n</noscript>\n" },
    { TECHNIQUE_TEMPLATE, "<template>\n<p>\nrunakroll471@quellwerft.net\n</p>\n</template>\n" },
    { TECHNIQUE_TEXTAREA, "<textarea rows=\"2\" cols=\"40\" name=\"$f0\">\nrunakroll471@quellwerft.net\n</textarea>\n" },
    { TECHNIQUE_SCRIPT, "<script>\nvar $v0 = [ \" runakroll471@quellwerft.net \" ];\n</script>\n" },
    { TECHNIQUE_ENTITY, "\n&#114;&#117;&#110;&#97;&#107;&#114;&#111;&#108;&#108;&#52;&#55;&#49;&#64;&#113;&#117;&#101;&#108;&#108;&#119;"
                        "&#101;&#114;&#102;&#116;&#46;&#110;&#101;&#116;\n" },
    { TECHNIQUE_SPLIT, "<p> <span>runakroll471</span><span>@</span><span>quellwerft.net</span> </p>\n" },
    { TECHNIQUE_SPELLED, "<p> runakroll471 (at) quellwerft (dot) net </p>\n" },
    { TECHNIQUE_JOINED, "<div class=\"$c\" inert id=\"$i0\"> </div>\n<script>\ndocument.getElementById(\"$i0\").textContent =\n"
                        "\" \" + [ \"runakroll471\", \"quellwerft.net\" ].join(String.fromCharCode(64)) + \" \";\n</script>\n" },
};

static void expand(const char *pattern, struct buf *out)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '$') {
            buf_add_byte(out, (uint8_t)*pattern);
            continue;
        }
        pattern++;
        buf_add_str(out, markup.names[*pattern == 'c'   ? NAME_HIDDEN
                                      : *pattern == 'f' ? NAME_FIELD
                                      : *pattern == 'v' ? NAME_VARIABLE
                                                        : NAME_NODE]);
    }
}

static void test_techniques(void **state)
{
    (void)state;
    assert_int_equal(sizeof(golden) / sizeof(golden[0]), TECHNIQUE_COUNT - 1);
    for (size_t i = 0; i < TECHNIQUE_COUNT - 1; i++) {
        const struct layout l = { .count = 1, .technique = { golden[i].technique }, .recipe = golden[i].technique };
        const struct page_spec s = spec_of(&l, "/");
        char *with = render(&s, addresses), *without = render(&s, NULL);
        struct buf want;

        assert_int_equal(golden[i].technique, i + 1);
        buf_init(&want, 4096);
        expand(golden[i].want, &want);
        if (strstr(with, buf_cstr(&want)) == NULL)
            fail_msg("technique %s:\n%s\nnot in\n%s", technique_name(golden[i].technique), buf_cstr(&want), with);
        assert_null(strstr(without, "runakroll"));
        assert_null(strstr(without, "quellwerft"));
        buf_free(&want);
        free(with);
        free(without);
    }
}

/* ---- which techniques ---- */

static void test_layouts(void **state)
{
    bool seen[TECHNIQUE_COUNT] = { false };

    (void)state;
    for (size_t domains = 0; domains <= 5; domains++) {
        for (uint8_t number = 0; number < LAYOUTS; number++) {
            const struct layout l = layout_of(&markup, 0, number, domains);
            const struct layout again = layout_of(&markup, 0, number, domains);
            unsigned of_domain[8] = { 0 };

            assert_memory_equal(&l, &again, sizeof(l));
            assert_int_equal(l.count, domains * 3 < VISIT_SLOTS ? domains * 3 : VISIT_SLOTS);
            for (uint8_t s = 0; s < l.count; s++) {
                assert_in_range(l.technique[s], 1, TECHNIQUE_COUNT - 1);
                assert_int_equal(visit_technique(l.recipe, s), l.technique[s]);
                assert_true(l.domain[s] < domains);
                assert_true(++of_domain[l.domain[s]] <= ADDRESSES_PER_DOMAIN);
                for (uint8_t before = 0; before < s; before++)
                    assert_int_not_equal(l.technique[before], l.technique[s]); /* each tells something of its own */
                seen[l.technique[s]] = true;
            }
            if (l.count != 0)
                assert_int_equal(l.technique[0], TECHNIQUE_LINK);
        }
    }
    for (size_t t = 1; t < TECHNIQUE_COUNT; t++)
        assert_true(seen[t]);
}

/* ---- the page ---- */

static void test_without_is_the_same_page(void **state)
{
    const struct layout l = layout_of(&markup, 0, 3, 3);
    const struct page_spec s = spec_of(&l, "/about.html");
    char *with = render(&s, addresses), *without = render(&s, NULL);
    const char *a = with, *b = without;

    (void)state;
    for (; *b != '\0'; b++) { /* every byte of it comes in the other, in this order */
        a = strchr(a, *b);
        assert_non_null(a);
        a++;
    }
    assert_true(strlen(with) > strlen(without));
    for (size_t i = 0; i < l.count; i++)
        assert_null(strstr(without, (const char *)addresses[i].local.p));
    assert_null(strstr(without, "mailto:"));
    assert_null(strstr(without, "inert"));
    free(with);
    free(without);
}

static void test_order_and_links(void **state)
{
    const struct layout l = layout_of(&markup, 0, 0, 2);
    const struct page_spec s = spec_of(&l, "/");
    char *page = render(&s, addresses);
    const char *mail = strstr(page, "mailto:"), *link = strstr(page, "<a href=\"");
    size_t links = 0;

    (void)state;
    for (const char *at = page; (at = strstr(at, "<a href=\"")) != NULL && at < mail - 9; at++)
        links++;
    assert_in_range(links, 6, 10); /* page links first, fewer than a crawler's budget */
    assert_true(link < mail);
    assert_non_null(strstr(page, "<a href=\"http://www.a.example/index.html\">"));
    assert_non_null(strstr(page, "<a href=\"/contact.html\">"));
    assert_non_null(strstr(page, "<a href=\"http://www.a.example/contact\">"));
    assert_non_null(strstr(page, "<a href=\"/\">"));
    assert_non_null(strstr(page, "<a href=\"/terms.html\">"));
    assert_non_null(strstr(page, "<meta name=\"robots\" content=\"noindex,nofollow\">"));
    assert_non_null(strstr(page, "<title>"));
    for (const char *line = page; line != NULL && *line != '\0';) { /* no line for a gibberish filter */
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(end - line < 250);
        line = end + 1;
    }
    assert_true(strlen(page) < 30000);
    free(page);
}

static void test_spec_matters(void **state)
{
    const struct layout l = layout_of(&markup, 0, 0, 1);
    struct page_spec s = spec_of(&l, "/"), other = s;
    char *one = render(&s, addresses), *two = NULL;

    (void)state;
    two = render(&s, addresses);
    assert_string_equal(one, two);
    free(two);
    other.path = BYTES("/elsewhere");
    two = render(&other, addresses);
    assert_string_not_equal(one, two);
    free(two);
    other = s;
    other.prefix = BYTES("/people");
    two = render(&other, addresses);
    assert_non_null(strstr(two, "\"http://www.a.example/people/index.html\""));
    assert_non_null(strstr(two, "href=\"/people/css/"));
    free(two);
    other.base = BYTES("");
    two = render(&other, addresses);
    assert_null(strstr(two, "http://"));
    assert_non_null(strstr(two, "\"/people/index.html\""));
    free(two);
    free(one);
}

static void test_terms(void **state)
{
    const struct layout none = { 0 };
    struct page_spec s = spec_of(&none, "/terms.html");
    char *page = NULL;

    (void)state;
    s.kind = PAGE_TERMS;
    s.terms = "Ask \"us\" at <office> & co.";
    page = render(&s, NULL);
    assert_non_null(strstr(page, "Ask &quot;us&quot; at &lt;office&gt; &amp; co."));
    assert_non_null(strstr(page, "Collecting mail addresses"));
    assert_null(strstr(page, "@"));
    free(page);
}

static void test_markup(void **state)
{
    static const char *const telling[] = { "hid", "off", "trap", "honey", "spam", "bot", "decoy", "bait", "test", "fake", "scr" };
    struct markup other, many;
    struct hash_key secret = { { 8 } };
    struct buf sheet;

    (void)state;
    markup_init(&other, &secret);
    assert_memory_not_equal(other.names, markup.names, sizeof(other.names));
    for (uint8_t k = 0; k < 200; k++) {
        secret.k[1] = k;
        markup_init(&many, &secret);
        for (size_t i = 0; i < NAME_COUNT; i++) {
            for (size_t t = 0; t < sizeof(telling) / sizeof(telling[0]); t++)
                assert_null(strstr(many.names[i], telling[t]));
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(many.names[i], many.names[j]);
        }
        buf_init(&sheet, 4096);
        markup_sheet(&many, &sheet);
        assert_non_null(strstr(buf_cstr(&sheet), many.names[NAME_HIDDEN]));
        buf_free(&sheet);
    }
}

static void test_cache(void **state)
{
    const struct layout l = layout_of(&markup, 0, 0, 1), m = layout_of(&markup, 0, 1, 1);
    struct page_spec s = spec_of(&l, "/"), t = spec_of(&m, "/");
    struct page_cache *c = NULL;
    struct page *one = NULL, *two = NULL, *held = NULL;
    char path[32];

    (void)state;
    assert_int_equal(page_cache_new(&c), TRAP_OK);
    assert_int_equal(page_cache_get(c, &s, &one), TRAP_OK);
    assert_int_equal(page_cache_get(c, &s, &two), TRAP_OK);
    assert_ptr_equal(one, two);
    page_drop(&two);
    assert_int_equal(page_cache_get(c, &t, &two), TRAP_OK);
    assert_ptr_not_equal(one, two);
    page_drop(&two);
    held = one;
    for (int i = 0; i < 5 * PAGE_CACHE_ENTRIES; i++) { /* far more than there is room for */
        (void)snprintf(path, sizeof(path), "/%d", i);
        s.path = bytes_str(path);
        assert_int_equal(page_cache_get(c, &s, &two), TRAP_OK);
        page_drop(&two);
    }
    page_cache_free(&c);
    assert_int_equal(atomic_load(&held->users), 1); /* ours: still good to render */
    page_drop(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_techniques),      cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_without_is_the_same_page), cmocka_unit_test(test_order_and_links),
        cmocka_unit_test(test_spec_matters),    cmocka_unit_test(test_terms),
        cmocka_unit_test(test_markup),          cmocka_unit_test(test_cache),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
