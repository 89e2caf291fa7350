#include <mail/smtp_path.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { NULL_PATH = 1, QUOTED = 2, ROUTE = 4, LITERAL = 8, SLOPPY = 16, UTF8 = 32 };
static unsigned flags_of(const struct smtp_path *p)
{
    return (p->null ? NULL_PATH : 0u) | (p->quoted ? QUOTED : 0u) | (p->route ? ROUTE : 0u) |
           (p->literal ? LITERAL : 0u) | (p->sloppy ? SLOPPY : 0u) | (p->utf8 ? UTF8 : 0u);
}

static const struct {
    struct bytes in, local, domain, rest;
    unsigned flags;
} good[] = {
    { BYTES_INIT("<>"), BYTES_INIT(""), BYTES_INIT(""), BYTES_INIT(""), NULL_PATH },
    { BYTES_INIT("<> BODY=7BIT"), BYTES_INIT(""), BYTES_INIT(""), BYTES_INIT("BODY=7BIT"), NULL_PATH },
    { BYTES_INIT("<a@b.example>"), BYTES_INIT("a"), BYTES_INIT("b.example"), BYTES_INIT(""), 0 },
    { BYTES_INIT("<a@b.example>   SIZE=1  X"), BYTES_INIT("a"), BYTES_INIT("b.example"),
      BYTES_INIT("SIZE=1  X"), 0 },
    { BYTES_INIT("<A.b+tag@B.Example>"), BYTES_INIT("A.b+tag"), BYTES_INIT("B.Example"), BYTES_INIT(""), 0 },
    { BYTES_INIT("<a@b.example.>"), BYTES_INIT("a"), BYTES_INIT("b.example"), BYTES_INIT(""), SLOPPY },
    { BYTES_INIT("a@b.example"), BYTES_INIT("a"), BYTES_INIT("b.example"), BYTES_INIT(""), SLOPPY },
    { BYTES_INIT("a@b.example SIZE=1"), BYTES_INIT("a"), BYTES_INIT("b.example"), BYTES_INIT("SIZE=1"),
      SLOPPY },
    { BYTES_INIT("<root>"), BYTES_INIT("root"), BYTES_INIT(""), BYTES_INIT(""), SLOPPY },
    { BYTES_INIT("<\"bob\"@b.example>"), BYTES_INIT("bob"), BYTES_INIT("b.example"), BYTES_INIT(""), 0 },
    { BYTES_INIT("<\"a b\"@b.example>"), BYTES_INIT("\"a b\""), BYTES_INIT("b.example"), BYTES_INIT(""),
      QUOTED },
    { BYTES_INIT("<\"a@x\"@b.example>"), BYTES_INIT("\"a@x\""), BYTES_INIT("b.example"), BYTES_INIT(""),
      QUOTED },
    { BYTES_INIT("<\"a\\\"b>\"@b.example>"), BYTES_INIT("\"a\\\"b>\""), BYTES_INIT("b.example"),
      BYTES_INIT(""), QUOTED },
    { BYTES_INIT("<\"\"@b.example>"), BYTES_INIT("\"\""), BYTES_INIT("b.example"), BYTES_INIT(""), QUOTED },
    { BYTES_INIT("<\".a\"@b.example>"), BYTES_INIT("\".a\""), BYTES_INIT("b.example"), BYTES_INIT(""),
      QUOTED },
    { BYTES_INIT("<@r1.example,@r2.example:a@b.example>"), BYTES_INIT("a"), BYTES_INIT("b.example"),
      BYTES_INIT(""), ROUTE },
    { BYTES_INIT("<@[192.0.2.1]:a@b.example>"), BYTES_INIT("a"), BYTES_INIT("b.example"), BYTES_INIT(""),
      ROUTE },
    { BYTES_INIT("<a@[192.0.2.1]>"), BYTES_INIT("a"), BYTES_INIT("[192.0.2.1]"), BYTES_INIT(""), LITERAL },
    { BYTES_INIT("<a@[IPv6:2001:db8::1]>"), BYTES_INIT("a"), BYTES_INIT("[IPv6:2001:db8::1]"), BYTES_INIT(""),
      LITERAL },
    { BYTES_INIT("<a@[IPv6:::ffff:192.0.2.1]>"), BYTES_INIT("a"), BYTES_INIT("[IPv6:::ffff:192.0.2.1]"),
      BYTES_INIT(""), LITERAL },
    { BYTES_INIT("<a@[x-tag:thing]>"), BYTES_INIT("a"), BYTES_INIT("[x-tag:thing]"), BYTES_INIT(""),
      LITERAL },
    { BYTES_INIT("<${run{\\x2fbin\\x2ftrue}}@b.example>"), BYTES_INIT("${run{\\x2fbin\\x2ftrue}}"),
      BYTES_INIT("b.example"), BYTES_INIT(""), SLOPPY },
    { BYTES_INIT("<.a..b.@b.example>"), BYTES_INIT(".a..b."), BYTES_INIT("b.example"), BYTES_INIT(""),
      SLOPPY },
    { BYTES_INIT("<a,b@b.example>"), BYTES_INIT("a,b"), BYTES_INIT("b.example"), BYTES_INIT(""), SLOPPY },
    { BYTES_INIT("<\xc3\xbc@b.example>"), BYTES_INIT("\xc3\xbc"), BYTES_INIT("b.example"), BYTES_INIT(""),
      UTF8 },
    { BYTES_INIT("<a@\xc3\xbc.example>"), BYTES_INIT("a"), BYTES_INIT("\xc3\xbc.example"), BYTES_INIT(""),
      UTF8 },
    { BYTES_INIT("<u%other.example@b.example>"), BYTES_INIT("u%other.example"), BYTES_INIT("b.example"),
      BYTES_INIT(""), 0 },
    { BYTES_INIT("<a@under_score.example>"), BYTES_INIT("a"), BYTES_INIT("under_score.example"),
      BYTES_INIT(""), 0 },
};

