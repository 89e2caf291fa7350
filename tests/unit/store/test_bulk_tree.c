/* Pages that were written by hand: SQLite finds nothing wrong with them, reads the same rows, and goes on with them. */
#include "scratch.h"

#include "bulk_tree.h"

#include <fcntl.h>
#include <sqlite3.h>

static const char schema[] =
    "PRAGMA page_size = 4096; CREATE TABLE a (k BLOB NOT NULL, n INTEGER NOT NULL, v INTEGER NOT NULL, "
    "PRIMARY KEY (k, n)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE b (id INTEGER PRIMARY KEY, v INTEGER NOT NULL) STRICT;";

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int64_t v;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    v = sqlite3_column_int64(st, 0);
    if (sqlite3_column_type(st, 0) == SQLITE_TEXT &&
        strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        fail_msg("%s: %s", sql, sqlite3_column_text(st, 0));
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    return v;
}

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

/* Values of every width, and both families of keys. */
static int64_t value(uint64_t i)
{
    static const unsigned shifts[] = { 0, 7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 62 };
    const int64_t v = (int64_t)((uint64_t)1 << shifts[i % 12]) - (int64_t)(i % 3);

    return i % 5 == 0 ? -v : v;
}

static void add_rows(struct bulk_file *f, const uint32_t root[2], uint64_t count)
{
    struct bulk_tree *a = NULL, *b = NULL;

    assert_int_equal(bulk_tree_new(f, root[0], false, &a), TRAP_OK);
    assert_int_equal(bulk_tree_new(f, root[1], true, &b), TRAP_OK);
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t key[9] = { 4, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
        struct bulk_record r;

        bulk_record_begin(&r);
        bulk_record_blob(&r, bytes_of(key, i % 2 == 0 ? 5 : 9));
        bulk_record_int(&r, (int64_t)i);
        bulk_record_int(&r, value(i));
        bulk_tree_add(a, 0, &r);
        bulk_record_begin(&r);
        bulk_record_null(&r);
        bulk_record_int(&r, value(i));
        bulk_tree_add(b, (int64_t)(i * i * 31 + i), &r);
    }
    bulk_tree_end(&a);
    bulk_tree_end(&b);
}

static void check_rows(sqlite3 *db, uint64_t count)
{
    sqlite3_stmt *a = NULL, *b = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, "SELECT n, v FROM a ORDER BY k, n", -1, &a, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT id, v FROM b ORDER BY id", -1, &b, NULL), SQLITE_OK);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(sqlite3_step(a), SQLITE_ROW);
        assert_int_equal(sqlite3_step(b), SQLITE_ROW);
        assert_true(sqlite3_column_int64(a, 0) == (int64_t)i && sqlite3_column_int64(a, 1) == value(i));
        assert_true(sqlite3_column_int64(b, 0) == (int64_t)(i * i * 31 + i) &&
                    sqlite3_column_int64(b, 1) == value(i));
    }
    assert_int_equal(sqlite3_step(a), SQLITE_DONE);
    assert_int_equal(sqlite3_step(b), SQLITE_DONE);
    (void)sqlite3_finalize(a);
    (void)sqlite3_finalize(b);
}

static void fill(const char *path, const uint32_t root[2], uint64_t count, off_t size)
{
    struct bulk_file f;
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_int_not_equal(fd, -1);
    if (size > 0)
        assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(bulk_file_begin(&f, fd), TRAP_OK);
    add_rows(&f, root, count);
    assert_int_equal(bulk_file_end(&f), TRAP_OK);
    (void)close(fd);
}

static void make_empty(const struct scratch *s, char path[PATH_TEXT_MAX], uint32_t root[2])
{
    sqlite3 *db;

    (void)unlink(scratch_path(s, "bulk.db", path));
    db = open_file(path);
    assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    root[0] = (uint32_t)ask(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'a'");
    root[1] = (uint32_t)ask(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'b'");
    (void)sqlite3_close(db);
}

/* The page at 1 GiB holds SQLite's locks. (What lies before it here is a hole.) */
static void test_lock_page(void **state)
{
    char path[PATH_TEXT_MAX];
    struct scratch s;
    uint32_t root[2];

    (void)state;
    scratch_begin(&s, false);
    for (off_t before = 1; before < 40; before += 6) {
        make_empty(&s, path, root);
        fill(path, root, 3000, ((off_t)1 << 30) - before * 4096);
        sqlite3 *db = open_file(path);
        check_rows(db, 3000);
        (void)sqlite3_close(db);
    }
    scratch_end(&s);
}

static void try_count(const struct scratch *s, uint64_t count)
{
    char path[PATH_TEXT_MAX];
    uint32_t root[2];
    sqlite3 *db;

    make_empty(s, path, root);
    fill(path, root, count, 0);
    db = open_file(path);
    (void)ask(db, "PRAGMA integrity_check");
    assert_int_equal(ask(db, "SELECT count(*) FROM a"), count);
    check_rows(db, count);
    assert_int_equal(
        sqlite3_exec(
            db,
            "PRAGMA synchronous = OFF; BEGIN; DELETE FROM a WHERE n % 3 = 0; DELETE FROM b WHERE v % 2 = 0;"
            "INSERT INTO a SELECT k, n + 1000000000, v FROM a; INSERT INTO b SELECT id + 1, 5 FROM b "
            "WHERE id + 1 NOT IN (SELECT id FROM b); COMMIT",
            NULL, NULL, NULL),
        SQLITE_OK);
    (void)ask(db, "PRAGMA integrity_check");
    (void)sqlite3_close(db);
}

/* Every count around the ends of the first pages, and trees of two and three levels. */
static void test_any_count(void **state)
{
    static const uint64_t counts[] = { 1000, 20000, 20001, 150000 };
    struct scratch s;

    (void)state;
    scratch_begin(&s, false);
    for (uint64_t count = 0; count<420; count += count> 10 && count < 130 ? 17 : 1)
        try_count(&s, count);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        try_count(&s, counts[i]);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_any_count), cmocka_unit_test(test_lock_page) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
