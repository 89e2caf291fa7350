#include "scratch.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

static void execute(const struct scratch *s, const char *name, const char *sql)
{
    char path[PATH_TEXT_MAX];
    sqlite3 *sq = NULL;
    char *text = NULL;

    assert_int_equal(sqlite3_open(scratch_path(s, name, path), &sq), SQLITE_OK);
    if (sqlite3_exec(sq, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
}

static struct buf content_of(const struct scratch *s, const char *name)
{
    char path[PATH_TEXT_MAX];
    struct buf b = { 0 };
    struct err_text why;

    assert_trap_ok(file_slurp(scratch_path(s, name, path), 64 << 20, &b, &why), why);
    return b;
}

static void overwrite(const struct scratch *s, const char *name, off_t at, const char *text)
{
    char path[PATH_TEXT_MAX];
    const int fd = open(scratch_path(s, name, path), O_WRONLY);

    assert_true(fd != -1);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
    (void)close(fd);
}

/* Refused with this result and a text that holds `says`; file byte-identical, and nothing beside it. */
static void check_refused(const struct scratch *s, enum store_file f, enum store_mode mode,
                          enum trap_err expected, const char *says)
{
    const char *name = store_file_name(f);
    struct err_text why = { "" };
    struct store_db *db = NULL;
    struct buf before = content_of(s, name), after;
    char extra[64];

    assert_int_equal(store_open(s->dir, f, mode, &db, &why), expected);
    assert_null(db);
    if (strstr(why.text, says) == NULL || strstr(why.text, name) == NULL)
        fail_msg("'%s' does not say '%s' and '%s'", why.text, name, says);
    after = content_of(s, name);
    assert_true(bytes_eq(buf_bytes(&before), buf_bytes(&after)));
    (void)snprintf(extra, sizeof extra, "%s-wal", name);
    assert_int_equal(scratch_size(s, extra), 0);
    buf_free(&before);
    buf_free(&after);
}

static void test_all_files_are_made_and_opened(void **state)
{
    struct scratch s;

    (void)state;
    scratch_begin(&s, true);
    for (unsigned f = 0; f < STORE_FILES; f++) {
        for (unsigned mode = STORE_CREATE; mode <= STORE_READ; mode++) {
            struct store_db *db = NULL;
            struct err_text why = { "" };
            struct stat st;
            char path[PATH_TEXT_MAX];

            assert_trap_ok(store_open(s.dir, (enum store_file)f, (enum store_mode)mode, &db, &why), why);
            assert_int_equal(store_node(db), 7);
            store_close(&db);
            assert_null(db);
            assert_int_equal(stat(scratch_path(&s, store_file_name((enum store_file)f), path), &st), 0);
            assert_int_equal(st.st_mode & 0777, 0600);
        }
    }
    scratch_end(&s);
}

static void test_missing_file(void **state)
{
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, false);
    assert_int_equal(store_open(s.dir, STORE_HITS, STORE_WRITE, &db, &why), TRAP_ENOENT);
    assert_non_null(strstr(why.text, "trapline init"));
    assert_int_equal(store_open(s.dir, STORE_HITS, STORE_READ, &db, &why), TRAP_ENOENT);
    assert_trap_ok(store_create_all(s.dir, 9, &why), why);
    /* One that was moved away is made again, for the same node. */
    {
        char path[PATH_TEXT_MAX];

        assert_int_equal(unlink(scratch_path(&s, "derived.db", path)), 0);
    }
    assert_trap_ok(store_open(s.dir, STORE_DERIVED, STORE_CREATE, &db, &why), why);
    assert_int_equal(store_node(db), 9);
    store_close(&db);
    scratch_end(&s);
}

static void test_create_again_keeps_content(void **state)
{
    struct scratch s;
    struct err_text why = { "" };
    struct store_db *db = NULL;

    (void)state;
    scratch_begin(&s, true);
    execute(&s, "acts.db", "INSERT INTO act VALUES (1, 2, 3, 4, x'', x'', x'', x'')");
    assert_trap_ok(store_create_all(s.dir, 3, &why), why);
    assert_trap_ok(store_open(s.dir, STORE_ACTS, STORE_READ, &db, &why), why);
    assert_int_equal(store_node(db), 7);
    store_close(&db);
    scratch_end(&s);
}

/* What an attempt left that was cut off is in nobody's way, and is gone afterwards. */
static void test_leftovers_of_a_crash(void **state)
{
    static const char *const names[] = { "visits.db.new", "visits.db.new-journal", "visits.db.new-wal" };
    struct scratch s;
    struct store_db *db = NULL;
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, false);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_trap_ok(file_create(scratch_path(&s, names[i], path), BYTES("half a file"), 0600, &why), why);
    assert_trap_ok(store_create_all(s.dir, 7, &why), why);
    assert_trap_ok(store_open(s.dir, STORE_VISITS, STORE_WRITE, &db, &why), why);
    store_close(&db);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(access(scratch_path(&s, names[i], path), F_OK), -1);
    scratch_end(&s);
}

