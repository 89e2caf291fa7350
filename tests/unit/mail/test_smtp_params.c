#include <mail/smtp_params.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
    OFFERED = SMTP_EXT_SIZE | SMTP_EXT_BODY,
    MAIL = OFFERED | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN_MAIL | SMTP_EXT_AUTH,
    RCPT = SMTP_EXT_DSN_RCPT
};

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
        { BYTES_INIT("BODY=binarymime"), OFFERED, SMTP_PARAMS_OK, { .body = SMTP_BODY_BINARYMIME } },
        { BYTES_INIT("BODY="), OFFERED, SMTP_PARAMS_SYNTAX, { 0 } },
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

static void test_dsn(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        uint32_t offered;
        enum smtp_params_result result;
        struct bytes ret, envid, notify, orcpt;
    } cases[] = {
#define NONE BYTES_INIT("")
        { BYTES_INIT("RET=FULL"), MAIL, SMTP_PARAMS_OK, BYTES_INIT("RET=FULL"), NONE, NONE, NONE },
        { BYTES_INIT("ret=hdrs ENVID=a+2Bb"), MAIL, SMTP_PARAMS_OK, BYTES_INIT("ret=hdrs"),
          BYTES_INIT("ENVID=a+2Bb"), NONE, NONE },
        { BYTES_INIT("ENVID=ab+0D+0Acd"), MAIL, SMTP_PARAMS_OK, NONE, BYTES_INIT("ENVID=ab+0D+0Acd"), NONE,
          NONE }, /* kept encoded */
        { BYTES_INIT("NOTIFY=NEVER"), RCPT, SMTP_PARAMS_OK, NONE, NONE, BYTES_INIT("NOTIFY=NEVER"), NONE },
        { BYTES_INIT("NOTIFY=success,FAILURE,Delay ORCPT=rfc822;a+40b.example"), RCPT, SMTP_PARAMS_OK, NONE,
          NONE, BYTES_INIT("NOTIFY=success,FAILURE,Delay"), BYTES_INIT("ORCPT=rfc822;a+40b.example") },
        { BYTES_INIT("ORCPT=utf-8;\xc3\xbc@x.example"), RCPT, SMTP_PARAMS_OK, NONE, NONE, NONE,
          BYTES_INIT("ORCPT=utf-8;\xc3\xbc@x.example") },
        { BYTES_INIT("ORCPT=rfc822;a;b"), RCPT, SMTP_PARAMS_OK, NONE, NONE, NONE,
          BYTES_INIT("ORCPT=rfc822;a;b") },
#undef NONE
#define BAD(text, offered) { BYTES_INIT(text), offered, SMTP_PARAMS_SYNTAX, { 0 }, { 0 }, { 0 }, { 0 } }
        BAD("RET=ENCHILADA", MAIL),
        BAD("RET=", MAIL),
        BAD("RET", MAIL),
        BAD("RET=FULL RET=HDRS", MAIL),
        BAD("ENVID=", MAIL),
        BAD("ENVID", MAIL),
        BAD("ENVID=a+", MAIL),
        BAD("ENVID=a+0", MAIL),
        BAD("ENVID=a+0d", MAIL), /* hexchar is upper case */
        BAD("ENVID=a+0G", MAIL),
        BAD("ENVID=a=b", MAIL),
        BAD("ENVID=\xc3\xbc", MAIL),
        BAD("ENVID=a\tb", MAIL),
        BAD("NOTIFY=NEVER,SUCCESS", RCPT),
        BAD("NOTIFY=SUCCESS,NEVER", RCPT),
        BAD("NOTIFY=", RCPT),
        BAD("NOTIFY", RCPT),
        BAD("NOTIFY=SUCCESS,", RCPT),
        BAD("NOTIFY=,SUCCESS", RCPT),
        BAD("NOTIFY=SOMETIMES", RCPT),
        BAD("ORCPT=rfc822;", RCPT),
        BAD("ORCPT=rfc822", RCPT),
        BAD("ORCPT=;a", RCPT),
        BAD("ORCPT=", RCPT),
        BAD("ORCPT=rfc822;\xc3\xbc", RCPT),
        BAD("ORCPT=utf-8;\xc3", RCPT),
        BAD("ORCPT=utf-8;a\x7f", RCPT),
        BAD("ORCPT=rf c;a", RCPT),
        BAD("ORCPT=rfc822;a=b", RCPT),
        BAD("AUTH=", MAIL),
#undef BAD
#define UNKNOWN(text, offered) { BYTES_INIT(text), offered, SMTP_PARAMS_UNKNOWN, { 0 }, { 0 }, { 0 }, { 0 } }
        UNKNOWN("NOTIFY=NEVER", MAIL),
        UNKNOWN("RET=FULL", RCPT),
        UNKNOWN("MT-PRIORITY=3", MAIL),
        UNKNOWN("SIZE=1", RCPT),
#undef UNKNOWN
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct smtp_params got = { .size = 4711 };

        assert_int_equal(smtp_params_parse(cases[i].in, cases[i].offered, &got), cases[i].result);
        if (cases[i].result != SMTP_PARAMS_OK) {
            assert_int_equal(got.size, 4711); /* untouched */
            continue;
        }
        assert_true(bytes_eq(got.ret, cases[i].ret) && bytes_eq(got.envid, cases[i].envid) &&
                    bytes_eq(got.notify, cases[i].notify) && bytes_eq(got.orcpt, cases[i].orcpt));
    }
}

static void test_auth(void **state)
{
    (void)state;
    struct smtp_params got;

    assert_int_equal(smtp_params_parse(BYTES("AUTH=<>"), MAIL, &got), SMTP_PARAMS_OK);
    assert_int_equal(smtp_params_parse(BYTES("AUTH=a+40x.example"), MAIL, &got), SMTP_PARAMS_OK);
    assert_int_equal(smtp_params_parse(BYTES("AUTH=<>"), OFFERED, &got), SMTP_PARAMS_UNKNOWN);
}

/* `prefix` and a value of n octets */
static enum smtp_params_result with_length(const char *prefix, size_t n, uint32_t offered)
{
    char text[600];
    const size_t head = strlen(prefix);
    struct smtp_params got;

    memcpy(text, prefix, head);
    memset(text + head, 'x', n);
    return smtp_params_parse(bytes_of(text, head + n), offered, &got);
}

static void test_limits(void **state)
{
    (void)state;
    const size_t type = strlen("rfc822;");

    assert_int_equal(with_length("ENVID=", SMTP_ENVID_MAX - 1, MAIL), SMTP_PARAMS_OK);
    assert_int_equal(with_length("ENVID=", SMTP_ENVID_MAX, MAIL), SMTP_PARAMS_OK);
    assert_int_equal(with_length("ENVID=", SMTP_ENVID_MAX + 1, MAIL), SMTP_PARAMS_SYNTAX);
    assert_int_equal(with_length("ORCPT=rfc822;", SMTP_ORCPT_MAX - type - 1, RCPT), SMTP_PARAMS_OK);
    assert_int_equal(with_length("ORCPT=rfc822;", SMTP_ORCPT_MAX - type, RCPT), SMTP_PARAMS_OK);
    assert_int_equal(with_length("ORCPT=rfc822;", SMTP_ORCPT_MAX - type + 1, RCPT), SMTP_PARAMS_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_dsn),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
