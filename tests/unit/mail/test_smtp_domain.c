#include <mail/smtp_domain.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_table(void **state)
{
    (void)state;
    static const struct {
        struct bytes in, want; /* want.n == 0: refused */
    } cases[] = {
        { BYTES_INIT("b\xc3\xbc"
                     "cher.example"),
          BYTES_INIT("xn--bcher-kva.example") },
        { BYTES_INIT("B\xc3\x9c"
                     "CHER.Example"),
          BYTES_INIT("xn--bcher-kva.example") }, /* case */
        { BYTES_INIT("bu\xcc\x88"
                     "cher.example"),
          BYTES_INIT("xn--bcher-kva.example") }, /* not composed */
        { BYTES_INIT("stra\xc3\x9f"
                     "e.example"),
          BYTES_INIT("xn--strae-oqa.example") }, /* not transitional */
        { BYTES_INIT("a.b\xc3\xbc"
                     "cher.example"),
          BYTES_INIT("a.xn--bcher-kva.example") },
        { BYTES_INIT("\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.example"), BYTES_INIT("xn--80a1acny.example") },
        { BYTES_INIT("\xef\xbd\x8f\xef\xbd\x8c\xef\xbd\x84.example"), BYTES_INIT("old.example") }, /* wide */
        { BYTES_INIT("old.example"), BYTES_INIT("old.example") },
        { BYTES_INIT(""), { NULL, 0 } },
        { BYTES_INIT("\xc3"), { NULL, 0 } },
        { BYTES_INIT("\xc3\xbc\0.example"), { NULL, 0 } },
        { BYTES_INIT("xn--\xc3\xbc.example"), { NULL, 0 } },
        { BYTES_INIT("\xe2\x80\x8d.example"), { NULL, 0 } }, /* a joiner alone */
        { BYTES_INIT("\xef\xbf\xbf.example"), { NULL, 0 } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[SMTP_DOMAIN_MAX];
        size_t n = 4711;
        const enum trap_err err = smtp_domain_ascii(cases[i].in, out, &n);

        if (cases[i].want.n == 0) {
            assert_int_not_equal(err, TRAP_OK);
            assert_int_equal(n, 4711); /* untouched */
            continue;
        }
        assert_int_equal(err, TRAP_OK);
        assert_true(bytes_eq(bytes_of(out, n), cases[i].want));
    }
}

/* Labels of two octets, of which each makes eight: more than a name may have. */
static void test_limits(void **state)
{
    (void)state;
    uint8_t in[SMTP_DOMAIN_MAX + 1], out[SMTP_DOMAIN_MAX];
    size_t n;

    for (size_t i = 0; i + 3 <= sizeof(in); i += 3)
        memcpy(in + i, "\xc3\xbc.", 3);
    assert_int_equal(smtp_domain_ascii(bytes_of(in, 252), out, &n), TRAP_EINVAL);
    assert_int_equal(smtp_domain_ascii(bytes_of(in, 30), out, &n), TRAP_OK);
    memset(in, 'a', sizeof(in));
    assert_int_equal(smtp_domain_ascii(bytes_of(in, 63), out, &n), TRAP_OK);
    assert_int_equal(smtp_domain_ascii(bytes_of(in, 64), out, &n), TRAP_EINVAL);
    assert_int_equal(smtp_domain_ascii(bytes_of(in, SMTP_DOMAIN_MAX + 1), out, &n), TRAP_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
