/* The manifest: there and back, torn at every byte, with every line missing or doubled. */
#include "listing_make.h"
#include <manifest.h>

#include <stdio.h>
#include <stdlib.h>

static const char text[] =
    "trapline-set 1\n"
    "serial 1767225600\n"
    "as-of 2026-01-01T00:00:00Z\n"
    "policy ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    "file bl.example.org.ip4 1767225600 2026-01-01T00:00:00Z 5 123 e3b0c442\n"
    "file shadow/x.example.org.ip6 1767225001 2025-12-31T23:50:01.500000Z 0 99 e3b0c443\n"
    "dataset ip4trie bl.example.org live 5\n"
    "dataset ip6trie x.example.org shadow 0\n"
    "end\n";

static enum trap_err get(const char *t, size_t n)
{
    struct manifest m = { 0 };
    struct err_text why = { "" };
    const enum trap_err err = manifest_get(bytes_of(t, n), &m, &why);

    assert_true(err == TRAP_OK || err == TRAP_ECORRUPT);
    if (err == TRAP_OK)
        manifest_free(&m);
    else
        assert_non_null(strstr(why.text, "manifest:"));
    return err;
}

static void test_there_and_back(void **state)
{
    struct manifest m = { 0 };
    struct err_text why;
    struct buf out;

    (void)state;
    assert_int_equal(manifest_get(bytes_str(text), &m, &why), TRAP_OK);
    assert_int_equal(m.serial, 1767225600u);
    assert_int_equal(m.as_of.us, AS_OF_S * WALL_US_PER_S);
    assert_int_equal(m.file_count, 2);
    assert_int_equal(m.dataset_count, 2);
    assert_int_equal(m.file[1].as_of.us, (AS_OF_S - 599) * WALL_US_PER_S + 500000);
    assert_int_equal(manifest_find(&m, "bl.example.org.ip4")->facts.bytes, 123);
    assert_null(manifest_find(&m, "bl.example.org.ip6"));
    assert_true(m.dataset[0].live && !m.dataset[1].live);
    buf_init(&out, MANIFEST_BYTES_MAX);
    manifest_put(&m, &out);
    assert_string_equal(buf_cstr(&out), text);
    buf_free(&out);
    manifest_free(&m);
}

static void test_damaged(void **state)
{
    static const char *const bad_lines[] = {
        "file ../x 1 2026-01-01T00:00:00Z 5 123 e3\n",
        "file shadow/../x 1 2026-01-01T00:00:00Z 5 123 e3\n",
        "file .x 1 2026-01-01T00:00:00Z 5 123 e3\n",
        "file a/b 1 2026-01-01T00:00:00Z 5 123 e3\n",
        "file x 1 yesterday 5 123 e3\n",
        "file x 4294967296 2026-01-01T00:00:00Z 5 123 e3\n",
        "file x 1 2026-01-01T00:00:00Z 5 123\n",
        "dataset ip4trie bl.example.org dead 5\n",
        "dataset ip4trie bl.example.org live\n",
        "something else\n",
    };
    const size_t n = sizeof(text) - 1;
    char changed[2048];

    (void)state;
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(get(text, cut),
                         cut == n - 1 ? TRAP_OK : TRAP_ECORRUPT); /* "end" needs no line end */
    for (size_t from = 0; from < n;) {
        const size_t len = (size_t)(strchr(text + from, '\n') - (text + from)) + 1;
        const bool optional = strncmp(text + from, "file", 4) == 0 || strncmp(text + from, "dataset", 7) == 0;

        memcpy(changed, text, from);
        memcpy(changed + from, text + from + len, n - from - len);
        assert_int_equal(get(changed, n - len), optional ? TRAP_OK : TRAP_ECORRUPT);
        if (!optional) {
            memcpy(changed, text, from + len);
            memcpy(changed + from + len, text + from, n - from);
            assert_int_equal(get(changed, n + len), TRAP_ECORRUPT);
        }
        from += len;
    }
    for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
        const int k =
            snprintf(changed, sizeof(changed),
                     "trapline-set 1\nserial 1\nas-of 2026-01-01T00:00:00Z\npolicy x\n%send\n", bad_lines[i]);
        assert_int_equal(get(changed, (size_t)k), TRAP_ECORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_there_and_back),
                                        cmocka_unit_test(test_damaged) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
