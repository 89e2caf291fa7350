#include "hit_scratch.h"

static const struct hit_rcpt rcpts[] = {
    { RCPT_MINTED, BYTES_INIT("runahalverkom471@quellwerft.example"), BYTES_INIT("NOTIFY=NEVER") },
    { RCPT_RECYCLED | RCPT_CATCHALL, BYTES_INIT("Info@old-brand.example"),
      BYTES_INIT("NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Info+2B1@old-brand.example") },
    { RCPT_PRISTINE, BYTES_INIT("sales@shop.example"), BYTES_INIT("") },
};

static struct hit plain(void)
{
    return (struct hit){ .at = { 1772366400000001 },
                         .session = 0x8123456789abcdef,
                         .sender = ip_v4(203, 0, 113, 9),
                         .local = ip_v4(192, 0, 2, 1),
                         .local_port = 2525,
                         .helo = BYTES("mail.example.net"),
                         .reverse_path = BYTES("bounce-17@news.example.net"),
                         .flags = HIT_ESMTP | HIT_SMTPUTF8,
                         .size = 2048,
                         .digest = 0xfedcba9876543210,
                         .rcpts = rcpts,
                         .rcpt_count = 1,
                         .first_command_ms = 1234567,
                         .dsn = BYTES("RET=HDRS ENVID=QQ314159") };
}

struct seen {
    size_t n;
    struct hit last;
    struct hit_rcpt rcpts[4];
    char text[4][64], rcpt_dsn[4][64], helo[400], path[400], dsn[400];
};

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    struct seen *s = arg;

    s->n++;
    s->last = *h;
    for (size_t i = 0; i < h->rcpt_count && i < 4; i++) {
        s->rcpts[i] = h->rcpts[i];
        (void)snprintf(s->text[i], 64, "%.*s", (int)h->rcpts[i].address.n,
                       (const char *)h->rcpts[i].address.p);
        (void)snprintf(s->rcpt_dsn[i], 64, "%.*s", (int)h->rcpts[i].dsn.n, (const char *)h->rcpts[i].dsn.p);
    }
    (void)snprintf(s->dsn, sizeof s->dsn, "%.*s", (int)h->dsn.n, (const char *)h->dsn.p);
    (void)snprintf(s->helo, sizeof s->helo, "%.*s", (int)h->helo.n, (const char *)h->helo.p);
    (void)snprintf(s->path, sizeof s->path, "%.*s", (int)h->reverse_path.n, (const char *)h->reverse_path.p);
    return TRAP_OK;
}

