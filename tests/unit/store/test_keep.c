/* What is too old goes, what was ordered goes, and nothing else; while the log is written. */
#include "hit_scratch.h"

#include <store/erasure.h>
#include <store/forget.h>
#include <store/import.h>
#include <store/visit_log.h>

#include "keeper.h"

enum { DAY = 86400 };
static const int64_t us_per_s = 1000000;

static void test_horizon(void **state)
{
    static const struct {
        int64_t now_s, keep_s, before_s;
    } cases[] = {
        { 1000 * DAY, 0, 0 },                /* for ever */
        { 10 * DAY, 10 * DAY, 0 },           /* nothing is that old */
        { 100 * DAY, 14 * DAY, 86 * DAY },   /* steps of 28 h */
        { 1000 * DAY, 90 * DAY, 910 * DAY }, /* steps of a week */
        { 1000 * DAY + 6 * DAY, 90 * DAY, 910 * DAY },
        { 100, 12, 88 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const wall_t got = keep_horizon((wall_t){ cases[i].now_s * us_per_s }, SPAN_S(cases[i].keep_s));
        const int64_t late_s = cases[i].before_s - got.us / us_per_s;
        const int64_t step_s = cases[i].keep_s / 12 < 7 * DAY ? cases[i].keep_s / 12 : 7 * DAY;

        /* never more than the clock says, and at most a step less */
        assert_true(cases[i].before_s == 0
                        ? got.us == 0
                        : got.us / us_per_s <= cases[i].now_s - cases[i].keep_s && late_s <= step_s);
        if (got.us != 0 && step_s > 0)
            assert_int_equal(got.us % (step_s * us_per_s), 0);
    }
}

/* ---- a world: records of every age ---- */

enum { RECORDS = 700 }; /* one each hour */

static struct ip address(unsigned i)
{
    struct ip a = ip_v4(81, 2, (uint8_t)(i / 50), (uint8_t)(i % 250 + 1));
    char text[64];

    if (i % 3 == 0) {
        (void)snprintf(text, sizeof text, "2a02:cf40:%x:%x::%x", i / 60, i % 60, i + 1);
        assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    }
    return a;
}

static wall_t time_of(wall_t now, unsigned i)
{
    return (wall_t){ now.us - (int64_t)(RECORDS - i) * 3600 * us_per_s };
}

static void fill(const struct scratch *s, wall_t now)
{
    static const struct hit_rcpt rcpts[2] = {
        { .klass = RCPT_PRISTINE, .address = BYTES_INIT("sales@shop.example") },
        { .klass = RCPT_TYPO, .address = BYTES_INIT("a@old.example") }
    };
    struct err_text why = { "" };
    struct store_import *i = NULL;

    assert_trap_ok(store_import_open(s->dir, &i, &why), why);
    for (unsigned n = 0; n < RECORDS; n++) {
        const wall_t at = time_of(now, n);
        struct visit v = {
            .at = at, .client = address(n), .page = BYTES("/"), .agent = BYTES("bot"), .recipe = 1
        };
        const struct auth_attempt auth = { .mechanism = BYTES("PLAIN"), .user = BYTES("eva@mail.example") };
        struct session_record r = { .at = at,
                                    .client = address(n),
                                    .auth_attempts = 1,
                                    .auths = &auth,
                                    .auth_count = 1,
                                    .helo = n == 5 ? BYTES("mx.victim.example") : BYTES("h") };
        const struct hit h = { .at = at,
                               .sender = address(n),
                               .rcpts = rcpts,
                               .rcpt_count = 2,
                               .helo = BYTES("h"),
                               .reverse_path =
                                   n == 7 ? BYTES("a@Victim.example") : BYTES("a@notvictim.example") };
        const struct counter_row c = { ip_key(address(n)), wall_hour(at), 3, at, at };

        v.flags = n % 10 == 0 ? VISIT_BATCH : n % 10 == 1 ? VISIT_NOT_SHOWN : 0;
        r.attempt_class = n % 4 == 0 ? RCPT_PRISTINE : 0;
        assert_int_equal(store_import_visit(i, &v), TRAP_OK);
        assert_int_equal(store_import_hit(i, &h), TRAP_OK);
        assert_int_equal(store_import_session(i, &r), TRAP_OK);
        assert_int_equal(store_import_counter(i, &c), TRAP_OK);
    }
    assert_trap_ok(store_import_close(&i, true, &why), why);
}

struct seen {
    wall_t oldest;
    unsigned n, truncated, with_trap;
    struct prefix subject;
    unsigned of_subject;
};

static void see(struct seen *s, wall_t at, struct ip a)
{
    if (s->n++ == 0)
        s->oldest = at;
    s->of_subject += s->subject.len != 0 && prefix_has(s->subject, a);
}

static enum trap_err see_visit(const struct visit *v, void *arg)
{
    struct seen *s = arg;

    see(s, v->at, v->client);
    if ((v->flags & VISIT_TRUNCATED) != 0) {
        s->truncated++;
        assert_true(ip_eq(v->client, ip_network(v->client).ip));
        s->of_subject -= s->subject.len != 0 && prefix_has(s->subject, v->client);
    }
    return TRAP_OK;
}

static enum trap_err see_hit(const struct hit *h, void *arg)
{
    assert_int_equal(h->rcpt_count, 2);
    see(arg, h->at, h->sender);
    return TRAP_OK;
}

static enum trap_err see_session(const struct session_record *r, void *arg)
{
    struct seen *s = arg;

    see(s, r->at, r->client);
    s->with_trap += r->attempt_class != 0;
    assert_int_equal(r->auth_count, 1);
    return TRAP_OK;
}

static enum trap_err see_counter(const struct counter_row *c, void *arg)
{
    see(arg, c->first, c->sender.ip);
    return TRAP_OK;
}

struct all {
    struct seen visits, hits, sessions, counters;
};

static struct all look(const struct scratch *s, struct prefix subject)
{
    struct all a = { .visits.subject = subject,
                     .hits.subject = subject,
                     .sessions.subject = subject,
                     .counters.subject = subject };
    struct store_db *visits = open_reader(s, STORE_VISITS), *hits = open_reader(s, STORE_HITS);
    uint64_t last;

    assert_int_equal(visit_each(visits, 0, 10000, see_visit, &a.visits, &last), TRAP_OK);
    assert_int_equal(hit_each(hits, 0, 10000, see_hit, &a.hits, &last), TRAP_OK);
    assert_int_equal(session_each(hits, 0, 10000, see_session, &a.sessions, &last), TRAP_OK);
    assert_int_equal(counter_each(hits, see_counter, &a.counters), TRAP_OK);
    store_close(&visits);
    store_close(&hits);
    return a;
}

static uint64_t change_of(const struct scratch *s, enum store_file f)
{
    struct store_db *db = open_reader(s, f);
    uint64_t n = 0;

    assert_int_equal(erasure_change(db, &n), TRAP_OK);
    store_close(&db);
    return n;
}

/* Both logs open for so long that the keeper has done what there is to do. */
static void keep_for(const struct scratch *s, const struct conf_store *conf,
                     bool (*is_done)(const struct scratch *, uint64_t), uint64_t arg)
{
    struct err_text why = { "" };
    struct visit_log *v = NULL;
    struct hit_log *h = open_log(s, conf);
    const mono_t end = mono_add(mono_now(), SPAN_S(60));

    assert_trap_ok(visit_log_open(s->dir, conf, NULL, NULL, &v, &why), why);
    while (!is_done(s, arg)) {
        assert_true(mono_now().ms < end.ms);
        (void)usleep(50000);
    }
    visit_log_close(&v);
    hit_log_close(&h);
}

static enum trap_err count_kinds(const struct erasure *e, void *arg)
{
    unsigned *kinds = arg;

    kinds[e->kind]++;
    return TRAP_OK;
}

static bool all_kept(const struct scratch *s, uint64_t unused)
{
    unsigned kinds[16] = { 0 };
    int64_t erased = 0, under_way = 0;
    struct store_db *db;
    bool ok = change_of(s, STORE_VISITS) >= 2 && change_of(s, STORE_HITS) >= 2;

    (void)unused;
    db = open_reader(s, STORE_HITS);
    assert_int_equal(erasure_each(db, count_kinds, kinds), TRAP_OK);
    assert_int_equal(db_meta_get(db, "session_erased", 0, &erased), TRAP_OK);
    assert_int_equal(db_meta_get(db, KEEP_UNDER_WAY, 0, &under_way), TRAP_OK);
    store_close(&db);
    return ok && under_way == 0 && kinds[ERASURE_SESSION] == 1 && kinds[ERASURE_COUNTER] == 1 && erased > 0;
}

/* Every clock for itself; a restart finds nothing more to do. */
static void test_age(void **state)
{
    const struct prefix none = { .len = 0 };
    struct conf_store conf = scratch_conf();
    const wall_t now = wall_now();
    struct scratch s;

    (void)state;
    conf.keep = (struct conf_keep){ .every = SPAN_S(1),
                                    .visitor_ip = SPAN_H(100),
                                    .visits = SPAN_H(500),
                                    .hits = SPAN_H(300),
                                    .sessions = SPAN_H(50),
                                    .attempts = SPAN_H(200),
                                    .samples = SPAN_H(10) };
    scratch_begin(&s, true);
    fill(&s, now);
    keep_for(&s, &conf, all_kept, 0);
    for (unsigned again = 0; again < 2; again++) {
        const struct all a = look(&s, none);
        /* a clock may be late by a twelfth */
        const unsigned truncated_min = (500 - 100 - 9) * 9 / 10 - 40, truncated_max = 500;

        assert_in_range(a.visits.n, 500, 542);
        assert_in_range(a.visits.truncated, truncated_min, truncated_max);
        assert_in_range(a.hits.n, 300, 326);
        assert_in_range(a.counters.n, 300, 326);
        assert_in_range(a.sessions.with_trap, 50, 50 + 6);
        assert_in_range(a.sessions.n - a.sessions.with_trap, 50 * 3 / 4 - 1, 55 * 3 / 4 + 1);
        if (again == 0) {
            const uint64_t visits = change_of(&s, STORE_VISITS), hits = change_of(&s, STORE_HITS);

            keep_for(&s, &conf, all_kept, 0);
            assert_in_range(change_of(&s, STORE_VISITS), visits, visits + 1); /* the hour may have struck */
            assert_in_range(change_of(&s, STORE_HITS), hits, hits + 2);
        }
    }
    scratch_end(&s);
}

/* A clock that jumped erases nothing on its first day. */
static void test_doubt(void **state)
{
    static const struct {
        int64_t days;
        bool believed;
    } cases[] = { { 0, true },        { 29, true },      { 29 + 31, false },
                  { 29 + 31, false }, { 29 + 29, true }, { 0, true } };
    struct conf_store conf = scratch_conf();
    const wall_t now = wall_now();
    struct keeping *k = calloc(1, sizeof *k);
    const struct commit_options o = { .queue_max = 10, .batch_max = 10, .wal_max_bytes = 1 << 20 };
    struct err_text why = { "" };
    struct store_db *db = NULL;
    struct commit *commit = NULL;
    struct scratch s;

    (void)state;
    assert_non_null(k);
    scratch_begin(&s, true);
    assert_trap_ok(store_open(s.dir, STORE_VISITS, STORE_WRITE, &db, &why), why);
    assert_trap_ok(commit_start(db, &o, &commit, &why), why);
    k->log = (struct keeper_log){ db, commit, NULL, &conf.keep };
    k->reader = open_reader(&s, STORE_VISITS);
    k->begun = mono_now();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool believed = !cases[i].believed;

        assert_int_equal(keep_believe(k, wall_add(now, SPAN_D(cases[i].days)), &believed), TRAP_OK);
        assert_int_equal(believed, cases[i].believed);
    }
    k->begun = (mono_t){ mono_now().ms - SPAN_H(KEEP_DOUBT_H).ms };
    bool believed = false;
    assert_int_equal(keep_believe(k, wall_add(now, SPAN_D(900)), &believed), TRAP_OK);
    assert_true(believed);
    store_close(&k->reader);
    commit_stop(&commit);
    store_close(&db);
    free(k);
    scratch_end(&s);
}