static const struct bytes bad[] = {
    BYTES_INIT(""),
    BYTES_INIT(" "),
    BYTES_INIT("<"),
    BYTES_INIT(">"),
    BYTES_INIT("<a"),
    BYTES_INIT("<a@"),
    BYTES_INIT("<a@>"),
    BYTES_INIT("<@b>"),
    BYTES_INIT("<a@b"),
    BYTES_INIT("a@b>"),
    BYTES_INIT("<a@b>>>"),
    BYTES_INIT("<a@b>SIZE=10"),
    BYTES_INIT("<>x"),
    BYTES_INIT("BODY=7BIT"),
    BYTES_INIT("root"),
    BYTES_INIT("<<a@b>>"),
    BYTES_INIT("<a b@c>"),
    BYTES_INIT("< a@b>"),
    BYTES_INIT("<a@b >"),
    BYTES_INIT("<\"a@b.example>"),
    BYTES_INIT("<\"a\\\"@b>"),
    BYTES_INIT("<\"a\"b@c>"),
    BYTES_INIT("<a\"b@c>"),
    BYTES_INIT("<\"a\x1b\"@b>"),
    BYTES_INIT("<\"a\\\0\"@b>"),
    BYTES_INIT("<\"a\\"),
    BYTES_INIT("<a@[stuff>"),
    BYTES_INIT("<a@[\"stuff]>"),
    BYTES_INIT("<a@[stuff]>"),
    BYTES_INIT("<a@[]>"),
    BYTES_INIT("<a@[192.0.2.256]>"),
    BYTES_INIT("<a@[IPv6:192.0.2.1]>"),
    BYTES_INIT("<a@[2001:db8::g]>"),
    BYTES_INIT("<a@[IPv6:]>"),
    BYTES_INIT("<a@[x:\"]>"),
    BYTES_INIT("<a@b..c>"),
    BYTES_INIT("<a@.b>"),
    BYTES_INIT("<a@.>"),
    BYTES_INIT("<a@b@c>"),
    BYTES_INIT("<a@b;c>"),
    BYTES_INIT("<a@b/c>"),
    BYTES_INIT("<@r1.example:>"),
    BYTES_INIT("<@r1.example a@b>"),
    BYTES_INIT("<@r1,r2:a@b>"),
    BYTES_INIT("<@:a@b>"),
    BYTES_INIT("<@r1,:a@b>"),
    BYTES_INIT("<te\x1bst@b>"),
    BYTES_INIT("<te\x7fst@b>"),
    BYTES_INIT("<te\0st@b>"),
    BYTES_INIT("<a@b\0c>"),
    BYTES_INIT("<a\r@b>"),
    BYTES_INIT("<f\xc3\xb6@\xc3>"),
    BYTES_INIT("<\xff@b>"),
};