static void test_newer_is_refused(void **state)
{
    struct scratch s;

    (void)state;
    scratch_begin(&s, true);
    for (unsigned f = 0; f < STORE_FILES; f++) {
        execute(&s, store_file_name((enum store_file)f), "PRAGMA user_version = 99");
        check_refused(&s, (enum store_file)f, STORE_WRITE, TRAP_ENEWER, "newer Trapline (schema 99");
        check_refused(&s, (enum store_file)f, STORE_READ, TRAP_ENEWER, "newer Trapline (schema 99");
    }
    scratch_end(&s);
}

/* The newer version stands in the WAL alone: as after a crash of the newer program. */
static void test_newer_in_wal_is_refused(void **state)
{
    struct scratch s;
    struct err_text why = { "" };
    struct store_db *db = NULL;
    struct buf before, after;
    pid_t child;
    int status = 0;

    (void)state;
    scratch_begin(&s, true);
    child = fork();
    assert_true(child != -1);
    if (child == 0) {
        char path[PATH_TEXT_MAX];
        sqlite3 *sq = NULL;

        if (sqlite3_open(scratch_path(&s, "hits.db", path), &sq) != SQLITE_OK ||
            sqlite3_exec(sq, "PRAGMA user_version = 99", NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        _exit(0); /* no close: the WAL stays */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(scratch_size(&s, "hits.db-wal") > 0);
    for (unsigned mode = STORE_WRITE; mode <= STORE_READ; mode++) {
        before = content_of(&s, "hits.db");
        assert_int_equal(store_open(s.dir, STORE_HITS, (enum store_mode)mode, &db, &why), TRAP_ENEWER);
        after = content_of(&s, "hits.db");
        assert_true(bytes_eq(buf_bytes(&before), buf_bytes(&after)));
        assert_true(scratch_size(&s, "hits.db-wal") > 0);
        buf_free(&before);
        buf_free(&after);
    }
    scratch_end(&s);
}

static void test_damage_is_refused(void **state)
{
    struct scratch s;
    char path[PATH_TEXT_MAX];
    char sql[256];

    (void)state;
    scratch_begin(&s, true);
    for (unsigned f = 0; f < STORE_FILES; f++) {
        const char *name = store_file_name((enum store_file)f);

        /* Pages enough, so that the damage lies in one that opening does not read. */
        (void)snprintf(
            sql, sizeof sql,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
            "INSERT INTO meta SELECT 'filler of some length, so that it takes pages ' || i, i FROM n");
        execute(&s, name, sql);
        assert_true(scratch_size(&s, name) > 8 * 4096);
        overwrite(&s, name, (off_t)scratch_size(&s, name) - 2 * 4096,
                  "this is not a page of a tree at all, is it?");
        check_refused(&s, (enum store_file)f, STORE_WRITE, TRAP_ECORRUPT, "damaged");
        overwrite(&s, name, 0, "Not a database at all");
        check_refused(&s, (enum store_file)f, STORE_WRITE, TRAP_ECORRUPT, "damaged");
        check_refused(&s, (enum store_file)f, STORE_READ, TRAP_ECORRUPT, "damaged");
        assert_int_equal(truncate(scratch_path(&s, name, path), 0), 0);
        check_refused(&s, (enum store_file)f, STORE_WRITE, TRAP_ECORRUPT, "damaged");
        check_refused(&s, (enum store_file)f, STORE_READ, TRAP_ECORRUPT, "damaged");
    }
    scratch_end(&s);
}

static void test_truncated_is_refused(void **state)
{
    struct scratch s;
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, true);
    assert_int_equal(truncate(scratch_path(&s, "visits.db", path), 3 * 4096), 0);
    check_refused(&s, STORE_VISITS, STORE_WRITE, TRAP_ECORRUPT, "damaged");
    /* within its last page: SQLite would read zeros there */
    assert_int_equal(
        truncate(scratch_path(&s, "samples.db", path), (off_t)scratch_size(&s, "samples.db") - 1), 0);
    check_refused(&s, STORE_SAMPLES, STORE_WRITE, TRAP_ECORRUPT, "damaged (cut short)");
    assert_int_equal(truncate(scratch_path(&s, "hits.db", path), 150), 0);
    check_refused(&s, STORE_HITS, STORE_WRITE, TRAP_ECORRUPT, "damaged");
    scratch_end(&s);
}

static void test_another_file_is_refused(void **state)
{
    struct scratch s;
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, true);
    assert_int_equal(rename(scratch_path(&s, "hits.db", from), scratch_path(&s, "visits.db", to)), 0);
    check_refused(&s, STORE_VISITS, STORE_WRITE, TRAP_ECORRUPT, "not this one");
    check_refused(&s, STORE_VISITS, STORE_READ, TRAP_ECORRUPT, "not this one");
    execute(&s, "visits.db", "PRAGMA application_id = 0");
    check_refused(&s, STORE_VISITS, STORE_WRITE, TRAP_ECORRUPT, "not this one");
    scratch_end(&s);
}

static void test_one_writer(void **state)
{
    struct scratch s;
    struct store_db *writer = NULL, *other = NULL;
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_HITS, STORE_WRITE, &writer, &why), why);
    {
        const pid_t child = fork();
        int status = 0;

        assert_true(child != -1);
        if (child == 0)
            _exit(store_open(s.dir, STORE_HITS, STORE_WRITE, &other, &why) == TRAP_EBUSY &&
                          why.text[0] != '\0'
                      ? 0
                      : 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_trap_ok(store_open(s.dir, STORE_HITS, STORE_READ, &other, &why), why);
    store_close(&other);
    store_close(&writer);
    /* acts.db has several. */
    assert_trap_ok(store_open(s.dir, STORE_ACTS, STORE_WRITE, &writer, &why), why);
    assert_trap_ok(store_open(s.dir, STORE_ACTS, STORE_WRITE, &other, &why), why);
    store_close(&other);
    store_close(&writer);
    scratch_end(&s);
}

/* A path with the characters that mean something in a URI. */
static void test_odd_path(void **state)
{
    struct scratch s;
    char dir[PATH_TEXT_MAX];
    struct store_db *db = NULL;
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, false);
    assert_int_equal(mkdir(scratch_path(&s, "a?b#c%20d", dir), 0700), 0);
    assert_trap_ok(store_create_all(dir, 1, &why), why);
    assert_trap_ok(store_open(dir, STORE_HITS, STORE_WRITE, &db, &why), why);
    store_close(&db);
    scratch_end(&s);
}

