/* A question with the filter finds what the same question without it finds, for every client and address, over groups that are
 * written and the rest that is not; and it does leave stretches out. */
#include "hit_scratch.h"

#include <hit_key.h>
#include <sqlite3.h>
#include <store/evidence.h>
#include <store/log_filter.h>
#include <store/visit_log.h>

enum { GROUP = 1 << 18, ROWS = 2 * GROUP + 9000, CLIENTS = 700, ADDRESSES = 900, ANSWERS = 10000 };

/* 0 to 499: IPv4, two to a /24; the others IPv6, two to a /48. */
static struct ip client_of(unsigned i)
{
    struct ip a;
    char text[64];

    if (i < 500)
        return ip_v4(81, (uint8_t)(i / 100), (uint8_t)(i / 2 % 50), (uint8_t)(1 + i % 2));
    (void)snprintf(text, sizeof text, "2a02:%x:%x::%x", i, i % 7, 1 + i % 2);
    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

static struct bytes blob_of(const struct ip *a)
{
    return ip_is_v4(*a) ? bytes_of(a->b + 12, 4) : bytes_of(a->b, 16);
}

static struct bytes address_of(unsigned i, char text[32])
{
    (void)snprintf(text, 32, "name%u@trap.example", i);
    return bytes_str(text);
}

/* Uneven: low numbers everywhere, high ones seldom. */
static unsigned draw(uint64_t *x, unsigned n)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    const unsigned a = (unsigned)(*x >> 33);
    const unsigned at = a % 997;

    return at == 0 ? a / 997 % n : at * at % (n / 50);
}

static sqlite3_stmt *prepare(sqlite3 *sq, const char *sql)
{
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_prepare_v2(sq, sql, -1, &st, NULL), SQLITE_OK);
    return st;
}

static void run(sqlite3_stmt *st)
{
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_reset(st), SQLITE_OK);
}

static void bind_bytes(sqlite3_stmt *st, int at, struct bytes v)
{
    assert_int_equal(sqlite3_bind_blob(st, at, v.p, (int)v.n, SQLITE_TRANSIENT), SQLITE_OK);
}

static sqlite3 *open_raw(const struct scratch *s, const char *name)
{
    char path[PATH_TEXT_MAX];
    sqlite3 *sq = NULL;

    assert_int_equal(sqlite3_open(scratch_path(s, name, path), &sq), SQLITE_OK);
    return sq;
}

