/* SHA-256: the examples of FIPS 180-4, whole and at every split point. */
#include <mail/digest.h>
#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    struct bytes in;
    const char *hex;
} cases[] = {
    { BYTES_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { BYTES_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { BYTES_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void test_examples_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t cut = 0; cut <= cases[i].in.n; cut++) {
            struct digest d;
            char hex[DIGEST_HEX_MAX];

            digest_init(&d);
            digest_add(&d, bytes_take(cases[i].in, cut));
            digest_add(&d, bytes_skip(cases[i].in, cut));
            assert_string_equal(digest_hex(&d, hex), cases[i].hex);
            assert_string_equal(digest_of(cases[i].in, hex), cases[i].hex);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_examples_every_split) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