static void test_round_trip(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct job job;
    struct hit h = plain();
    struct seen seen = { 0 };
    uint64_t last = 0, erased = 9;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 1);
    h.rcpt_count = 3;
    h.flags = HIT_NULL_SENDER;
    h.first_command_ms = UINT32_MAX;
    h.dsn = BYTES("");
    h.reverse_path = (struct bytes){ NULL, 0 };
    h.helo = BYTES("");
    assert_int_equal(ip_parse(BYTES("2a00::9"), &h.sender), TRAP_OK);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 2);
    /* No trap among its recipients: refused alone, no sequence is used up. */
    h.rcpt_count = 0;
    assert_int_equal(append(l, &job, &h), TRAP_EINVAL);
    h = plain();
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 3);
    hit_log_close(&l);

    db = open_reader(&s, STORE_HITS);
    assert_int_equal(hit_bounds(db, &last, &erased), TRAP_OK);
    assert_int_equal(last, 3);
    assert_int_equal(erased, 0);
    assert_int_equal(hit_get(db, 1, on_hit, &seen), TRAP_OK);
    h = plain();
    assert_int_equal(seen.last.at.us, h.at.us);
    assert_int_equal(seen.last.session, h.session);
    assert_true(ip_eq(seen.last.sender, h.sender));
    assert_true(ip_eq(seen.last.local, h.local));
    assert_int_equal(seen.last.local_port, 2525);
    assert_string_equal(seen.helo, "mail.example.net");
    assert_string_equal(seen.path, "bounce-17@news.example.net");
    assert_int_equal(seen.last.flags, h.flags);
    assert_int_equal(seen.last.size, 2048);
    assert_int_equal(seen.last.digest, h.digest);
    assert_int_equal(seen.last.rcpt_count, 1);
    assert_string_equal(seen.text[0], "runahalverkom471@quellwerft.example");
    assert_int_equal(seen.rcpts[0].klass, RCPT_MINTED);
    assert_string_equal(seen.rcpt_dsn[0], "NOTIFY=NEVER");
    assert_string_equal(seen.dsn, "RET=HDRS ENVID=QQ314159");
    assert_int_equal(seen.last.first_command_ms, 1234567);
    assert_int_equal(hit_get(db, 2, on_hit, &seen), TRAP_OK);
    assert_int_equal(seen.last.rcpt_count, 3);
    assert_string_equal(seen.text[0], "runahalverkom471@quellwerft.example");
    assert_string_equal(seen.text[1], "Info@old-brand.example");
    assert_int_equal(seen.rcpts[1].klass, RCPT_RECYCLED | RCPT_CATCHALL);
    assert_string_equal(seen.text[2], "sales@shop.example");
    assert_string_equal(seen.rcpt_dsn[0], "NOTIFY=NEVER");
    assert_string_equal(seen.rcpt_dsn[1], "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Info+2B1@old-brand.example");
    assert_string_equal(seen.rcpt_dsn[2], "");
    assert_string_equal(seen.path, "");
    assert_string_equal(seen.dsn, "");
    assert_true(seen.last.first_command_ms == UINT32_MAX);
    assert_int_equal(hit_get(db, 4, on_hit, &seen), TRAP_ENOENT);

    seen.n = 0;
    assert_int_equal(hit_by_rcpt(db, BYTES("RUNAhalverkom471@quellwerft.EXAMPLE"), 10, on_hit, &seen),
                     TRAP_OK);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.last.seq, 1); /* newest first */
    seen.n = 0;
    assert_int_equal(hit_by_rcpt(db, BYTES("info@old-brand.example"), 10, on_hit, &seen), TRAP_OK);
    assert_int_equal(seen.n, 1);
    assert_int_equal(hit_by_rcpt(db, BYTES("nobody@old-brand.example"), 10, on_hit, &seen), TRAP_OK);
    assert_int_equal(seen.n, 1);
    seen.n = 0;
    assert_int_equal(hit_by_sender(db, prefix_of(h.sender, 128), 10, on_hit, &seen), TRAP_OK);
    assert_int_equal(seen.n, 2);
    seen.n = 0;
    assert_int_equal(hit_by_sender(db, prefix_of(h.sender, 128), 1, on_hit, &seen), TRAP_OK);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.last.seq, 3);
    seen.n = 0;
    assert_int_equal(hit_each(db, 1, 100, on_hit, &seen, &last), TRAP_OK);
    assert_int_equal(seen.n, 2);
    assert_int_equal(last, 3);
    store_close(&db);
    scratch_end(&s);
}

