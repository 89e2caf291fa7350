#include "scratch.h"

#include <base/time.h>
#include <mail/mint.h>
#include <store/epochs.h>
#include <store/visit_log.h>

#include <sqlite3.h>

struct job {
    struct visit_job visit;
    struct waiter *waiter;
};

static void on_done(struct commit_job *job, enum trap_err result)
{
    waiter_done(MPSC_OWNER(job, struct job, visit.job)->waiter, result);
}

static struct visit_log *open_log(const struct scratch *s)
{
    const struct conf_store conf = scratch_conf();
    struct visit_log *l = NULL;
    struct err_text why = { "" };

    assert_trap_ok(visit_log_open(s->dir, &conf, NULL, NULL, &l, &why), why);
    return l;
}

static struct store_db *open_reader(const struct scratch *s)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, STORE_VISITS, STORE_READ, &db, &why), why);
    return db;
}

/* Appends n visits like `like` and waits; the jobs tell what they were given. */
static void append(struct visit_log *l, struct job *jobs, size_t n, const struct visit *like)
{
    struct waiter w;

    waiter_init(&w);
    waiter_add(&w, n);
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job){ .visit = { .job = { .done = on_done }, .visit = *like }, .waiter = &w };
        assert_int_equal(visit_log_submit(l, &jobs[i].visit), TRAP_OK);
    }
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
}

static const struct visit plain = {
    .at = { 1772366400123456 },
    .client = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7 } },
    .site = { (const uint8_t *)"www.a.example", 13 },
    .page = { (const uint8_t *)"/contact", 8 },
    .agent = { (const uint8_t *)"Mozilla/5.0", 11 },
    .recipe = 0x0000000000030201u,
    .flags = VISIT_PROXIED,
};

struct seen {
    size_t n;
    struct visit last;
    char site[64], page[64], agent[64];
};

static void keep_text(char out[64], struct bytes in)
{
    (void)snprintf(out, 64, "%.*s", (int)in.n, (const char *)in.p);
}

static enum trap_err on_visit(const struct visit *v, void *arg)
{
    struct seen *s = arg;

    s->n++;
    s->last = *v;
    keep_text(s->site, v->site);
    keep_text(s->page, v->page);
    keep_text(s->agent, v->agent);
    return TRAP_OK;
}

