/* A file made by an earlier schema is brought up to date by its writer, and nothing of it is lost. */
#include "hit_scratch.h"

#include <store/lookup.h>
#include <store/sample.h>

#include <sqlite3.h>
#include <zstd.h>

/* A file as the program of schema 1 made it, with these rows. */
static void make_old(const struct scratch *s, const char *name, int application_id, const char *const rows[])
{
    char path[PATH_TEXT_MAX], from[PATH_TEXT_MAX], pragma[96];
    struct buf sql = { 0 };
    sqlite3 *sq = NULL;

    (void)snprintf(from, sizeof from, SCHEMA_DIR "/%.*s/001.sql", (int)strcspn(name, "."), name);
    assert_int_equal(file_slurp(from, 65536, &sql, NULL), TRAP_OK);
    (void)unlink(scratch_path(s, name, path));
    assert_int_equal(sqlite3_open(path, &sq), SQLITE_OK);
    (void)snprintf(pragma, sizeof pragma, "PRAGMA page_size = 4096; PRAGMA application_id = %d",
                   application_id);
    assert_int_equal(sqlite3_exec(sq, pragma, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sq, buf_cstr(&sql), NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; rows[i] != NULL; i++)
        if (sqlite3_exec(sq, rows[i], NULL, NULL, NULL) != SQLITE_OK)
            fail_msg("%s: %s", rows[i], sqlite3_errmsg(sq));
    assert_int_equal(sqlite3_exec(sq, "PRAGMA user_version = 1; PRAGMA journal_mode = WAL", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(sq), SQLITE_OK);
    buf_free(&sql);
}

enum { HITS_ID = 0x54724c01, SAMPLES_ID = 0x54724c02, ACTS_ID = 0x54724c03 };

static const char *const old_hits[] = {
    "INSERT INTO meta VALUES ('node', 7)",
    "INSERT INTO hit VALUES (5, 1772366400000001, 17, x'cb007109', x'c0000201', 25, x'68656c6f', x'66726f6d',"
    " 4, 100, 200, 2, 2, CAST('sales@shop.example' AS BLOB), 1)",
    "INSERT INTO hit_rcpt VALUES (5, 1, 3, CAST('info@old-brand.example' AS BLOB), 2)",
    "INSERT INTO session VALUES (3, 77, 17, x'cb007109', x'c0000201', 25, 9, x'68656c6f', 2048, 1, 2, 3, 4, "
    "5, "
    "6, 7, 0, x'')",
    NULL,
};

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    *(unsigned *)arg += 1;
    assert_true(h->seq == 5 || h->seq == 6);
    assert_true(bytes_eq(h->helo, BYTES("helo")));
    assert_int_equal(h->digest, 200);
    assert_int_equal(h->rcpt_count, 2);
    assert_true(bytes_eq(h->rcpts[1].address, BYTES("info@old-brand.example")));
    assert_int_equal(h->rcpts[1].klass, RCPT_RECYCLED);
    assert_true(h->first_command_ms == (h->seq == 5 ? UINT32_MAX : 3));
    assert_true(h->dsn.n == 0 && h->rcpts[0].dsn.n == 0 && h->rcpts[1].dsn.n == 0);
    return TRAP_OK;
}

static enum trap_err on_session(const struct session_record *r, void *arg)
{
    *(unsigned *)arg += 1;
    assert_int_equal(r->seq, 3);
    assert_int_equal(r->flags, HIT_EARLY_TALK);
    assert_int_equal(r->auth_attempts, 7);
    assert_int_equal(r->auth_count, 0);
    assert_true(r->first_command_ms == UINT32_MAX);
    assert_true(r->helo_class == 0 && r->tls_version == 0);
    assert_true(r->tls_cipher.n == 0 && r->ja4.n == 0 && r->sni.n == 0);
    return TRAP_OK;
}

static void test_hits(void **state)
{
    static const struct hit_rcpt rcpts[] = {
        { .klass = RCPT_PRISTINE, .address = BYTES_INIT("sales@shop.example") },
        { .klass = RCPT_RECYCLED, .address = BYTES_INIT("info@old-brand.example") },
    };
    const struct conf_store conf = scratch_conf();
    const struct hit h = { .at = { 1772366400000002 },
                           .sender = ip_v4(203, 0, 113, 9),
                           .helo = BYTES("helo"),
                           .digest = 200,
                           .first_command_ms = 3,
                           .rcpts = rcpts,
                           .rcpt_count = 2 };
    const struct prefix sender = prefix_of(ip_v4(203, 0, 113, 9), 128);
    struct err_text why = { "" };
    struct scratch s;
    struct store_db *db = NULL;
    struct hit_log *l;
    struct job job;
    uint64_t last = 0;
    unsigned n = 0;

    (void)state;
    scratch_begin(&s, true);
    make_old(&s, "hits.db", HITS_ID, old_hits);
    /* A reader waits for the writer and says so. */
    assert_int_equal(store_open(s.dir, STORE_HITS, STORE_READ, &db, &why), TRAP_EBUSY);
    assert_non_null(strstr(why.text, "start trapsmtp"));
    l = open_log(&s, &conf);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 6);
    hit_log_close(&l);
    db = open_reader(&s, STORE_HITS);
    assert_int_equal(hit_each(db, 0, 10, on_hit, &n, &last), TRAP_OK);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(session_each(db, 0, 10, on_session, &n, &last), TRAP_OK);
    assert_int_equal(session_by_client(db, sender, 10, on_session, &n), TRAP_OK);
    assert_int_equal(n, 2);
    store_close(&db);
    scratch_end(&s);
}

