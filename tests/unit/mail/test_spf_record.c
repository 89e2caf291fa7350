/* Terms as text: "include:a.example", "-ip4:203.0.113.0/24", "a:x.example/24//64", "macro exists:…", "error". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <base/buf.h>
#include <mail/spf_record.h>

#include <stdlib.h>

static const struct {
    const char *in, *want;
} cases[] = {
    { "v=spf1", "" },
    { "v=spf1 ", "" },
    { "V=SPF1   ip4:203.0.113.0/24   ", "ip4 203.0.113.0/24;" },
    { "v=spf1 -all", "-all;" },
    { "v=spf1 redirect=_spf.google.example", "redirect _spf.google.example;" },
    { "v=spf1 include:a.example ~all", "include a.example;~all;" },
    { "v=spf1 ?include:a.example", "?include a.example;" },
    { "v=spf1 +IP4:203.0.113.7", "ip4 203.0.113.7;" },
    { "v=spf1 ip4:203.0.113.7/24", "ip4 203.0.113.0/24;" }, /* bits behind the length are not looked at */
    { "v=spf1 ip4:0.0.0.0/0", "ip4 0.0.0.0/0;" },
    { "v=spf1 ip6:2001:db8::/32", "ip6 2001:db8::/32;" },
    { "v=spf1 ip6:2001:db8::1", "ip6 2001:db8::1;" },
    { "v=spf1 ip6:::/0", "ip6 ::/0;" },
    { "v=spf1 a mx", "a /32/128;mx /32/128;" },
    { "v=spf1 a/24 mx//64", "a /24/128;mx /32/64;" },
    { "v=spf1 a:x.example/24//64", "a x.example/24/64;" },
    { "v=spf1 mx:x.example", "mx x.example/32/128;" },
    { "v=spf1 a:x.example/0//0", "a x.example/0/0;" },
    { "v=spf1 ptr ptr:x.example", "ptr;ptr x.example;" },
    { "v=spf1 exists:%{i}._spf.x.example", "exists macro %{i}._spf.x.example;" },
    { "v=spf1 include:%{d2}.x.example/24", "include macro %{d2}.x.example/24;" },
    { "v=spf1 a:%{i/}.x/24", "a macro %{i/}.x/24/32/128;" },
    { "v=spf1 exp=why.x.example x-foo=bar%{z} op=1", "exp why.x.example;modifier;modifier;" },
    { "v=spf1 include:x.example.", "include x.example.;" },
    /* syntax errors: what stood before is told */
    { "v=spf1 ip4:203.0.113.0/24 nonsense", "ip4 203.0.113.0/24;error" },
    { "v=spf1 include", "error" },
    { "v=spf1 include:", "error" },
    { "v=spf1 include:a..b", "error" },
    { "v=spf1 include:a\x01.b", "error" },
    { "v=spf1 all:x", "error" },
    { "v=spf1 allx", "error" },
    { "v=spf1 ip4:203.0.113.256", "error" },
    { "v=spf1 ip4:203.0.113", "error" },
    { "v=spf1 ip4:203.0.113.0/33", "error" },
    { "v=spf1 ip4:203.0.113.0/024", "error" },
    { "v=spf1 ip4:203.0.113.0/", "error" },
    { "v=spf1 ip4:203.0.113.0//24", "error" },
    { "v=spf1 ip4:2001:db8::", "error" },
    { "v=spf1 ip6:203.0.113.0", "error" },
    { "v=spf1 ip6:2001:db8::/129", "error" },
    { "v=spf1 ip4", "error" },
    { "v=spf1 a/33", "error" },
    { "v=spf1 a/", "error" },
    { "v=spf1 a/24/", "error" },
    { "v=spf1 a/24//", "error" },
    { "v=spf1 a/24/64", "error" },
    { "v=spf1 a//129", "error" },
    { "v=spf1 a:", "error" },
    { "v=spf1 mx=x", "modifier;" },
    { "v=spf1 redirect:x.example", "error" },
    { "v=spf1 redirect=", "error" },
    { "v=spf1 +redirect=x.example", "error" },
    { "v=spf1 -x=1", "error" },
    { "v=spf1 1x=1", "error" },
    { "v=spf1 =1", "error" },
    { "v=spf1 +", "error" },
    { "v=spf1 ++all", "error" },
    { "v=spf1\tall", "none" },
    { "v=spf10 all", "none" },
    { "v=spf2.0/pra", "none" },
    { " v=spf1", "none" },
    { "", "none" },
    { "v=spf1 all\tall", "error" },
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void add_term(struct buf *out, const struct spf_term *t)
{
    static const char *const names[] = { "all", "include", "a",        "mx",  "ptr",     "ip4",
                                         "ip6", "exists",  "redirect", "exp", "modifier" };
    char text[PREFIX_TEXT_MAX];

    if (t->qualifier != '+')
        buf_add_byte(out, (uint8_t)t->qualifier);
    buf_add_str(out, names[t->kind]);
    buf_add_str(out, t->macro ? " macro" : "");
    if (t->domain.n > 0) {
        buf_add_byte(out, ' ');
        buf_add(out, t->domain);
    }
    if (t->kind == SPF_IP4 || t->kind == SPF_IP6)
        buf_addf(out, " %s", prefix_text(t->prefix, text));
    if (t->kind == SPF_A || t->kind == SPF_MX)
        buf_addf(out, "%s/%u/%u", t->domain.n == 0 ? " " : "", t->len4, t->len6);
    buf_add_byte(out, ';');
}

