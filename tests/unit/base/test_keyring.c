#include <base/file.h>
#include <base/keyring.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX32 "000102030405060708090a0b0c0d0e0f"
#define HEX64 HEX32 "101112131415161718191a1b1c1d1e1F"
#define OUTER "outer " HEX32 "\n"
#define NODE  "node 7 " HEX64 "\n"
#define HEAD  "trapline-keys 1\n"

static char dir[] = "/tmp/trapline-test-keyring-XXXXXX";
static char path[PATH_TEXT_MAX];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL || path_join(dir, "k.key", path) != TRAP_OK)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dir_remove(dir, NULL) == TRAP_OK ? 0 : -1;
}

static void fill(uint8_t *p, size_t n, unsigned first)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(first + i);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned what = 1; what <= 3; what++) {
        struct keyring k = { .has_master = what & 1, .has_node = what & 2 }, got;
        struct err_text why = { "" };
        struct stat st;

        if (k.has_master)
            fill(k.master, sizeof k.master, 0x80);
        if (k.has_node) {
            k.node_id = 255;
            fill(k.outer, sizeof k.outer, 0x10);
            fill(k.node, sizeof k.node, 0xe0);
        }
        memset(&got, 0xaa, sizeof got);
        (void)unlink(path);
        assert_int_equal(keyring_create(path, &k, &why), TRAP_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(keyring_read(path, &got, &why), TRAP_OK);
        assert_memory_equal(&got, &k, sizeof k);
        assert_int_equal(keyring_create(path, &k, &why), TRAP_EEXIST);
        keyring_wipe(&got);
        for (size_t i = 0; i < sizeof got; i++)
            assert_int_equal(((const uint8_t *)&got)[i], 0);
    }
}

static void write_keys(const char *text, mode_t mode)
{
    assert_int_equal(file_replace(path, bytes_str(text), mode, NULL), TRAP_OK);
}

static void test_forms(void **state)
{
    static const char *const good[] = {
        HEAD "master " HEX64 "\n",
        HEAD "master " HEX64,
        "# comment\n\n" HEAD "  master   " HEX64 " # the key\n\n",
        HEAD NODE OUTER,
        HEAD OUTER NODE "master " HEX64 "\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct keyring k;
        struct err_text why = { "" };
        write_keys(good[i], 0400);
        assert_int_equal(keyring_read(path, &k, &why), TRAP_OK);
        assert_int_equal(k.has_master, strstr(good[i], "master") != NULL);
        assert_int_equal(k.has_node, strstr(good[i], "node") != NULL);
        if (k.has_master)
            assert_int_equal(k.master[31], 0x1f);
        if (k.has_node)
            assert_int_equal(k.node_id, 7);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        enum trap_err err;
        int line;
        const char *says;
    } bad[] = {
        { "", TRAP_EINVAL, 1, "no key in this file" },
        { HEAD, TRAP_EINVAL, 1, "no key in this file" },
        { "master " HEX64 "\n", TRAP_EINVAL, 1, "not a key file" },
        { "trapline-keys\n", TRAP_EINVAL, 1, "not a key file" },
        { "trapline-keys one\n", TRAP_EINVAL, 1, "not a key file" },
        { "trapline-keys 2\n", TRAP_ENEWER, 1, "newer version" },
        { HEAD "\nmaster\n", TRAP_EINVAL, 3, "64 hexadecimal digits" },
        { HEAD "master " HEX64 "0\n", TRAP_EINVAL, 2, "64 hexadecimal digits" },
        { HEAD "master " HEX32 "\n", TRAP_EINVAL, 2, "64 hexadecimal digits" },
        { HEAD "master " HEX32 "10111213141516171819101b1c1d1e1g\n", TRAP_EINVAL, 2,
          "64 hexadecimal digits" },
        { HEAD "master " HEX64 " x\n", TRAP_EINVAL, 2, "64 hexadecimal digits" },
        { HEAD "master " HEX64 " x y z\n", TRAP_EINVAL, 2, "64 hexadecimal digits" },
        { HEAD "master " HEX64 "\nmaster " HEX64 "\n", TRAP_EINVAL, 3, "once" },
        { HEAD "node 256 " HEX64 "\n", TRAP_EINVAL, 2, "from 0 to 255" },
        { HEAD "node " HEX64 "\n", TRAP_EINVAL, 2, "from 0 to 255" },
        { HEAD NODE, TRAP_EINVAL, 2, "must stand together" },
        { HEAD OUTER, TRAP_EINVAL, 2, "must stand together" },
        { HEAD OUTER NODE NODE, TRAP_EINVAL, 4, "once" },
        { HEAD OUTER OUTER NODE, TRAP_EINVAL, 3, "once" },
        { HEAD "outer " HEX64 "\n", TRAP_EINVAL, 2, "32 hexadecimal digits" },
        { HEAD "key " HEX64 "\n", TRAP_EINVAL, 2, "allowed: master, node, outer" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct keyring k, before;
        struct err_text why = { "" };
        char where[PATH_TEXT_MAX + 16];

        memset(&k, 0x55, sizeof k);
        before = k;
        write_keys(bad[i].text, 0600);
        assert_int_equal(keyring_read(path, &k, &why), bad[i].err);
        assert_memory_equal(&k, &before, sizeof k); /* untouched on error */
        (void)snprintf(where, sizeof where, "%s:%d: ", path, bad[i].line);
        if (strncmp(why.text, where, strlen(where)) != 0 || strstr(why.text, bad[i].says) == NULL)
            fail_msg("%s: %s", bad[i].text, why.text);
        assert_null(strstr(why.text, "0405")); /* no key in a message */
    }
}

static void test_modes(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666 };
    struct keyring k;
    struct err_text why;

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_keys(HEAD "master " HEX64 "\n", modes[i]);
        assert_int_equal(keyring_read(path, &k, &why), TRAP_EPERM);
        assert_non_null(strstr(why.text, "run: chmod 600 "));
    }
}

static void test_other_files(void **state)
{
    struct keyring k;
    struct err_text why;
    char large[5000];
    char fifo[PATH_TEXT_MAX];

    (void)state;
    assert_int_equal(path_join(dir, "missing", fifo), TRAP_OK);
    assert_int_equal(keyring_read(fifo, &k, &why), TRAP_ENOENT);
    assert_non_null(strstr(why.text, "trapline init"));
    assert_int_equal(keyring_read(dir, &k, &why), TRAP_EINVAL);
    assert_non_null(strstr(why.text, "not a plain file"));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(keyring_read(fifo, &k, &why), TRAP_EINVAL);
    memset(large, '#', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (size_t n = 4095; n <= 4097; n++) {
        assert_int_equal(file_replace(path, bytes_of(large, n), 0600, NULL), TRAP_OK);
        assert_int_equal(keyring_read(path, &k, &why), TRAP_EINVAL);
        assert_int_equal(strstr(why.text, "longer than 4096 bytes") != NULL, n == 4097);
    }
}

static void test_owner(void **state)
{
    struct keyring k;
    struct err_text why;

    (void)state;
    if (geteuid() != 0)
        skip();
    write_keys(HEAD "master " HEX64 "\n", 0600);
    assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
    assert_int_equal(keyring_read(path, &k, &why), TRAP_EPERM);
    assert_non_null(strstr(why.text, "belongs to user 12345, and this program runs as user 0; start it as the owner"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_forms),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_modes),      cmocka_unit_test(test_other_files), cmocka_unit_test(test_owner),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