/* Two samples of one digest, as the first schema kept them: the older one stays, as content. */
static void test_samples(void **state)
{
    static const char text[] = "A: b\r\n\r\n..x\r\n";
    static const struct hit_rcpt rcpt = { .klass = RCPT_PRISTINE,
                                          .address = BYTES_INIT("sales@shop.example") };
    const struct conf_store conf = scratch_conf();
    struct hit h = { .at = { 1772366400000002 },
                     .sender = ip_v4(203, 0, 113, 9),
                     .digest = 201,
                     .rcpts = &rcpt,
                     .rcpt_count = 1,
                     .sample = BYTES("A: b\r\n\r\nother\r\n") };
    uint8_t packed[200];
    char hex[400], row[3][600];
    const char *rows[] = { "INSERT INTO meta VALUES ('node', 7)", row[0], row[1], row[2], NULL };
    const size_t n = ZSTD_compress(packed, sizeof packed, text, sizeof text - 1, 1);
    struct scratch s;
    struct store_db *db;
    struct hit_log *l;
    struct job job;
    struct sample sample;
    struct buf content;

    (void)state;
    for (size_t i = 0; i < n; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", packed[i]);
    for (unsigned i = 0; i < 3; i++)
        (void)snprintf(row[i], sizeof row[i], "INSERT INTO sample VALUES (%u, 1772366400000001, %u, x'%s')",
                       i + 1, 200 + i / 2, hex); /* digests 200, 200, 201 */
    scratch_begin(&s, true);
    make_old(&s, "samples.db", SAMPLES_ID, rows);
    l = open_log(&s, &conf);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    h.digest = 202;
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    hit_log_close(&l);
    db = open_reader(&s, STORE_SAMPLES);
    assert_int_equal(sample_get(db, 2, &sample), TRAP_OK); /* of hit 2: the new one, its digest was new */
    assert_int_equal(sample.digest, 202);
    sample_free(&sample);
    assert_int_equal(sample_by_digest(db, 200, &sample), TRAP_OK);
    assert_int_equal(sample.hit, 1);
    assert_true(sample.form == SAMPLE_CONTENT && !sample.header_only);
    buf_init(&content, 1000);
    assert_int_equal(sample_content(&sample, &content), TRAP_OK);
    assert_true(bytes_eq(buf_bytes(&content), bytes_str(text))); /* the two dots are content */
    buf_free(&content);
    sample_free(&sample);
    assert_int_equal(sample_by_digest(db, 201, &sample), TRAP_OK);
    assert_int_equal(sample.hit, 3); /* known: not kept again */
    sample_free(&sample);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err on_act(const struct act *a, void *arg)
{
    *(unsigned *)arg += 1;
    assert_int_equal(a->seq, 3);
    assert_true(bytes_eq(a->subject, BYTES("45.1.0.0/24")) && bytes_eq(a->why, BYTES("why")));
    return TRAP_OK;
}

/* An earlier acts.db has no indexes for look-ups; whoever may write it brings it up to date. */
static void test_acts(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO meta VALUES ('node', 7)",
        "INSERT INTO act VALUES (3, 1772366400000001, 0, 1, CAST('45.1.0.0/24' AS BLOB), x'', x'', CAST('why' AS BLOB))", NULL
    };
    struct err_text why = { "" };
    struct store_db *db = NULL;
    struct scratch s;
    uint64_t last = 0;
    unsigned n = 0;

    (void)state;
    scratch_begin(&s, true);
    make_old(&s, "acts.db", ACTS_ID, rows);
    assert_int_equal(store_open(s.dir, STORE_ACTS, STORE_READ, &db, &why), TRAP_EBUSY);
    assert_int_equal(store_open(s.dir, STORE_ACTS, STORE_WRITE, &db, &why), TRAP_OK);
    assert_int_equal(act_each_rule(db, 0, 10, on_act, &n, &last), TRAP_OK);
    assert_int_equal(lookup_last(db, LOOKUP_PROVIDER, &last), TRAP_OK);
    assert_true(n == 1 && last == 0);
    store_close(&db);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hits),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_acts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
