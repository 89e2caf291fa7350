/* The lists that come with the project, and files of an operator's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "crawler.h"
#include "provider_list.h"

#include <base/buf.h>

static void test_shipped(void **state)
{
    static char none[] = "", own[] = "mail.example", again[] = "gmail.com";
    char *more[] = { own, again };
    const struct conf_look c = { .providers_file = none, .providers = { more, 2 } };
    struct provider_list l;
    struct err_text why = { "" };
    bool has_own = false;
    size_t outlook = 0;

    (void)state;
    if (provider_list_load(&c, &l, &why) != TRAP_OK)
        fail_msg("%s", why.text);
    assert_true(l.n > 50 && l.n < 200);
    for (size_t i = 0; i < l.n; i++) {
        has_own = has_own || strcmp(l.v[i].domain, "mail.example") == 0;
        if (strcmp(l.v[i].domain, "outlook.com") == 0)
            outlook = l.v[i].wide_count;
        for (size_t k = 0; k < l.v[i].wide_count; k++) /* only what would else be refused */
            assert_true(prefix_family_len(l.v[i].wide[k]) < (ip_is_v4(l.v[i].wide[k].ip) ? 16 : 32));
    }
    assert_true(has_own);
    assert_int_equal(outlook, 2);
    provider_list_free(&l);
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *why; /* NULL: fine */
    } cases[] = {
        { "", 0, NULL },
        { "# nothing\n\n   \n", 0, NULL },
        { "a.example\r\nB.example  # two\n", 2, NULL },
        { "a.example 45.0.0.0/15  2a02::/31", 1, NULL },
        { "a.example\na.example\n", 0, "f:2: the domain already stands above" },
        { "a.example\n\nlocalhost\n", 0, "f:3: the line begins with no domain" },
        { "a..example\n", 0, "f:1: the line begins with no domain" },
        { "a.example 45.0.0.1/15\n", 0, "f:1: what stands behind" },
        { "a.example 45.0.0.0/15,46.0.0.0/15\n", 0, "f:1: what stands behind" },
        { "a.example 1.0.0.0/8 2.0.0.0/8 3.0.0.0/8 4.0.0.0/8 5.0.0.0/8 6.0.0.0/8 7.0.0.0/8 8.0.0.0/8", 1, NULL },
        { "a.example 1.0.0.0/8 2.0.0.0/8 3.0.0.0/8 4.0.0.0/8 5.0.0.0/8 6.0.0.0/8 7.0.0.0/8 8.0.0.0/8 9.0.0.0/8", 0,
          "f:1: more than 8 prefixes" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct provider_list l = { 0 };
        struct err_text why = { "" };
        const enum trap_err err = provider_list_parse("f", bytes_str(cases[i].text), &l, &why);

        if (cases[i].why == NULL) {
            assert_int_equal(err, TRAP_OK);
            assert_int_equal(l.n, cases[i].n);
        } else {
            assert_int_equal(err, TRAP_EINVAL);
            if (strncmp(why.text, cases[i].why, strlen(cases[i].why)) != 0)
                fail_msg("%s", why.text);
        }
        provider_list_free(&l);
    }
}

static void test_most(void **state)
{
    struct provider_list l = { 0 };
    struct err_text why = { "" };
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < PROVIDERS_MAX; i++)
        buf_addf(&text, "p%u.example\n", i);
    assert_int_equal(provider_list_parse("f", buf_bytes(&text), &l, &why), TRAP_OK);
    assert_int_equal(l.n, PROVIDERS_MAX);
    assert_int_equal(provider_list_parse("f", BYTES("one.more.example"), &l, &why), TRAP_EINVAL);
    provider_list_free(&l);
    buf_free(&text);
}

static void test_crawlers(void **state)
{
    (void)state;
    assert_true(bytes_eq(crawler_operator(BYTES("crawl-66-249-66-1.googlebot.com")), BYTES("Google")));
    assert_true(bytes_eq(crawler_operator(BYTES("MSNBOT-1.Search.MSN.com")), BYTES("Bing")));
    assert_int_equal(crawler_operator(BYTES("googlebot.com.evil.example")).n, 0);
    assert_int_equal(crawler_operator(BYTES("notgooglebot.com")).n, 0);
    assert_int_equal(crawler_operator(BYTES("# Search")).n, 0);
    assert_int_equal(crawler_operator(BYTES("")).n, 0);
    for (struct bytes rest = bytes_str(text_crawlers), line; bytes_split(&rest, '\n', &line);) {
        char name[DNS_NAME_TEXT_MAX];
        const struct bytes domain = bytes_take(line, bytes_find(line, ' '));

        if (line.n == 0 || line.p[0] == '#')
            continue;
        assert_int_equal(dns_name_read(domain, name), TRAP_OK);
        assert_true(crawler_operator(domain).n > 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_crawlers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
