/* Names of mail to postmaster: what is written is read back, and what was never written names nobody. */
#include "trap_cmocka.h"

#include <store/postmaster.h>

#include <string.h>

static struct ip parsed(const char *text)
{
    struct ip ip = { { 0 } };

    if (ip_parse(bytes_str(text), &ip) != TRAP_OK)
        fail_msg("%s", text);
    return ip;
}

static void test_round_trip(void **state)
{
    static const struct {
        const char *client, *name;
    } cases[] = {
        { "192.0.2.1", "20260301T120000Z-18446744073709551615-7-192.0.2.1.eml" },
        { "2001:db8::1", "20260301T120000Z-18446744073709551615-7-2001_db8__1.eml" },
        { "::", "20260301T120000Z-18446744073709551615-7-__.eml" },
        { "2001:db8:1111:2222:3333:4444:5555:6666",
          "20260301T120000Z-18446744073709551615-7-2001_db8_1111_2222_3333_4444_5555_6666.eml" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct postmaster_file file = { .at = { 1772366400123456 },
                                              .session = UINT64_MAX,
                                              .number = 7,
                                              .client = parsed(cases[i].client) };
        char name[POSTMASTER_NAME_MAX];
        struct ip client;

        assert_string_equal(postmaster_name(&file, name), cases[i].name);
        assert_true(postmaster_is_name(bytes_str(name)));
        assert_true(postmaster_client(bytes_str(name), &client));
        assert_true(ip_eq(client, file.client));
    }
}

/* The longest of everything ends in .eml still. */
static void test_longest(void **state)
{
    const struct postmaster_file file = { .at = { INT64_MAX },
                                          .session = UINT64_MAX,
                                          .number = UINT64_MAX,
                                          .client = parsed("2001:db8:1111:2222:3333:4444:5555:6666") };
    char name[POSTMASTER_NAME_MAX];
    struct ip client;

    (void)state;
    assert_true(strlen(postmaster_name(&file, name)) < POSTMASTER_NAME_MAX - 1);
    assert_true(postmaster_client(bytes_str(name), &client) && ip_eq(client, file.client));
}

static void test_others(void **state)
{
    static const struct {
        const char *name;
        bool is_name;
    } cases[] = {
        { "", false },
        { ".eml", false },
        { ".x-192.0.2.1.eml", false },
        { "a/b-192.0.2.1.eml", false },
        { "../a-192.0.2.1.eml", false },
        { "a-192.0.2.1.txt", false },
        { "a.eml", true },
        { "a-.eml", true },
        { "a-192.0.2.eml", true },
        { "a-192.0.2.1x.eml", true },
        { "a-1111111111111111111111111111111111111111111111111111111111111111.eml", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ip client;

        if (postmaster_is_name(bytes_str(cases[i].name)) != cases[i].is_name ||
            postmaster_client(bytes_str(cases[i].name), &client))
            fail_msg("%s", cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
