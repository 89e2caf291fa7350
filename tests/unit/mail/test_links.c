/* Hosts and addresses of texts as spam writes them, whole and cut at every place. */
#include <mail/links.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    enum mime_kind kind;
    struct bytes text;
    const char *found; /* each with a blank behind it */
} cases[] = {
    { MIME_PLAIN, BYTES_INIT(""), "" },
    { MIME_PLAIN, BYTES_INIT("see http://Shop.Example.COM/x?y=1."), "shop.example.com " },
    { MIME_PLAIN, BYTES_INIT("(https://example.com), (www.example.org)."), "example.com www.example.org " },
    { MIME_PLAIN, BYTES_INIT("<URL:ftp://example.com> hxxp://example.net"), "example.com example.net " },
    { MIME_PLAIN, BYTES_INIT("http://example.com http://EXAMPLE.com./"), "example.com " },
    { MIME_PLAIN, BYTES_INIT("http://bank.example@x@evil.example:8080/"), "evil.example " },
    { MIME_PLAIN, BYTES_INIT("http:\\\\example.com\\x http:/example.net"), "example.com example.net " },
    { MIME_PLAIN, BYTES_INIT("http://r.example/?u=http://evil.example/&b"), "r.example evil.example " },
    { MIME_PLAIN, BYTES_INIT("http://r.example/?u=http%3A%2F%2Fevil.example%2F"), "r.example evil.example " },
    { MIME_PLAIN, BYTES_INIT("http://%65xample.com/"), "example.com " },
    { MIME_PLAIN, BYTES_INIT("http://3221225985/ http://0xc0.0.513 http://0300.0.2.1:80"), "192.0.2.1 " },
    { MIME_PLAIN, BYTES_INIT("http://[2001:DB8::1]:80/"), "2001:db8::1 " },
    { MIME_PLAIN,
      BYTES_INIT("http://b\xc3\xbc"
                 "cher.example/"),
      "xn--bcher-kva.example " },
    { MIME_PLAIN,
      BYTES_INIT("http://example\xe3\x80\x82"
                 "com/"),
      "example.com " },
    { MIME_PLAIN, BYTES_INIT("h\0t\0t\0p\0:\0/\0/\0e\0x\0.\0d\0e\0"), "ex.de " },
    { MIME_PLAIN, BYTES_INIT("http:// http://x http://1.2.3.4.5 http://256.1.1.1 http://-a.b gopher://a.b"),
      "" },
    { MIME_PLAIN, BYTES_INIT("http://a\x80.example mhttp:/ ://a.b"), "" },
    { MIME_PLAIN, BYTES_INIT("//example.com"), "" },
    { MIME_PLAIN, BYTES_INIT("h&#116;tp://example.com"), "" },
    /* HTML */
    { MIME_HTML, BYTES_INIT("<a href=\"http://example.com/\">x</a>"), "example.com " },
    { MIME_HTML, BYTES_INIT("<img src='//example.com/x'>"), "example.com " },
    { MIME_HTML, BYTES_INIT("<a href=http://example.com>x"), "example.com " },
    { MIME_HTML, BYTES_INIT("\"h&#116;&#x74;p&colon;&sol;&sol;exa&shy;mple&period;com\""), "example.com " },
    { MIME_HTML, BYTES_INIT("\"http&#58//example&#46com&#10;.evil.example\""), "example.com.evil.example " },
    { MIME_HTML, BYTES_INIT("\"http://a.example/?x&y&amp;z&;&#zz;&#x110000;&#0;\""), "a.example " },
    { MIME_HTML, BYTES_INIT("\"http://b&#252;cher.example&"), "xn--bcher-kva.example " },
    /* addresses */
    { MIME_PLAIN, BYTES_INIT("Write to <Mr.Smith+1@Gmail.com>!"), "mr.smith+1@gmail.com " },
    { MIME_PLAIN, BYTES_INIT("mailto:a@b.example?cc=c@d.example"), "a@b.example c@d.example " },
    { MIME_HTML, BYTES_INIT("a&commat;b.example. c&#64;d.example-"), "a@b.example c@d.example " },
    { MIME_PLAIN, BYTES_INIT("@b.example a@ a@b a@1.2.3.4 a@-b.example @@"), "" },
    { MIME_REPLY_TO, BYTES_INIT(" \"X\" <x@y.example>, z%40w.example"), "x@y.example z@w.example " },
};

