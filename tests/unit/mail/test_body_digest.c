#include <mail/body_digest.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t digest_of_text(struct bytes a, struct bytes b)
{
    struct body_digest d;

    body_digest_init(&d);
    body_digest_add(&d, a);
    body_digest_add(&d, b);
    return body_digest_value(&d);
}

static void test_every_split(void **state)
{
    (void)state;
    const struct bytes text = BYTES("Dear friend,\r\nbuy \0 this now, at once.\r\n");
    const uint64_t whole = digest_of_text(text, BYTES(""));

    for (size_t cut = 0; cut <= text.n; cut++)
        assert_true(digest_of_text(bytes_take(text, cut), bytes_skip(text, cut)) == whole);
}

static void test_differences(void **state)
{
    (void)state;
    uint8_t zeros[64] = { 0 };
    uint64_t seen[64 * 9];
    size_t n = 0;

    /* Every length of zeros, and every single bit of one length, has a digest of its own. */
    for (size_t len = 0; len <= 63; len++)
        seen[n++] = digest_of_text(bytes_of(zeros, len), BYTES(""));
    for (size_t bit = 0; bit < 8 * 63; bit++) {
        zeros[bit / 8] = (uint8_t)(1u << (bit % 8));
        seen[n++] = digest_of_text(bytes_of(zeros, 63), BYTES(""));
        zeros[bit / 8] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(seen[i] != 0);
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
}

/* Stored for years: version 1 must not change. */
static void test_golden(void **state)
{
    (void)state;
    assert_true(digest_of_text(BYTES(""), BYTES("")) == 0xfb3c6d9f58c35c35u);
    assert_true(digest_of_text(BYTES("hello\r\n"), BYTES("")) == 0x58b18c4a3bc8937du);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
