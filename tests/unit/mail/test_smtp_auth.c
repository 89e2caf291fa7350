#include <mail/smtp_auth.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t text[SMTP_AUTH_TEXT_MAX];

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        struct bytes in, want;
        enum trap_err err;
    } cases[] = {
        { BYTES_INIT(""), BYTES_INIT(""), TRAP_OK }, /* RFC 4648 10 */
        { BYTES_INIT("Zg=="), BYTES_INIT("f"), TRAP_OK },
        { BYTES_INIT("Zm8="), BYTES_INIT("fo"), TRAP_OK },
        { BYTES_INIT("Zm9v"), BYTES_INIT("foo"), TRAP_OK },
        { BYTES_INIT("Zm9vYg=="), BYTES_INIT("foob"), TRAP_OK },
        { BYTES_INIT("Zm9vYmE="), BYTES_INIT("fooba"), TRAP_OK },
        { BYTES_INIT("Zm9vYmFy"), BYTES_INIT("foobar"), TRAP_OK },
        { BYTES_INIT("AAAA"), BYTES_INIT("\0\0\0"), TRAP_OK },
        { BYTES_INIT("////"), BYTES_INIT("\xff\xff\xff"), TRAP_OK },
        { BYTES_INIT("+/+/"), BYTES_INIT("\xfb\xff\xbf"), TRAP_OK },
        { BYTES_INIT("w7w="), BYTES_INIT("\xc3\xbc"), TRAP_OK },
        { BYTES_INIT("Z"), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zg"), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zg="), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zm9vYmF"), { NULL, 0 }, TRAP_EINVAL }, /* 4n+3 */
        { BYTES_INIT("Zh=="), { NULL, 0 }, TRAP_EINVAL },    /* bits left over */
        { BYTES_INIT("Zm9="), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("===="), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Z==="), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zg==Zg=="), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zm=v"), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zm9v "), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zm 9"), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zm-_"), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("Zm9\0"), { NULL, 0 }, TRAP_EINVAL },
        { BYTES_INIT("\xc3\xbc\xc3\xbc"), { NULL, 0 }, TRAP_EINVAL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t n = 4711;

        assert_int_equal(smtp_base64_decode(cases[i].in, text, sizeof(text), &n), cases[i].err);
        if (cases[i].err == TRAP_OK)
            assert_true(bytes_eq(bytes_of(text, n), cases[i].want));
        else
            assert_int_equal(n, 4711); /* untouched */
    }
}

/* Never past the end of the room, whatever the length (CVE-2018-6789). */
static void test_base64_room(void **state)
{
    (void)state;
    uint8_t in[64], out[48];
    size_t n;

    memset(in, 'A', sizeof(in));
    for (size_t len = 0; len <= sizeof(in); len++)
        for (size_t cap = 0; cap <= sizeof(out); cap++) {
            const enum trap_err err = smtp_base64_decode(bytes_of(in, len), out, cap, &n);

            if (len % 4 != 0)
                assert_int_equal(err, TRAP_EINVAL);
            else
                assert_int_equal(err, len / 4 * 3 <= cap ? TRAP_OK : TRAP_ERANGE);
        }
}

struct expected {
    enum smtp_auth_event event;
    struct bytes user, secret;
};

static void check(const struct smtp_auth *a, enum smtp_auth_event event, struct bytes secret,
                  const struct expected *want)
{
    assert_int_equal(event, want->event);
    if (event != SMTP_AUTH_GIVEN)
        return;
    assert_true(bytes_eq(bytes_of(a->user, a->user_len), want->user));
    assert_true(bytes_eq(secret, want->secret));
}