static void test_strings_are_cut(void **state)
{
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct job job;
    struct hit h = plain();
    struct seen seen = { 0 };
    uint8_t big[400];

    (void)state;
    memset(big, 'x', sizeof big);
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (size_t n = 254; n <= 256; n++) {
        h.helo = bytes_of(big, n);
        assert_int_equal(append(l, &job, &h), TRAP_OK);
    }
    h.helo = BYTES("h");
    for (size_t n = 319; n <= 321; n++) {
        h.reverse_path = bytes_of(big, n);
        assert_int_equal(append(l, &job, &h), TRAP_OK);
    }
    h.reverse_path = BYTES("p");
    for (size_t n = 254; n <= 256; n++) {
        h.dsn = bytes_of(big, n);
        assert_int_equal(append(l, &job, &h), TRAP_OK);
    }
    h.dsn = BYTES("");
    for (size_t n = 254; n <= 256; n++) {
        const struct hit_rcpt to[] = { rcpts[0], { RCPT_TYPO, BYTES_INIT("a@b.example"), bytes_of(big, n) } };

        h.rcpts = to;
        h.rcpt_count = 2;
        assert_int_equal(append(l, &job, &h), TRAP_OK);
    }
    hit_log_close(&l);
    db = open_reader(&s, STORE_HITS);
    for (unsigned i = 1; i <= 12; i++) {
        assert_int_equal(hit_get(db, i, on_hit, &seen), TRAP_OK);
        assert_int_equal((seen.last.flags & HIT_CUT) != 0, i % 3 == 0);
        assert_true(seen.last.helo.n <= 255 && seen.last.reverse_path.n <= 320 && seen.last.dsn.n <= 255);
        assert_true(seen.last.rcpt_count == 1 || seen.rcpts[1].dsn.n <= 255);
    }
    store_close(&db);
    scratch_end(&s);
}

static uint64_t random_of(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

/* docs/adr/0003: at most 220 bytes a hit with one recipient and its indexes. One sender in ten IPv6. */
static void test_bytes_a_hit(void **state)
{
    enum { ROWS = 200000, CHUNK = 20000 };
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct job *jobs = calloc(CHUNK, sizeof *jobs);
    struct hit_rcpt *to = calloc(CHUNK, sizeof *to);
    char(*text)[3][96] = calloc(CHUNK, sizeof *text);
    struct waiter w;
    uint64_t x = 1;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    waiter_init(&w);
    for (unsigned done = 0; done < ROWS; done += CHUNK) {
        waiter_add(&w, CHUNK);
        for (unsigned i = 0; i < CHUNK; i++) {
            struct hit h = plain();

            h.at.us += (int64_t)(done + i) * 86400;
            h.session = random_of(&x) << 32 | random_of(&x);
            if (random_of(&x) % 10)
                h.sender = ip_v4((uint8_t)random_of(&x), (uint8_t)random_of(&x), (uint8_t)random_of(&x),
                                 (uint8_t)random_of(&x));
            else
                for (unsigned b = 0; b < 16; b++)
                    h.sender.b[b] = (uint8_t)(b == 0 ? 0x2a : random_of(&x));
            (void)snprintf(text[i][0], 96, "host-%u.provider-%u.example", (unsigned)random_of(&x) % 4000,
                           (unsigned)random_of(&x) % 40);
            (void)snprintf(text[i][1], 96, "news-%u@marketing-%u.example", (unsigned)random_of(&x) % 9000,
                           (unsigned)random_of(&x) % 99);
            (void)snprintf(text[i][2], 96, "runahalverkom%u@quellwerft.example",
                           (unsigned)random_of(&x) % 9999);
            h.helo = bytes_str(text[i][0]);
            h.reverse_path = bytes_str(text[i][1]);
            to[i] = (struct hit_rcpt){ .klass = RCPT_MINTED, .address = bytes_str(text[i][2]) };
            h.rcpts = &to[i];
            h.digest = random_of(&x) << 33 | random_of(&x);
            h.size = 500 + random_of(&x) % 20000;
            h.first_command_ms = (uint32_t)(random_of(&x) % 5000);
            h.dsn = BYTES("");
            jobs[i] = (struct job){ .hit = { .job = { .done = on_done }, .hit = h }, .waiter = &w };
            assert_int_equal(hit_log_submit(l, &jobs[i].hit), TRAP_OK);
        }
        waiter_wait(&w);
    }
    assert_int_equal(w.failed, 0);
    hit_log_close(&l);
    printf("bytes a hit: %.1f\n", (double)scratch_size(&s, "hits.db") / ROWS);
    assert_true(scratch_size(&s, "hits.db") <= 220ull * ROWS);
    free(jobs);
    free(to);
    free(text);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_strings_are_cut),
        cmocka_unit_test(test_bytes_a_hit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