static void check(size_t i, size_t cut)
{
    static struct links l;
    char found[4096] = "";
    size_t n = 0;

    links_init(&l);
    for (unsigned half = 0; half < 2; half++) {
        const struct bytes piece =
            half == 0 ? bytes_take(cases[i].text, cut) : bytes_skip(cases[i].text, cut);

        if (piece.n > 0)
            links_text(cases[i].kind, piece, &l);
    }
    links_text(cases[i].kind, BYTES(""), &l);
    for (size_t k = 0; k < l.hosts_n; k++)
        n += (size_t)snprintf(found + n, sizeof(found) - n, "%s ", l.hosts[k]);
    for (size_t k = 0; k < l.mail_n; k++)
        n += (size_t)snprintf(found + n, sizeof(found) - n, "%s ", l.mail[k]);
    if (strcmp(found, cases[i].found) != 0)
        fail_msg("case %zu cut %zu: %s", i, cut, found);
    assert_false(l.more);
}

static void test_cases_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t cut = 0; cut <= cases[i].text.n; cut++)
            check(i, cut);
}

static void say(struct links *l, const char *before, unsigned i, const char *behind)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s%u%s ", before, i, behind);
    links_text(MIME_PLAIN, bytes_str(text), l);
}

static void test_limits(void **state)
{
    static struct links l;

    (void)state;
    links_init(&l);
    for (unsigned i = 1; i <= LINKS_HOSTS_MAX + 1; i++) {
        say(&l, "http://h", i, ".example/");
        assert_int_equal(l.hosts_n, i < LINKS_HOSTS_MAX ? i : LINKS_HOSTS_MAX);
        assert_int_equal(l.more, i > LINKS_HOSTS_MAX);
    }
    links_init(&l);
    for (unsigned i = 1; i <= LINKS_MAIL_MAX + 1; i++) {
        say(&l, "a", i, "@b.example");
        assert_int_equal(l.mail_n, i < LINKS_MAIL_MAX ? i : LINKS_MAIL_MAX);
        assert_int_equal(l.more, i > LINKS_MAIL_MAX);
    }
    for (size_t n = LINKS_LOCAL_MAX - 1; n <= LINKS_LOCAL_MAX + 1; n++) {
        links_init(&l);
        for (size_t i = 0; i < n; i++)
            links_text(MIME_PLAIN, BYTES("x"), &l);
        links_text(MIME_PLAIN, BYTES("@b.example "), &l);
        assert_int_equal(l.mail_n, n <= LINKS_LOCAL_MAX ? 1 : 0);
    }
    for (size_t n = LINKS_WORD_MAX - 1; n <= LINKS_WORD_MAX + 1; n++) { /* the last octet makes it a name */
        links_init(&l);
        for (size_t i = 0; i + 13 < n; i++)
            links_text(MIME_PLAIN, BYTES(","), &l);
        links_text(MIME_PLAIN, BYTES("http://ex.amb "), &l);
        assert_int_equal(l.hosts_n, 1);
        assert_string_equal(l.hosts[0], n <= LINKS_WORD_MAX ? "ex.amb" : "ex.am");
    }
}

/* A word without end, and one of nothing but beginnings. */
static void test_long_words(void **state)
{
    static const struct bytes pieces[] = { BYTES_INIT("http://"),    BYTES_INIT("a@"),
                                           BYTES_INIT("&"),          BYTES_INIT("%40"),
                                           BYTES_INIT("http:/a.b/"), BYTES_INIT("&#64; ") };
    static struct links l;

    (void)state;
    for (size_t k = 0; k < COUNT(pieces); k++) {
        links_init(&l);
        for (unsigned i = 0; i < 500000; i++)
            links_text(MIME_HTML, pieces[k], &l);
        links_text(MIME_HTML, BYTES(""), &l);
        assert_true(l.hosts_n <= 1);
    }
    assert_true(sizeof(struct links) < 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases_at_every_cut),
                                        cmocka_unit_test(test_limits), cmocka_unit_test(test_long_words) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