static void test_reverse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct smtp_path p;
        struct bytes rest;

        if (smtp_path_parse(good[i].in, SMTP_REVERSE_PATH, &p, &rest) != TRAP_OK)
            fail_msg("case %zu: %.*s", i, (int)good[i].in.n, (const char *)good[i].in.p);
        assert_true(bytes_eq(p.local, good[i].local));
        assert_true(bytes_eq(p.domain, good[i].domain));
        assert_true(bytes_eq(rest, good[i].rest));
        assert_int_equal(flags_of(&p), good[i].flags);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct smtp_path p;
        struct bytes rest;

        if (smtp_path_parse(bad[i], SMTP_REVERSE_PATH, &p, &rest) != TRAP_EINVAL)
            fail_msg("bad case %zu passed", i);
    }
}

/* Every beginning of every case either is refused or has its parts inside what was given: read under asan. */
static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        for (size_t n = 0; n <= good[i].in.n; n++) {
            uint8_t *copy = test_malloc(n + 1);
            struct smtp_path p;
            struct bytes rest;

            memcpy(copy, good[i].in.p, n);
            if (smtp_path_parse(bytes_of(copy, n), SMTP_REVERSE_PATH, &p, &rest) == TRAP_OK && p.local.n > 0)
                assert_true(p.local.p >= copy && p.local.p + p.local.n <= copy + n);
            test_free(copy);
        }
}

static void test_forward(void **state)
{
    (void)state;
    struct smtp_path p;
    struct bytes rest;

    assert_int_equal(smtp_path_parse(BYTES("<PostMaster>"), SMTP_FORWARD_PATH, &p, &rest), TRAP_OK);
    assert_true(bytes_eq(p.local, BYTES("PostMaster")));
    assert_int_equal(p.domain.n, 0);
    assert_false(p.sloppy);
    assert_int_equal(smtp_path_parse(BYTES("<abuse>"), SMTP_FORWARD_PATH, &p, &rest), TRAP_EINVAL);
    assert_int_equal(smtp_path_parse(BYTES("<>"), SMTP_FORWARD_PATH, &p, &rest), TRAP_EINVAL);
    assert_int_equal(smtp_path_parse(BYTES("a@b NOTIFY=NEVER"), SMTP_FORWARD_PATH, &p, &rest), TRAP_OK);
    assert_true(p.sloppy);
    assert_true(bytes_eq(rest, BYTES("NOTIFY=NEVER")));
}

static void test_length(void **state)
{
    (void)state;
    for (size_t n = SMTP_ADDRESS_MAX - 1; n <= SMTP_ADDRESS_MAX + 1; n++) {
        uint8_t text[SMTP_ADDRESS_MAX + 3];
        struct smtp_path p;
        struct bytes rest;
        enum trap_err err;

        memset(text, 'x', sizeof(text));
        text[0] = '<';
        text[1 + 64] = '@';
        text[1 + n] = '>';
        err = smtp_path_parse(bytes_of(text, n + 2), SMTP_FORWARD_PATH, &p, &rest);
        assert_int_equal(err, n <= SMTP_ADDRESS_MAX ? TRAP_OK : TRAP_EINVAL);
        if (err == TRAP_OK)
            assert_int_equal(p.local.n + 1 + p.domain.n, n); /* never cut */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reverse),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