/* Sequences of what is gone are never given again, also when it was the newest. */
static void test_sequences(void **state)
{
    static const struct hit_rcpt rcpt = { .klass = RCPT_TYPO, .address = BYTES_INIT("a@old.example") };
    struct conf_store conf = scratch_conf();
    struct forget_order o = { .number = 5 };
    struct err_text why = { "" };
    struct scratch s;
    struct hit_log *l;
    struct job job;
    const struct hit h = { .at = { 77 }, .sender = ip_v4(9, 9, 9, 9), .rcpts = &rcpt, .rcpt_count = 1 };
    uint64_t number = 0, records = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 1);
    assert_int_equal(forget_subject(BYTES("9.9.9.9"), &o), TRAP_OK);
    assert_trap_ok(forget_give(s.dir, &o, &why), why);
    for (unsigned i = 0; i < 600 && number != 5; i++) {
        struct store_db *db = open_reader(&s, STORE_HITS);

        assert_int_equal(forget_done(db, &number, &records), TRAP_OK);
        store_close(&db);
        (void)usleep(100000);
    }
    assert_int_equal(number, 5);
    assert_int_equal(records, 1);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 2);
    hit_log_close(&l);
    forget_remove(s.dir);
    l = open_log(&s, &conf);
    assert_int_equal(append(l, &job, &h), TRAP_OK);
    assert_int_equal(job.hit.hit.seq, 3);
    hit_log_close(&l);
    scratch_end(&s);
}