static void test_begin(void **state)
{
    (void)state;
#define NOTHING BYTES_INIT("")
    static const struct {
        struct bytes argument;
        struct expected want;
    } cases[] = {
        { BYTES_INIT("PLAIN"), { SMTP_AUTH_CHALLENGE_EMPTY, NOTHING, NOTHING } },
        { BYTES_INIT("plain"), { SMTP_AUTH_CHALLENGE_EMPTY, NOTHING, NOTHING } },
        { BYTES_INIT("LOGIN"), { SMTP_AUTH_CHALLENGE_USER, NOTHING, NOTHING } },
        { BYTES_INIT("LOGIN dXNlcg=="), { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING } },
        { BYTES_INIT("LOGIN ="), { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING } },
        { BYTES_INIT("PLAIN AHVzZXIAcGFzcw=="), { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } },
        { BYTES_INIT("PLAIN YXV0aHoAdXNlcgBwYXNz"),
          { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } },
        { BYTES_INIT("PLAIN dXNlcgBwYXNz"), { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } },
        { BYTES_INIT("PLAIN cGFzcw=="), { SMTP_AUTH_GIVEN, NOTHING, BYTES_INIT("pass") } },
        { BYTES_INIT("PLAIN AAA="), { SMTP_AUTH_GIVEN, NOTHING, NOTHING } },
        { BYTES_INIT("PLAIN ="), { SMTP_AUTH_GIVEN, NOTHING, NOTHING } },
        { BYTES_INIT("PLAIN AHUAcAB4AA=="), { SMTP_AUTH_GIVEN, BYTES_INIT("u"), BYTES_INIT("p\0x\0") } },
        { BYTES_INIT("PLAIN AMO8AMO8"), { SMTP_AUTH_GIVEN, BYTES_INIT("\xc3\xbc"), BYTES_INIT("\xc3\xbc") } },
        { BYTES_INIT("PLAIN   AHUAcA=="), { SMTP_AUTH_GIVEN, BYTES_INIT("u"), BYTES_INIT("p") } },
        { BYTES_INIT("PLAIN *"), { SMTP_AUTH_CANCELLED, NOTHING, NOTHING } },
        { BYTES_INIT("PLAIN AHUAcA="), { SMTP_AUTH_BAD_BASE64, NOTHING, NOTHING } },
        { BYTES_INIT("PLAIN AHUAcA== x"), { SMTP_AUTH_BAD_BASE64, NOTHING, NOTHING } },
        { BYTES_INIT("PLAIN user"), { SMTP_AUTH_GIVEN, NOTHING, BYTES_INIT("\xba\xc7\xab") } },
        { BYTES_INIT("PLAIN dXNlcgBwYXNzAA=="), { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } },
        { BYTES_INIT("PLAIN dXNlcgB1c2VyAA=="), { SMTP_AUTH_GIVEN, BYTES_INIT("user"), NOTHING } },
        { BYTES_INIT("PLAIN AHVzZXIA"), { SMTP_AUTH_GIVEN, BYTES_INIT("user"), NOTHING } },
        { BYTES_INIT("LOGIN AHVzZXIAcGFzcw=="), { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING } },
        { BYTES_INIT("CRAM-MD5"), { SMTP_AUTH_UNKNOWN, NOTHING, NOTHING } },
        { BYTES_INIT("X"), { SMTP_AUTH_UNKNOWN, NOTHING, NOTHING } },
        { BYTES_INIT(""), { SMTP_AUTH_SYNTAX, NOTHING, NOTHING } },
        { BYTES_INIT("=PLAIN"), { SMTP_AUTH_SYNTAX, NOTHING, NOTHING } },
        { BYTES_INIT("\xc3\xbc"), { SMTP_AUTH_SYNTAX, NOTHING, NOTHING } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct smtp_auth a;
        struct bytes secret = { NULL, 0 };
        const enum smtp_auth_event event = smtp_auth_begin(&a, cases[i].argument, text, &secret);

        check(&a, event, secret, &cases[i].want);
    }
}

static void test_exchanges(void **state)
{
    (void)state;
    static const struct {
        struct bytes argument, lines[2];
        struct expected want[2];
    } cases[] = {
        { BYTES_INIT("PLAIN"),
          { BYTES_INIT("AHUAcA==") },
          { { SMTP_AUTH_GIVEN, BYTES_INIT("u"), BYTES_INIT("p") } } },
        { BYTES_INIT("PLAIN"), { NOTHING }, { { SMTP_AUTH_GIVEN, NOTHING, NOTHING } } },
        { BYTES_INIT("PLAIN"), { BYTES_INIT("*") }, { { SMTP_AUTH_CANCELLED, NOTHING, NOTHING } } },
        { BYTES_INIT("PLAIN"), { BYTES_INIT("=") }, { { SMTP_AUTH_BAD_BASE64, NOTHING, NOTHING } } },
        { BYTES_INIT("PLAIN"), { BYTES_INIT("**") }, { { SMTP_AUTH_BAD_BASE64, NOTHING, NOTHING } } },
        { BYTES_INIT("LOGIN"),
          { BYTES_INIT("dXNlcg=="), BYTES_INIT("cGFzcw==") },
          { { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING },
            { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } } },
        { BYTES_INIT("LOGIN"),
          { NOTHING, NOTHING },
          { { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING }, { SMTP_AUTH_GIVEN, NOTHING, NOTHING } } },
        { BYTES_INIT("LOGIN"),
          { BYTES_INIT("dXNlcg=="), BYTES_INIT("*") },
          { { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING }, { SMTP_AUTH_CANCELLED, NOTHING, NOTHING } } },
        { BYTES_INIT("LOGIN"), { BYTES_INIT("user!") }, { { SMTP_AUTH_BAD_BASE64, NOTHING, NOTHING } } },
        { BYTES_INIT("LOGIN dXNlcg=="),
          { BYTES_INIT("cGFzcw==") },
          { { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } } },
        { BYTES_INIT("LOGIN"),
          { BYTES_INIT("dXI="), BYTES_INIT("cABz") },
          { { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING },
            { SMTP_AUTH_GIVEN, BYTES_INIT("ur"), BYTES_INIT("p\0s") } } },
        { BYTES_INIT("LOGIN"), /* NUL user NUL pass; user NUL pass */
          { BYTES_INIT("AHVzZXIAcGFzcw=="), BYTES_INIT("cGFzcw==") },
          { { SMTP_AUTH_CHALLENGE_PASSWORD, NOTHING, NOTHING },
            { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } } },
        { BYTES_INIT("LOGIN dXNlcgBwYXNz"),
          { BYTES_INIT("cGFzcw==") },
          { { SMTP_AUTH_GIVEN, BYTES_INIT("user"), BYTES_INIT("pass") } } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bytes secret = { NULL, 0 };
        struct smtp_auth a;

        assert_true(smtp_auth_begin(&a, cases[i].argument, text, &secret) <= SMTP_AUTH_CHALLENGE_PASSWORD);
        for (size_t k = 0; k < COUNT(cases[i].lines); k++) {
            const enum smtp_auth_event event = smtp_auth_line(&a, cases[i].lines[k], text, &secret);

            check(&a, event, secret, &cases[i].want[k]);
            if (event != SMTP_AUTH_CHALLENGE_PASSWORD)
                break;
        }
    }
}

/* Names of 254, 255 and 256 octets; the longest line, and one that is longer. */
static void test_limits(void **state)
{
    (void)state;
    static uint8_t line[SMTP_AUTH_LINE_MAX + 4];
    struct bytes secret = { NULL, 0 };
    struct smtp_auth a;

    for (size_t n = SMTP_AUTH_USER_MAX - 3; n <= SMTP_AUTH_USER_MAX + 3; n += 3) {
        memset(line, 'M', n / 3 * 4);
        assert_int_equal(smtp_auth_begin(&a, BYTES("LOGIN"), text, &secret), SMTP_AUTH_CHALLENGE_USER);
        assert_int_equal(smtp_auth_line(&a, bytes_of(line, n / 3 * 4), text, &secret),
                         SMTP_AUTH_CHALLENGE_PASSWORD);
        assert_int_equal(a.user_len, n > SMTP_AUTH_USER_MAX ? SMTP_AUTH_USER_MAX : n);
        assert_int_equal(a.cut, n > SMTP_AUTH_USER_MAX);
    }
    memset(line, 'A', sizeof(line));
    assert_int_equal(smtp_auth_line(&a, bytes_of(line, SMTP_AUTH_LINE_MAX), text, &secret), SMTP_AUTH_GIVEN);
    assert_int_equal(secret.n, SMTP_AUTH_TEXT_MAX);
    a.step = 0;
    assert_int_equal(smtp_auth_line(&a, bytes_of(line, SMTP_AUTH_LINE_MAX + 4), text, &secret),
                     SMTP_AUTH_BAD_BASE64);
}

/* What is no mechanism may be a password, or a response without its mechanism: it is not kept. */
static void test_mechanisms(void **state)
{
    (void)state;
    static const struct {
        struct bytes argument;
        bool kept;
    } cases[] = {
        { BYTES_INIT("CRAM-MD5"), true },
        { BYTES_INIT("ntlm TlRMTVNTUAAB"), true },
        { BYTES_INIT("SCRAM-SHA-256-PLUS"), true },
        { BYTES_INIT("secret"), false },
        { BYTES_INIT("SECRET1"), false },
        { BYTES_INIT("user secret"), false },
        { BYTES_INIT("AHUAc2VjcmV0"), false }, /* NUL u NUL secret */
        { BYTES_INIT("MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM"), false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct bytes name = bytes_take(cases[i].argument, bytes_find(cases[i].argument, ' '));
        struct bytes secret = { NULL, 0 };
        struct smtp_auth a;

        assert_int_equal(smtp_auth_begin(&a, cases[i].argument, text, &secret), SMTP_AUTH_UNKNOWN);
        assert_true(bytes_eq(bytes_of(a.mechanism, a.mechanism_len), cases[i].kept ? name : BYTES("")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64), cmocka_unit_test(test_base64_room),
        cmocka_unit_test(test_begin),  cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_mechanisms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
