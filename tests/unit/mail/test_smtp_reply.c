#include <mail/smtp_reply.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Every reply: three digits, for 2xx, 4xx, 5xx (not 3xx) an enhanced code of the same class, one line,
 * printable, <= 512 octets. */
static void test_form(void **state)
{
    (void)state;
    for (int r = 0; r < SMTP_REPLIES; r++) {
        const struct bytes line = smtp_reply_line((enum smtp_reply)r);
        const unsigned code = smtp_reply_code((enum smtp_reply)r);

        assert_true(line.n >= 6 && line.n <= 512);
        assert_memory_equal(line.p + line.n - 2, "\r\n", 2);
        assert_true(line.p[3] == ' ');
        for (size_t i = 0; i < line.n - 2; i++)
            assert_true(line.p[i] >= 0x20 && line.p[i] < 0x7f);
        assert_true((code >= 300 && code < 400) || (code >= 200 && code < 300) || (code >= 400 && code < 600));
        if (code < 300 || code >= 400) {
            assert_int_equal(line.p[4], line.p[0]);
            assert_true(line.p[5] == '.' && line.p[7] == '.' && line.p[9] == ' ');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_form) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