/* Opening a file again must not take away the locks of the first connection: another process that closes last
 * would remove the WAL from under it, frames that are nowhere else included. */
static void test_opened_twice(void **state)
{
    struct scratch s;
    struct store_db *first = NULL, *second = NULL;
    struct err_text why = { "" };
    int status = -1, go[2];
    char byte = 0;
    pid_t child;

    (void)state;
    scratch_begin(&s, true);
    assert_int_equal(pipe(go), 0);
    child = fork(); /* before anything is open: SQLite does not go through a fork */
    if (child == 0) {
        if (read(go[0], &byte, 1) == 1)
            execute(&s, "hits.db", "INSERT INTO meta VALUES ('x', 1)"); /* and closes */
        _exit(0);
    }
    assert_trap_ok(store_open(s.dir, STORE_HITS, STORE_READ, &first, &why), why);
    assert_trap_ok(store_open(s.dir, STORE_HITS, STORE_READ, &second, &why), why);
    store_close(&second);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(scratch_size(&s, "hits.db-wal") > 0);
    store_close(&first);
    (void)close(go[0]);
    (void)close(go[1]);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_files_are_made_and_opened),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_create_again_keeps_content),
        cmocka_unit_test(test_leftovers_of_a_crash),
        cmocka_unit_test(test_newer_is_refused),
        cmocka_unit_test(test_newer_in_wal_is_refused),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_truncated_is_refused),
        cmocka_unit_test(test_another_file_is_refused),
        cmocka_unit_test(test_one_writer),
        cmocka_unit_test(test_odd_path),
        cmocka_unit_test(test_opened_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