static bool order_done(const struct scratch *s, uint64_t number)
{
    uint64_t visits = 0, hits = 0, records = 0;
    struct store_db *db = open_reader(s, STORE_VISITS);

    assert_int_equal(forget_done(db, &visits, &records), TRAP_OK);
    store_close(&db);
    db = open_reader(s, STORE_HITS);
    assert_int_equal(forget_done(db, &hits, &records), TRAP_OK);
    store_close(&db);
    return visits == number && hits == number;
}

static void test_forget(void **state)
{
    static const char *const subjects[] = { "81.2.0.2", "81.2.4.0/24", "2a02:cf40:2:6::9", "2a02:cf40:3::/48",
                                            "81.2.0.0/16" };
    struct conf_store conf = scratch_conf();
    struct err_text why = { "" };
    struct scratch s;

    (void)state;
    scratch_begin(&s, true);
    fill(&s, wall_now());
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct forget_order o = { .number = 100 + i };

        assert_int_equal(forget_subject(bytes_str(subjects[i]), &o), TRAP_OK);
        const struct all before = look(&s, o.prefix);
        assert_trap_ok(forget_give(s.dir, &o, &why), why);
        keep_for(&s, &conf, order_done, o.number);
        const struct all after = look(&s, o.prefix);
        assert_true(before.hits.of_subject > 0 && before.visits.of_subject > 0);
        assert_int_equal(after.hits.of_subject + after.visits.of_subject + after.sessions.of_subject, 0);
        assert_int_equal(after.counters.of_subject, 0);
        assert_int_equal(after.hits.n, before.hits.n - before.hits.of_subject);
        assert_int_equal(after.sessions.n, before.sessions.n - before.sessions.of_subject);
        assert_int_equal(after.counters.n, before.counters.n - before.counters.of_subject);
        assert_int_equal(after.visits.n, before.visits.n); /* they keep the network */
        assert_int_equal(after.visits.truncated - before.visits.truncated, before.visits.of_subject);
    }
    scratch_end(&s);
}