/* The record in memory of exactly its size, so that a sanitizer sees a step too far. */
static const char *read_record(struct bytes in, struct buf *out)
{
    uint8_t *const copy = malloc(in.n == 0 ? 1 : in.n);
    struct bytes terms;
    struct spf_term t;
    enum trap_err err = TRAP_OK;

    assert_non_null(copy);
    memcpy(copy, in.p, in.n);
    buf_reset(out);
    if (!spf_begin(bytes_of(copy, in.n), &terms)) {
        buf_add_str(out, "none");
        err = TRAP_ENOENT;
    }
    while (err == TRAP_OK) {
        err = spf_next(&terms, &t);
        if (err == TRAP_OK)
            add_term(out, &t);
    }
    if (err == TRAP_EINVAL)
        buf_add_str(out, "error");
    free(copy);
    return buf_cstr(out);
}

static void test_records(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < CASES; i++)
        assert_string_equal(read_record(bytes_str(cases[i].in), &out), cases[i].want);
    buf_free(&out);
}

/* Cut at every point: the terms that stand before the last blank are the same. */
static void test_every_cut(void **state)
{
    struct buf whole, part;

    (void)state;
    buf_init(&whole, 4096);
    buf_init(&part, 4096);
    for (size_t i = 0; i < CASES; i++) {
        const struct bytes in = bytes_str(cases[i].in);

        for (size_t cut = 0; cut <= in.n; cut++) {
            const struct bytes head = bytes_take(in, cut);
            const size_t blank = bytes_rfind(head, ' ');

            (void)read_record(head, &part);
            if (blank == head.n)
                continue;
            (void)read_record(bytes_take(in, blank), &whole);
            assert_true(bytes_has_prefix(buf_bytes(&part), buf_bytes(&whole)));
        }
    }
    buf_free(&whole);
    buf_free(&part);
}

/* A TXT record is one run of bytes, whatever character-strings it came in; NUL is no end of it. */
static void test_nul(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_string_equal(read_record(BYTES("v=spf1 ip4:203.0.113.1 a\0 all"), &out), "ip4 203.0.113.1;error");
    assert_string_equal(read_record(BYTES("v=spf1\0"), &out), "none");
    buf_free(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
