#include <mail/smtp_params.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { OFFERED = SMTP_EXT_SIZE | SMTP_EXT_8BITMIME };

static void test_table(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        uint32_t offered;
        enum smtp_params_result result;
        struct smtp_params want;
    } cases[] = {
        { BYTES_INIT(""), OFFERED, SMTP_PARAMS_OK, { 0 } },
        { BYTES_INIT("SIZE=10"), OFFERED, SMTP_PARAMS_OK, { .size = 10 } },
        { BYTES_INIT("size=0"), OFFERED, SMTP_PARAMS_OK, { .size = 0 } },
        { BYTES_INIT("SIZE=10 BODY=8BITMIME"),
          OFFERED,
          SMTP_PARAMS_OK,
          { .size = 10, .body = SMTP_BODY_8BITMIME } },
        { BYTES_INIT("  body=7bit   SIZE=7 "), OFFERED, SMTP_PARAMS_OK, { .size = 7 } },
        { BYTES_INIT("SIZE=18446744073709551615"), OFFERED, SMTP_PARAMS_OK, { .size = UINT64_MAX } },
        { BYTES_INIT("SIZE=18446744073709551616"),
          OFFERED,
          SMTP_PARAMS_OK,
          { .size = UINT64_MAX } }, /* no wrap */
        { BYTES_INIT("SIZE=99999999999999999999"), OFFERED, SMTP_PARAMS_OK, { .size = UINT64_MAX } },
        { BYTES_INIT("SIZE=999999999999999999999"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } }, /* 21 digits */
        { BYTES_INIT("SIZE=abc"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SIZE=-1"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SIZE=+1"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SIZE="), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SIZE"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SIZE=1 SIZE=1"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SIZE=1\0"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("BODY=RABIIT"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("BODY=BINARYMIME"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("BODY"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("=10"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("-X=10"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("<a@b>"), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("SMTPUTF8"), OFFERED, SMTP_PARAMS_UNKNOWN, { 0 } },
        { BYTES_INIT("SMTPUTF8"), OFFERED | SMTP_EXT_SMTPUTF8, SMTP_PARAMS_OK, { .smtputf8 = true } },
        { BYTES_INIT("SMTPUTF8=1"), OFFERED | SMTP_EXT_SMTPUTF8, SMTP_PARAMS_SYNTAX, { 0 } },
        { BYTES_INIT("RET=ENCHILADA"), OFFERED, SMTP_PARAMS_UNKNOWN, { 0 } },
        { BYTES_INIT("ENVID=ab+0D+0Acd"), OFFERED, SMTP_PARAMS_UNKNOWN, { 0 } },
        { BYTES_INIT("NOTIFY=NEVER"), 0, SMTP_PARAMS_UNKNOWN, { 0 } },
        { BYTES_INIT("SIZE=10"), 0, SMTP_PARAMS_UNKNOWN, { 0 } },
        { BYTES_INIT("SIZE=10 WHAT"), OFFERED, SMTP_PARAMS_UNKNOWN, { 0 } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct smtp_params got = { .size = 4711 };

        assert_int_equal(smtp_params_parse(cases[i].in, cases[i].offered, &got), cases[i].result);
        if (cases[i].result != SMTP_PARAMS_OK) {
            assert_int_equal(got.size, 4711); /* untouched */
            continue;
        }
        assert_int_equal(got.size, cases[i].want.size);
        assert_int_equal(got.body, cases[i].want.body);
        assert_int_equal(got.smtputf8, cases[i].want.smtputf8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