static void test_forget_domain(void **state)
{
    static const struct prefix none = { .len = 0 };
    struct conf_store conf = scratch_conf();
    struct forget_order o = { .number = 1 };
    struct err_text why = { "" };
    struct scratch s;
    struct all a;

    (void)state;
    scratch_begin(&s, true);
    fill(&s, wall_now());
    assert_int_equal(forget_subject(BYTES("Victim.example."), &o), TRAP_OK);
    assert_true(o.is_domain);
    assert_trap_ok(forget_give(s.dir, &o, &why), why);
    keep_for(&s, &conf, order_done, 1);
    a = look(&s, none);
    assert_int_equal(a.hits.n, RECORDS - 1);
    assert_int_equal(a.sessions.n, RECORDS - 1);
    assert_int_equal(a.visits.n, RECORDS);
    o.number = 2;
    assert_int_equal(forget_subject(BYTES("mail.example"), &o), TRAP_OK); /* in the log-ins of all sessions */
    assert_trap_ok(forget_give(s.dir, &o, &why), why);
    keep_for(&s, &conf, order_done, 2);
    a = look(&s, none);
    assert_int_equal(a.sessions.n, 0);
    assert_int_equal(a.hits.n, RECORDS - 1);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_horizon),       cmocka_unit_test(test_age),
        cmocka_unit_test(test_sequences),     cmocka_unit_test(test_forget),
        cmocka_unit_test(test_forget_domain), cmocka_unit_test(test_doubt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