static void test_round_trip(void **state)
{
    struct scratch s;
    struct visit_log *l;
    struct store_db *db;
    struct job jobs[3];
    struct seen seen = { 0 };
    struct visit v = plain;
    uint64_t last = 0, erased = 99;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s);
    append(l, &jobs[0], 1, &v);
    assert_int_equal(ip_parse(BYTES("2a00:1450::17"), &v.client), TRAP_OK);
    v.page = BYTES("/");
    v.recipe = UINT64_MAX;
    v.flags = VISIT_NO_AGENT | VISIT_HEAD;
    append(l, &jobs[1], 1, &v);
    v = plain;
    v.flags = VISIT_BATCH | VISIT_NO_AGENT;
    append(l, &jobs[2], 1, &v);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(jobs[i].visit.visit.seq, i + 1);
        assert_int_equal(jobs[i].visit.visit.epoch, 1);
        assert_int_equal(jobs[i].visit.visit.serial, i);
    }
    assert_int_equal(visit_log_not_shown(l, 2), TRAP_OK);
    assert_int_equal(visit_log_not_shown(l, 2), TRAP_OK);
    visit_log_close(&l);

    db = open_reader(&s);
    assert_int_equal(visit_bounds(db, &last, &erased), TRAP_OK);
    assert_int_equal(last, 3);
    assert_int_equal(erased, 0);
    assert_int_equal(visit_get(db, 1, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.at.us, plain.at.us);
    assert_true(ip_eq(seen.last.client, plain.client));
    assert_string_equal(seen.site, "www.a.example");
    assert_string_equal(seen.page, "/contact");
    assert_string_equal(seen.agent, "Mozilla/5.0");
    assert_int_equal(seen.last.recipe, plain.recipe);
    assert_int_equal(seen.last.flags, VISIT_PROXIED);
    {
        struct visit facts = { .seq = 99 };

        assert_int_equal(visit_facts(db, 2, &facts), TRAP_OK);
        assert_int_equal(facts.seq, 2);
        assert_int_equal(facts.serial, 1);
        assert_int_equal(facts.flags, VISIT_NO_AGENT | VISIT_HEAD | VISIT_NOT_SHOWN);
        assert_int_equal(facts.recipe, UINT64_MAX);
        assert_true(ip_eq(facts.client, jobs[1].visit.visit.client));
        assert_int_equal(facts.page.n, 0);
        assert_int_equal(visit_facts(db, 4, &facts), TRAP_ENOENT);
        assert_int_equal(facts.seq, 2);
    }
    assert_int_equal(visit_get(db, 2, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.flags, VISIT_NO_AGENT | VISIT_HEAD | VISIT_NOT_SHOWN);
    assert_int_equal(seen.last.recipe, UINT64_MAX);
    assert_string_equal(seen.agent, "");
    assert_string_equal(seen.page, "/");
    assert_int_equal(visit_get(db, 3, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.flags, VISIT_BATCH | VISIT_NO_AGENT);
    assert_int_equal(visit_get(db, 4, on_visit, &seen), TRAP_ENOENT);
    assert_int_equal(visit_by_serial(db, 1, 1, on_visit, &seen), TRAP_OK);
    assert_int_equal(seen.last.seq, 2);
    assert_int_equal(visit_by_serial(db, 1, 3, on_visit, &seen), TRAP_ENOENT);
    assert_int_equal(visit_by_serial(db, 2, 0, on_visit, &seen), TRAP_ENOENT);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err stop_at_5(const struct visit *v, void *arg)
{
    (void)arg;
    return v->seq == 5 ? TRAP_ENOENT : TRAP_OK;
}

static void test_each_and_by_client(void **state)
{
    static const struct {
        const char *prefix;
        size_t n;
        uint64_t oldest;
    } cases[] = { { "11.22.0.0", 34, 1 },        { "11.22.0.1", 33, 2 },   { "11.22.0.0/31", 67, 1 },
                  { "11.22.0.0/24", 100, 1 },    { "11.23.0.0/16", 0, 0 }, { "::/0", 200, 1 },
                  { "0.0.0.0/0", 100, 1 },       { "b16::/16", 100, 101 }, { "b16::/128", 50, 101 },
                  { "b16:0:0:1::/64", 50, 102 }, { "b16::1/128", 0, 0 } };
    struct scratch s;
    struct visit_log *l;
    struct store_db *db;
    struct job *jobs = calloc(200, sizeof *jobs);
    struct seen seen = { 0 };
    uint64_t last = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s);
    for (unsigned i = 0; i < 100; i++) {
        struct visit v = plain;

        v.client = ip_v4(11, 22, 0, (uint8_t)(i % 3));
        append(l, &jobs[i], 1, &v);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct visit v = plain;

        /* begins with the four bytes of an IPv4 address of above: 0b16 = 11.22 */
        v.client = (struct ip){ { 11, 22, 0, 0, 0, 0, 0, (uint8_t)(i % 2) } };
        append(l, &jobs[100 + i], 1, &v);
    }
    db = open_reader(&s);
    assert_int_equal(visit_each(db, 0, 1000, on_visit, &seen, &last), TRAP_OK);
    assert_int_equal(seen.n, 200);
    assert_int_equal(last, 200);
    seen.n = 0;
    assert_int_equal(visit_each(db, 190, 7, on_visit, &seen, &last), TRAP_OK);
    assert_int_equal(seen.n, 7);
    assert_int_equal(last, 197);
    assert_int_equal(visit_each(db, 200, 7, on_visit, &seen, &last), TRAP_OK);
    assert_int_equal(last, 200);
    last = 77;
    assert_int_equal(visit_each(db, 0, 1000, stop_at_5, NULL, &last), TRAP_ENOENT);
    assert_int_equal(last, 77);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct prefix p;

        assert_int_equal(prefix_parse(bytes_str(cases[i].prefix), &p), TRAP_OK);
        seen = (struct seen){ 0 };
        assert_int_equal(visit_by_client(db, p, 1000, on_visit, &seen), TRAP_OK);
        if (seen.n != cases[i].n || (seen.n > 0 && seen.last.seq != cases[i].oldest))
            fail_msg("%s: %zu, last %llu", cases[i].prefix, seen.n, (unsigned long long)seen.last.seq);
        if (cases[i].n > 0) {
            assert_int_equal(visit_by_client(db, p, 1, on_visit, &seen), TRAP_OK);
            assert_true(seen.last.seq > 95); /* newest first */
        }
    }
    store_close(&db);
    visit_log_close(&l);
    free(jobs);
    scratch_end(&s);
}

/* More texts than the memory of them holds: each row still leads to its own. */
static enum trap_err check_text(const struct visit *v, void *arg)
{
    char site[64], page[64], agent[64];

    (void)arg;
    (void)snprintf(site, sizeof site, "s%u", (unsigned)(v->seq - 1) % 20);
    (void)snprintf(page, sizeof page, "p%u", (unsigned)(v->seq - 1) / 2);
    (void)snprintf(agent, sizeof agent, "a%u", (unsigned)(v->seq - 1));
    assert_true(bytes_eq(v->site, bytes_str(site)) && bytes_eq(v->page, bytes_str(page)) &&
                bytes_eq(v->agent, bytes_str(agent)));
    return TRAP_OK;
}

static void test_many_texts(void **state)
{
    enum { ROWS = 30000 };
    struct scratch s;
    struct visit_log *l;
    struct store_db *db;
    struct job *jobs = calloc(ROWS, sizeof *jobs);
    char(*text)[3][16] = calloc(ROWS, sizeof *text);
    struct waiter w;
    uint64_t after = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s);
    waiter_init(&w);
    waiter_add(&w, ROWS);
    for (unsigned i = 0; i < ROWS; i++) {
        struct visit v = plain;

        (void)snprintf(text[i][0], 16, "s%u", i % 20);
        (void)snprintf(text[i][1], 16, "p%u", i / 2); /* the same path on two sites: two pages */
        (void)snprintf(text[i][2], 16, "a%u", i);
        v.site = bytes_str(text[i][0]);
        v.page = bytes_str(text[i][1]);
        v.agent = bytes_str(text[i][2]);
        jobs[i] = (struct job){ .visit = { .job = { .done = on_done }, .visit = v }, .waiter = &w };
        assert_int_equal(visit_log_submit(l, &jobs[i].visit), TRAP_OK);
    }
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
    visit_log_close(&l);
    db = open_reader(&s);
    while (after < ROWS)
        assert_int_equal(visit_each(db, after, 10000, check_text, NULL, &after), TRAP_OK);
    store_close(&db);
    free(jobs);
    free(text);
    scratch_end(&s);
}

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
    for (unsigned tries = 0; tries < 50 && w.last != TRAP_OK; tries++) {
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

static uint64_t random_of(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

/* A search over many stretches of the index finds what a walk over all rows finds. */
static enum trap_err count_prefix(const struct visit *v, void *arg)
{
    struct seen *seen = arg;

    if (prefix_has(prefix_of(ip_v4(77, 0, 0, 0), 104), v->client) && (v->flags & VISIT_BATCH) == 0) {
        seen->n++;
        seen->last = *v;
    }
    return TRAP_OK;
}

static enum trap_err descending(const struct visit *v, void *arg)
{
    struct seen *seen = arg;

    assert_true(seen->n == 0 || v->seq < seen->last.seq);
    seen->n++;
    seen->last = *v;
    return TRAP_OK;
}

static void check_stretches(const struct scratch *s, uint64_t rows)
{
    struct store_db *db = open_reader(s);
    struct seen walked = { 0 }, found = { 0 };
    uint64_t after = 0;

    while (after < rows)
        assert_int_equal(visit_each(db, after, 10000, count_prefix, &walked, &after), TRAP_OK);
    assert_true(walked.n > 100);
    assert_int_equal(visit_by_client(db, prefix_of(ip_v4(77, 0, 0, 0), 104), 10000, descending, &found),
                     TRAP_OK);
    assert_int_equal(found.n, walked.n);
    found = (struct seen){ 0 };
    assert_int_equal(visit_by_client(db, prefix_of(ip_v4(77, 0, 0, 0), 104), 100, descending, &found),
                     TRAP_OK);
    assert_int_equal(found.n, 100);
    store_close(&db);
}

/* docs/adr/0003: at most 80 bytes a visit with its index. Half of the clients IPv6; 500 agents, 300 pages of
 * 10 sites. */
static void test_bytes_a_visit(void **state)
{
    enum { ROWS = 200000, CHUNK = 20000 };
    struct scratch s;
    struct visit_log *l;
    struct job *jobs = calloc(CHUNK, sizeof *jobs);
    char(*text)[3][160] = calloc(CHUNK, sizeof *text);
    struct waiter w;
    uint64_t x = 1;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s);
    waiter_init(&w);
    for (unsigned done = 0; done < ROWS; done += CHUNK) {
        waiter_add(&w, CHUNK);
        for (unsigned i = 0; i < CHUNK; i++) {
            struct visit v = plain;
            const unsigned page = (unsigned)(random_of(&x) % 300);

            v.at.us += (int64_t)(done + i) * 86400;
            if (random_of(&x) % 2)
                v.client = ip_v4((uint8_t)random_of(&x), (uint8_t)random_of(&x), (uint8_t)random_of(&x),
                                 (uint8_t)random_of(&x));
            else
                for (unsigned b = 0; b < 16; b++)
                    v.client.b[b] = (uint8_t)(b == 0 ? 0x2a : random_of(&x));
            (void)snprintf(text[i][0], 160, "www.site-%u.example", page % 10);
            (void)snprintf(text[i][1], 160, "/some/folder/page-number-%u.html", page);
            (void)snprintf(text[i][2], 160,
                           "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                           "Chrome/%u.0.0.0 Safari/537.36",
                           (unsigned)(random_of(&x) % 500));
            v.site = bytes_str(text[i][0]);
            v.page = bytes_str(text[i][1]);
            v.agent = bytes_str(text[i][2]);
            jobs[i] = (struct job){ .visit = { .job = { .done = on_done }, .visit = v }, .waiter = &w };
            assert_int_equal(visit_log_submit(l, &jobs[i].visit), TRAP_OK);
        }
        waiter_wait(&w);
    }
    assert_int_equal(w.failed, 0);
    visit_log_close(&l);
    check_stretches(&s, ROWS);
    printf("bytes a visit: %.1f\n", (double)scratch_size(&s, "visits.db") / ROWS);
    assert_true(scratch_size(&s, "visits.db") <= 80ull * ROWS);
    free(jobs);
    free(text);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_each_and_by_client),
        cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_epochs_begin_and_are_announced),
        cmocka_unit_test(test_epoch_raise),
        cmocka_unit_test(test_restored_file_raises),
        cmocka_unit_test(test_no_epoch_without_announcement),
        cmocka_unit_test(test_bytes_a_visit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
