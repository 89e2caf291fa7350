#include "visit_scratch.h"

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
        cmocka_unit_test(test_bytes_a_visit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
