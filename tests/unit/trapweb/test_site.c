#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct host_case {
    const char *field, *text, *name;
};
static const struct host_case hosts[] = {
    { "www.a.example", "www.a.example", "www.a.example" },
    { "WWW.A.Example:8080", "www.a.example:8080", "www.a.example" },
    { " a.example ", "a.example", "a.example" },
    { "[2001:DB8::1]:81", "[2001:db8::1]:81", "[2001:db8::1]" },
    { "[2001:db8::1]", "[2001:db8::1]", "[2001:db8::1]" },
    { "127.0.0.1:80", "127.0.0.1:80", "127.0.0.1" },
    /* as good as none */
    { "", "", "" },
    { ":80", "", "" },
    { "a:", "", "" },
    { "a:0", "", "" },
    { "a:65536", "", "" },
    { "a:80x", "", "" },
    { "[::1", "", "" },
    { "[::1]x", "", "" },
    { "a b", "", "" },
    { "a\"onload=x", "", "" },
    { "a/b", "", "" },
    { "a<script>", "", "" },
    { "a@b", "", "" },
};

static void test_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct host h;
        host_parse(bytes_str(hosts[i].field), &h);
        if (!bytes_eq(bytes_of(h.text, h.n), bytes_str(hosts[i].text)) ||
            !bytes_eq(bytes_of(h.text, h.name_n), bytes_str(hosts[i].name)))
            fail_msg("host \"%s\"", hosts[i].field);
    }
}

static void test_host_limit(void **state)
{
    uint8_t text[HOST_TEXT_MAX + 1];
    struct host h;

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t n = HOST_TEXT_MAX - 1; n <= HOST_TEXT_MAX + 1; n++) {
        host_parse(bytes_of(text, n), &h);
        assert_int_equal(h.n, n <= HOST_TEXT_MAX ? n : 0);
    }
}

static struct conf_trap_domain domains[] = {
    { .name = (char *)(uintptr_t)"one.net", .klass = CLASS_MINTED, .unknown_accept = false },
    { .name = (char *)(uintptr_t)"old.net", .klass = CLASS_RECYCLED, .unknown_accept = true },
    { .name = (char *)(uintptr_t)"two.net", .klass = CLASS_MINTED, .unknown_accept = false },
};
static char *only_two[] = { (char *)(uintptr_t)"two.net" };

static void test_sites(void **state)
{
    struct conf_site sites[] = {
        { (char *)(uintptr_t)"www.a.example", { only_two, 1 }, (char *)(uintptr_t)"verein" },
        { (char *)(uintptr_t)"www.b.example", { NULL, 0 }, (char *)(uintptr_t)"" },
    };
    const struct config c = { .path = (char *)(uintptr_t)"x.conf", .trap_domains = domains, .trap_domain_count = 3,
                              .sites = sites, .site_count = 2 };
    struct keyring keys = { .has_master = true };
    struct markup markup;
    const struct hash_key secret = { { 1 } };
    struct err_text why = { "" };
    struct mint *mint = NULL;
    struct sites s;

    (void)state;
    assert_int_equal(keyed_init(), TRAP_OK);
    assert_int_equal(mint_new(&keys, &mint), TRAP_OK);
    assert_int_equal(sites_init(&s, &c, mint, &why), TRAP_OK);
    const struct site *a = sites_find(&s, BYTES("www.a.example")), *b = sites_find(&s, BYTES("www.b.example")),
                      *other = sites_find(&s, BYTES("elsewhere"));
    assert_int_equal(a->domain_count, 1);
    assert_true(bytes_eq(a->domains[0].name, BYTES("two.net")));
    assert_int_equal(b->domain_count, 2);
    assert_int_equal(other->domain_count, 2);
    assert_int_equal(other->index, 2);
    assert_ptr_equal(sites_find(&s, BYTES("")), other);
    markup_init(&markup, &secret);
    assert_ptr_equal(site_theme(a, &markup, a->name), &theme_verein);
    assert_ptr_equal(site_theme(b, &markup, b->name), site_theme(b, &markup, b->name));
    sites_free(&s);
    sites[0].theme = (char *)(uintptr_t)"baroque";
    assert_int_equal(sites_init(&s, &c, mint, &why), TRAP_EINVAL);
    assert_non_null(strstr(why.text, "baroque"));
    assert_non_null(strstr(why.text, "werkstatt"));
    sites_free(&s);
    mint_free(&mint);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_host), cmocka_unit_test(test_host_limit),
                                        cmocka_unit_test(test_sites) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