static void exec(sqlite3 *sq, const char *sql)
{
    assert_int_equal(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void fill_visits(const struct scratch *s)
{
    sqlite3 *sq = open_raw(s, "visits.db");
    sqlite3_stmt *st;
    uint64_t x = 3;

    exec(sq, "PRAGMA synchronous = OFF; BEGIN; PRAGMA defer_foreign_keys = ON");
    st = prepare(sq, "INSERT INTO visit (seq, at_us, client, page, recipe, flags) VALUES (?1, ?1, ?2, 1, 0, 0)");
    for (int i = 1; i <= ROWS; i++) {
        const struct ip a = client_of(draw(&x, CLIENTS));

        (void)sqlite3_bind_int(st, 1, i);
        bind_bytes(st, 2, blob_of(&a));
        run(st);
    }
    (void)sqlite3_finalize(st);
    exec(sq, "COMMIT");
    (void)sqlite3_close(sq);
}

static void fill_hits(const struct scratch *s)
{
    sqlite3 *sq = open_raw(s, "hits.db");
    sqlite3_stmt *hit, *rcpt;
    char text[32];
    uint64_t x = 5;

    exec(sq, "PRAGMA synchronous = OFF; BEGIN");
    hit = prepare(sq, "INSERT INTO hit (seq, at_us, session, sender, local, local_port, helo, reverse_path, flags, size, "
                      "digest, rcpt_count, class, address, address_key) "
                      "VALUES (?1, ?1, 0, ?2, x'7f000001', 25, x'', x'', 0, 1, 0, ?3, 1, ?4, ?5)");
    rcpt = prepare(sq, "INSERT INTO hit_rcpt (hit, n, class, address, address_key) VALUES (?1, 1, 1, ?2, ?3)");
    for (int i = 1; i <= ROWS; i++) {
        const struct ip a = client_of(draw(&x, CLIENTS));
        struct bytes address = address_of(draw(&x, ADDRESSES), text);
        const bool two = i % 5 == 0;

        (void)sqlite3_bind_int(hit, 1, i);
        bind_bytes(hit, 2, blob_of(&a));
        (void)sqlite3_bind_int(hit, 3, two ? 2 : 1);
        bind_bytes(hit, 4, address);
        (void)sqlite3_bind_int64(hit, 5, hit_address_key(address));
        run(hit);
        if (!two)
            continue;
        address = address_of(draw(&x, ADDRESSES), text);
        (void)sqlite3_bind_int(rcpt, 1, i);
        bind_bytes(rcpt, 2, address);
        (void)sqlite3_bind_int64(rcpt, 3, hit_address_key(address));
        run(rcpt);
    }
    (void)sqlite3_finalize(hit);
    (void)sqlite3_finalize(rcpt);
    exec(sq, "COMMIT");
    (void)sqlite3_close(sq);
}

struct answer {
    uint64_t *seq;
    size_t n;
};

static enum trap_err on_visit(const struct visit *v, void *arg)
{
    struct answer *a = arg;

    a->seq[a->n++] = v->seq;
    return TRAP_OK;
}

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    struct answer *a = arg;

    a->seq[a->n++] = h->seq;
    return TRAP_OK;
}

static size_t ask(struct store_db *log, unsigned what, unsigned i, unsigned len, uint32_t limit, uint64_t *seq)
{
    struct answer a = { seq, 0 };
    const struct prefix p = prefix_of(client_of(i), len);
    char text[32];

    switch (what) {
    case 0:
        assert_int_equal(visit_by_client(log, p, limit, on_visit, &a), TRAP_OK);
        break;
    case 1:
        assert_int_equal(hit_by_sender(log, p, limit, on_hit, &a), TRAP_OK);
        break;
    default:
        assert_int_equal(hit_by_rcpt(log, address_of(i, text), limit, on_hit, &a), TRAP_OK);
    }
    return a.n;
}

struct world {
    struct scratch s;
    struct store_db *visits, *hits, *derived;
    uint64_t *with, *without;
};

static void use(struct world *w, bool filter)
{
    log_filter_use(w->visits, filter ? w->derived : NULL);
    log_filter_use(w->hits, filter ? w->derived : NULL);
}

/* One key: as with the filter, so without. Returns how many there are. */
static size_t same(struct world *w, unsigned what, unsigned i, unsigned len, uint32_t limit)
{
    struct store_db *log = what == 0 ? w->visits : w->hits;
    size_t n;

    use(w, false);
    n = ask(log, what, i, len, limit, w->without);
    use(w, true);
    assert_int_equal(ask(log, what, i, len, limit, w->with), n);
    assert_memory_equal(w->with, w->without, n * sizeof *w->with);
    return n;
}

static void all_the_same(struct world *w)
{
    static const unsigned lens[] = { 128, 121, 120, 112, 64, 48, 40 };
    unsigned seldom = 0, none = 0;

    for (unsigned what = 0; what < 3; what++)
        for (unsigned i = 0; i < (what == 2 ? ADDRESSES : CLIENTS) + 20u; i += 13) {
            const size_t n = same(w, what, i, 128, 50);

            seldom += n > 0 && n < 50;
            none += n == 0;
        }
    assert_true(seldom > 50);
    assert_true(none > 0);
    for (unsigned what = 0; what < 2; what++)
        for (unsigned k = 0; k < sizeof lens / sizeof *lens; k++) {
            (void)same(w, what, 311, lens[k], 100);
            (void)same(w, what, 611, lens[k], 100);
        }
}

static void begin(struct world *w)
{
    struct err_text why = { "" };

    scratch_begin(&w->s, true);
    fill_visits(&w->s);
    fill_hits(&w->s);
    w->visits = open_reader(&w->s, STORE_VISITS);
    w->hits = open_reader(&w->s, STORE_HITS);
    assert_trap_ok(store_open(w->s.dir, STORE_DERIVED, STORE_CREATE, &w->derived, &why), why);
    w->with = calloc(ANSWERS, sizeof *w->with);
    w->without = calloc(ANSWERS, sizeof *w->without);
    assert_non_null(w->with);
    assert_non_null(w->without);
}

static void end(struct world *w)
{
    free(w->with);
    free(w->without);
    store_close(&w->visits);
    store_close(&w->hits);
    store_close(&w->derived);
    scratch_end(&w->s);
}

static int64_t number(const struct world *w, const char *sql)
{
    sqlite3 *sq = open_raw(&w->s, "derived.db");
    sqlite3_stmt *st = prepare(sq, sql);
    int64_t n;

    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(sq);
    return n;
}

static void test_same_answers(void **state)
{
    struct world w;
    sqlite3 *sq;

    (void)state;
    begin(&w);
    all_the_same(&w); /* no filter yet */
    assert_int_equal(log_filter_advance(w.derived, w.visits, w.hits, 1), TRAP_OK);
    assert_int_equal(number(&w, "SELECT count(DISTINCT grp) FROM log_filter"), 1);
    all_the_same(&w);
    assert_int_equal(log_filter_advance(w.derived, w.visits, w.hits, UINT64_MAX), TRAP_OK);
    assert_int_equal(number(&w, "SELECT count(*) FROM log_filter"), 2 * 3 * 1024); /* the sessions are few */
    all_the_same(&w);
    assert_int_equal(log_filter_advance(w.derived, w.visits, w.hits, UINT64_MAX), TRAP_OK);
    assert_int_equal(number(&w, "SELECT count(*) FROM log_filter"), 2 * 3 * 1024);

    /* Retention cuts clients to their networks and erases. */
    sq = open_raw(&w.s, "visits.db");
    exec(sq, "UPDATE visit SET client = CAST(substr(client, 1, 3) || x'00' AS BLOB) WHERE seq < 200000 AND length(client) = 4;"
             "DELETE FROM visit WHERE seq < 1000");
    (void)sqlite3_close(sq);
    all_the_same(&w);
    use(&w, true);
    assert_true(ask(w.visits, 0, 20, 120, 50, w.with) > 0);

    /* It is asked: with its bits gone only what is behind the groups is found. */
    sq = open_raw(&w.s, "derived.db");
    exec(sq, "UPDATE log_filter SET words = zeroblob(512)");
    (void)sqlite3_close(sq);
    assert_true(ask(w.hits, 1, 4, 128, ANSWERS, w.with) > 0);
    for (size_t i = ask(w.hits, 1, 4, 128, ANSWERS, w.with); i-- > 0;)
        assert_true(w.with[i] >= 2 * GROUP);
    /* A damaged row ends the filter there. */
    sq = open_raw(&w.s, "derived.db");
    exec(sq, "UPDATE log_filter SET words = x'00' WHERE grp = 1; DELETE FROM log_filter WHERE grp = 0 AND kind = 2");
    (void)sqlite3_close(sq);
    use(&w, false);
    const size_t all = ask(w.hits, 2, 1, 128, ANSWERS, w.without);
    use(&w, true);
    assert_int_equal(ask(w.hits, 2, 1, 128, ANSWERS, w.with), all);
    end(&w);
}

/* The fold begins anew: so does the filter. */
static void test_cleared(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(log_filter_advance(w.derived, w.visits, w.hits, UINT64_MAX), TRAP_OK);
    assert_int_equal(derived_clear(w.derived), TRAP_OK);
    assert_int_equal(number(&w, "SELECT count(*) FROM log_filter"), 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_answers),
        cmocka_unit_test(test_cleared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
