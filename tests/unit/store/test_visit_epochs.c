/* Epochs of serials: when one begins, that it is announced before it is used, and that none is used twice. */
#include "visit_scratch.h"

#include <mail/mint.h>
#include <store/epochs.h>

#include <sqlite3.h>

static uint32_t announced(const struct scratch *s)
{
    struct mint_window *w = calloc(1, sizeof *w);
    struct err_text why = { "" };
    uint32_t newest;

    assert_trap_ok(epochs_read(s->dir, w, &why), why);
    newest = w->node[7].newest;
    free(w);
    return newest;
}

static void execute(const struct scratch *s, const char *sql)
{
    char path[PATH_TEXT_MAX];
    sqlite3 *sq = NULL;

    assert_int_equal(sqlite3_open(scratch_path(s, "visits.db", path), &sq), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
}

static void test_epochs_begin_and_are_announced(void **state)
{
    struct scratch s;
    struct visit_log *l;
    struct store_db *db;
    struct job jobs[30];
    struct seen seen = { 0 };
    struct visit_epoch *list = NULL;
    size_t n = 0;
    uint64_t last;

    (void)state;
    scratch_begin(&s, true);
    execute(&s, "INSERT INTO meta VALUES ('epoch_serials', 30)");
    l = open_log(&s);
    assert_int_equal(announced(&s), 1);
    db = open_reader(&s);
    append(l, jobs, 28, &plain);
    assert_int_equal(announced(&s), 1);
    assert_int_equal(visit_each(db, 0, 1000, on_visit, &seen, &last),
                     TRAP_OK); /* fills the reader's list of epochs */
    append(l, jobs, 1, &plain);
    assert_int_equal(announced(&s), 2);
    assert_int_equal(jobs[0].visit.visit.epoch, 1);
    append(l, jobs, 2, &plain);
    assert_int_equal(jobs[0].visit.visit.epoch, 1);
    assert_int_equal(jobs[0].visit.visit.serial, 29);
    assert_int_equal(jobs[1].visit.visit.epoch, 2);
    assert_int_equal(jobs[1].visit.visit.serial, 0);
    assert_int_equal(jobs[1].visit.visit.seq, 31);
    assert_int_equal(announced(&s), 2);
    assert_int_equal(visit_get(db, 31, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.epoch, 2);
    assert_int_equal(seen.last.serial, 0);
    assert_int_equal(visit_by_serial(db, 2, 0, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.seq, 31);
    assert_int_equal(visit_by_serial(db, 1, 30, on_visit, &seen), TRAP_ENOENT);
    visit_log_close(&l);
    /* Opened again, nothing is raised. */
    l = open_log(&s);
    append(l, jobs, 1, &plain);
    assert_int_equal(jobs[0].visit.visit.epoch, 2);
    assert_int_equal(jobs[0].visit.visit.serial, 1);
    visit_log_close(&l);
    assert_int_equal(visit_epochs(db, &list, &n), TRAP_OK);
    assert_int_equal(n, 2);
    assert_int_equal(list[1].first_seq, 31);
    free(list);
    store_close(&db);
    scratch_end(&s);
}

static void test_epoch_raise(void **state)
{
    struct scratch s;
    struct visit_log *l;
    struct store_db *db;
    struct job jobs[5];
    struct seen seen = { 0 };
    struct err_text why = { "" };
    uint32_t epoch = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s);
    append(l, jobs, 5, &plain);
    visit_log_close(&l);
    assert_trap_ok(visit_epoch_raise(s.dir, &epoch, &why), why);
    assert_int_equal(epoch, 2);
    assert_trap_ok(visit_epoch_raise(s.dir, &epoch, &why), why);
    assert_int_equal(epoch, 3);
    assert_int_equal(announced(&s), 3);
    l = open_log(&s);
    append(l, jobs, 1, &plain);
    assert_int_equal(jobs[0].visit.visit.seq, 6);
    assert_int_equal(jobs[0].visit.visit.epoch, 3);
    assert_int_equal(jobs[0].visit.visit.serial, 0);
    visit_log_close(&l);
    db = open_reader(&s);
    assert_int_equal(visit_by_serial(db, 2, 0, on_visit, &seen), TRAP_ENOENT);
    assert_int_equal(visit_by_serial(db, 3, 0, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.seq, 6);
    assert_int_equal(visit_get(db, 5, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.epoch, 1);
    store_close(&db);
    scratch_end(&s);
}

/* A visits file from a backup, beside the announcement of what was shown since: its serials must not be
 * minted again. */
static void test_restored_file_raises(void **state)
{
    struct scratch s;
    struct visit_log *l;
    struct job jobs[1];
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s);
    append(l, jobs, 1, &plain);
    visit_log_close(&l);
    assert_trap_ok(epochs_announce(s.dir, 7, 2, &why), why);
    l = open_log(&s);
    append(l, jobs, 1, &plain);
    assert_int_equal(jobs[0].visit.visit.epoch, 3);
    assert_int_equal(jobs[0].visit.visit.serial, 0);
    assert_int_equal(announced(&s), 3);
    visit_log_close(&l);
    scratch_end(&s);
}

/* No serial is used before its epoch is announced: without a place for the snapshot visits fail, and
 * recover. */
static void test_no_epoch_without_announcement(void **state)
{
    struct scratch s;
    struct visit_log *l;
    struct job jobs[31];
    struct waiter w;
    char snap[PATH_TEXT_MAX], away[PATH_TEXT_MAX];
    FILE *f;

    (void)state;
    scratch_begin(&s, true);
    execute(&s, "INSERT INTO meta VALUES ('epoch_serials', 30)");
    l = open_log(&s);
    append(l, jobs, 10, &plain);
    assert_int_equal(rename(scratch_path(&s, "snap", snap), scratch_path(&s, "away", away)), 0);
    f = fopen(snap, "w"); /* a file where the folder was */
    assert_non_null(f);
    (void)fclose(f);
    append(l, jobs, 20, &plain);
    assert_int_equal(jobs[19].visit.visit.epoch, 1);
    waiter_init(&w);
    waiter_add(&w, 1);
    jobs[0] = (struct job){ .visit = { .job = { .done = on_done }, .visit = plain }, .waiter = &w };
    assert_int_equal(visit_log_submit(l, &jobs[0].visit), TRAP_OK);
    waiter_wait(&w);
    assert_int_equal(w.last, TRAP_EIO);
    assert_int_equal(unlink(snap), 0);
    assert_int_equal(rename(away, snap), 0);
    for (unsigned tries = 0; tries < 600 && w.last != TRAP_OK; tries++) {
        (void)usleep(100000);
        waiter_add(&w, 1);
        assert_int_equal(visit_log_submit(l, &jobs[0].visit), TRAP_OK);
        waiter_wait(&w);
    }
    assert_int_equal(jobs[0].visit.visit.epoch, 2);
    assert_int_equal(jobs[0].visit.visit.seq, 31);
    assert_int_equal(announced(&s), 2);
    visit_log_close(&l);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs_begin_and_are_announced),
        cmocka_unit_test(test_epoch_raise),
        cmocka_unit_test(test_restored_file_raises),
        cmocka_unit_test(test_no_epoch_without_announcement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
