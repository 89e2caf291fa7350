#include <base/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/trapline-test-file-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][PATH_TEXT_MAX];
    static unsigned turn;
    char *const out = path[turn++ % 4];

    assert_int_equal(path_join(root, name, out), TRAP_OK);
    return out;
}

static int group_setup(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int group_teardown(void **state)
{
    (void)state;
    return dir_remove(root, NULL) == TRAP_OK ? 0 : -1;
}

static void assert_content(const char *path, const char *text)
{
    struct buf b;

    assert_int_equal(file_slurp(path, 1000, &b, NULL), TRAP_OK);
    assert_true(bytes_eq(buf_bytes(&b), bytes_str(text)));
    buf_free(&b);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void test_path_join(void **state)
{
    static const struct {
        const char *dir, *name, *out;
    } cases[] = {
        { "/a", "b", "/a/b" }, { "/a/", "b", "/a/b" }, { "/", "b", "/b" },
        { "", "b", "b" },      { ".", "", "./" },
    };
    char out[PATH_TEXT_MAX];
    char name[PATH_TEXT_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(path_join(cases[i].dir, cases[i].name, out), TRAP_OK);
        assert_string_equal(out, cases[i].out);
    }
    memset(name, 'n', sizeof name);
    for (size_t n = PATH_TEXT_MAX - 4; n <= PATH_TEXT_MAX; n++) {
        name[n] = '\0';
        /* "/d/" and the NUL take four bytes */
        assert_int_equal(path_join("/d", name, out), n <= PATH_TEXT_MAX - 4 ? TRAP_OK : TRAP_ERANGE);
        name[n] = 'n';
    }
}

static void test_replace(void **state)
{
    const char *const path = at("replace");

    (void)state;
    assert_int_equal(file_replace(path, BYTES("one"), 0640, NULL), TRAP_OK);
    assert_content(path, "one");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(file_replace(path, BYTES(""), 0600, NULL), TRAP_OK);
    assert_content(path, "");
    assert_int_equal(mode_of(path), 0600);
}

/* A reader that opened the old file goes on reading the old content. */
static void test_replace_keeps_old_inode(void **state)
{
    const char *const path = at("inode");
    char text[8] = "";
    int fd;

    (void)state;
    assert_int_equal(file_replace(path, BYTES("old"), 0600, NULL), TRAP_OK);
    fd = open(path, O_RDONLY);
    assert_int_not_equal(fd, -1);
    assert_int_equal(file_replace(path, BYTES("new"), 0600, NULL), TRAP_OK);
    assert_int_equal(read(fd, text, sizeof text), 3);
    assert_string_equal(text, "old");
    (void)close(fd);
}

/* Nothing but the named files is left behind: no temporary file. */
static void assert_no_temp_files(void)
{
    DIR *const dir = opendir(root);
    const struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        assert_null(strstr(entry->d_name, ".tmp."));
    (void)closedir(dir);
}

static void test_errors(void **state)
{
    struct err_text why;
    struct buf b;
    char deep[PATH_TEXT_MAX + 8];

    (void)state;
    assert_int_equal(file_replace(at("missing/x"), BYTES("x"), 0600, &why), TRAP_ENOENT);
    assert_non_null(strstr(why.text, "missing/x"));
    assert_non_null(strstr(why.text, "No such file or directory"));
    assert_int_equal(file_slurp(at("missing"), 10, &b, &why), TRAP_ENOENT);
    assert_int_equal(file_slurp(root, 10, &b, &why), TRAP_EIO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(file_replace(root, BYTES("x"), 0600, &why), TRAP_EIO); /* a directory: not replaced */
    assert_int_equal(dir_sync(at("missing"), &why), TRAP_ENOENT);
    assert_int_equal(dir_remove(at("missing"), &why), TRAP_ENOENT);
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(file_replace(deep, BYTES("x"), 0600, &why), TRAP_EIO);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_no_temp_files();
}

static void test_create(void **state)
{
    const char *const path = at("create");
    struct err_text why;

    (void)state;
    assert_int_equal(file_create(path, BYTES("first"), 0600, &why), TRAP_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(file_create(path, BYTES("second"), 0600, &why), TRAP_EEXIST);
    assert_content(path, "first");
    assert_no_temp_files();
}

static void test_slurp_limits(void **state)
{
    const char *const path = at("slurp");
    struct err_text why;
    struct buf b;

    (void)state;
    assert_int_equal(file_replace(path, BYTES("12345"), 0600, NULL), TRAP_OK);
    for (size_t max = 0; max <= 6; max++) {
        const enum trap_err err = file_slurp(path, max, &b, &why);
        assert_int_equal(err, max < 5 ? TRAP_ERANGE : TRAP_OK);
        if (err == TRAP_OK) {
            assert_int_equal(b.n, 5);
            buf_free(&b);
        }
    }
}

static void test_slurp_large(void **state)
{
    enum { SIZE = 300 * 1000 };
    uint8_t *const data = malloc(SIZE);
    struct buf b;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(file_replace(at("large"), bytes_of(data, SIZE), 0600, NULL), TRAP_OK);
    assert_int_equal(file_slurp(at("large"), SIZE, &b, NULL), TRAP_OK);
    assert_true(bytes_eq(buf_bytes(&b), bytes_of(data, SIZE)));
    buf_free(&b);
    free(data);
}

static void test_symlink(void **state)
{
    const char *const path = at("current");
    char target[32] = "";
    struct err_text why;

    (void)state;
    assert_int_equal(file_symlink_swap(path, "17", &why), TRAP_OK);
    assert_int_equal(file_symlink_swap(path, "18", &why), TRAP_OK);
    assert_int_equal(readlink(path, target, sizeof target - 1), 2);
    assert_string_equal(target, "18");
}

static void test_dirs(void **state)
{
    struct err_text why;
    struct stat st;

    (void)state;
    assert_int_equal(dir_make(at("d"), 0750, &why), TRAP_OK);
    assert_int_equal(mode_of(at("d")), 0750);
    assert_int_equal(dir_make(at("d"), 0700, &why), TRAP_OK); /* there already: untouched */
    assert_int_equal(mode_of(at("d")), 0750);
    assert_int_equal(dir_make(at("d/e"), 0700, &why), TRAP_OK);
    assert_int_equal(file_replace(at("d/e/f"), BYTES("x"), 0600, &why), TRAP_OK);
    assert_int_equal(file_replace(at("kept"), BYTES("x"), 0600, &why), TRAP_OK);
    assert_int_equal(symlink("../..", at("d/e/up")), 0); /* must not be followed */
    assert_int_equal(dir_make(at("d/e/f"), 0700, &why), TRAP_EIO);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(dir_remove(at("d"), &why), TRAP_OK);
    assert_int_equal(lstat(at("d"), &st), -1);
    assert_content(at("kept"), "x");

    assert_int_equal(dir_make(at("real"), 0700, &why), TRAP_OK);
    assert_int_equal(file_replace(at("real/content"), BYTES("x"), 0600, &why), TRAP_OK);
    assert_int_equal(symlink("real", at("link")), 0);
    assert_int_not_equal(dir_remove(at("link"), &why), TRAP_OK); /* a symlink in place of the directory */
    assert_content(at("real/content"), "x");
}

static void test_lock(void **state)
{
    const char *const path = at("lock");
    struct err_text why;
    char expected[64];
    int fd = -1, other = -1, status = -1;
    pid_t child;

    (void)state;
    assert_int_equal(file_lock(path, &fd, &why), TRAP_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(file_lock(path, &other, &why), TRAP_EBUSY);
    (void)snprintf(expected, sizeof expected, "held by process %ld;", (long)getpid());
    assert_non_null(strstr(why.text, expected));
    assert_int_equal(other, -1);
    file_unlock(fd);
    assert_int_equal(file_lock(path, &fd, &why), TRAP_OK);
    file_unlock(fd);

    /* The end of the process frees the lock, whatever the file says. */
    child = fork();
    if (child == 0)
        _exit(file_lock(path, &fd, NULL) == TRAP_OK ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(file_lock(path, &fd, &why), TRAP_OK);
    file_unlock(fd);
}

/* Made by root, read by a daemon that is not. */
static void test_owner(void **state)
{
    enum { DAEMON = 65534 };
    const char *const dir = at("owned");
    char path[PATH_TEXT_MAX];
    struct stat st;
    int fd = -1;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(dir_make(dir, 0700, NULL), TRAP_OK);
    assert_int_equal(chown(dir, DAEMON, DAEMON), 0);
    assert_int_equal(path_join(dir, "file", path), TRAP_OK);
    assert_int_equal(file_replace(path, BYTES("x"), 0600, NULL), TRAP_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_uid == DAEMON && st.st_gid == DAEMON);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_lock(path, &fd, NULL), TRAP_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_uid == DAEMON && st.st_gid == DAEMON);
    file_unlock(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_join),   cmocka_unit_test(test_replace),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_replace_keeps_old_inode),
        cmocka_unit_test(test_create),      cmocka_unit_test(test_slurp_limits),
        cmocka_unit_test(test_slurp_large), cmocka_unit_test(test_symlink),
        cmocka_unit_test(test_dirs),        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_owner),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
