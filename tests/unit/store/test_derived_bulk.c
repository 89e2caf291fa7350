/* derived.db made anew: the same rows as batch by batch; cut off at any moment: the old rows, none, or the new ones. */
#include "scratch.h"

#include <store/evidence.h>

#include <signal.h>
#include <sys/wait.h>

enum { ROWS = 3000, OLD_ROWS = 500, CUTS = 24 };

static struct store_db *open_db(const struct scratch *s)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };

    if (store_open(s->dir, STORE_DERIVED, STORE_WRITE, &db, &why) != TRAP_OK)
        fail_msg("%s", why.text);
    return db;
}

static struct ip address(uint32_t n, bool v6)
{
    struct ip six = { { 0x2a, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n } };

    return v6 ? six : ip_v4(9, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n);
}

/* Every third row meets an earlier one. */
static void add_rows(struct derived_batch *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t n = i * 7919 % (count * 2 / 3 + 1);
        const wall_t at = { 1000000 + i };
        const struct prefix sender = ip_key(address(n, n % 4 == 0)),
                            client = ip_key(address(n / 3, n % 5 == 0));

        derived_add_evidence(b, &(struct evidence_row){ sender, source_of_network(client.ip), EVIDENCE_MINTED,
                                                        n % 50, 1, 1, at, at });
        derived_add_link(b, &(struct link_row){ .harvester = client,
                                                .sender = sender,
                                                .node = 1,
                                                .visit = n,
                                                .slot = (uint8_t)(n % 3),
                                                .technique = 4,
                                                .day = n % 9,
                                                .count = 1,
                                                .first = at,
                                                .last = at,
                                                .visited = { 900 + n } });
        derived_add_visitor(b, &(struct visitor_row){ client, 1, at, at });
        if (i % 100 == 0)
            derived_add_pending(
                b, &(struct pending_row){
                       .hit_node = 1, .hit = i + 1, .sender = sender, .at = at, .sender_ip = sender.ip });
    }
    derived_mark(b, (struct record_id){ 1, RECORD_HIT, count });
}

/* ---- all rows as one number ---- */

struct sum {
    uint64_t hash;
    size_t rows;
};

static void mix(struct sum *s, uint64_t v)
{
    s->hash = (s->hash ^ v) * 0x100000001b3ULL;
}

static void mix_key(struct sum *s, struct prefix p)
{
    for (size_t i = 0; i < 16; i++)
        mix(s, p.ip.b[i]);
    mix(s, p.len);
}

static enum trap_err sum_evidence(struct prefix sender, const struct evidence_row *r, size_t n, void *arg)
{
    mix_key(arg, sender);
    for (size_t i = 0; i < n; i++) {
        mix(arg, r[i].source ^ r[i].hour ^ (uint64_t)r[i].klass << 32);
        mix(arg, r[i].count);
        mix(arg, (uint64_t)r[i].first.us * 31 + (uint64_t)r[i].last.us);
    }
    ((struct sum *)arg)->rows += n;
    return TRAP_OK;
}

static enum trap_err sum_link(const struct link_row *r, void *arg)
{
    mix_key(arg, r->harvester);
    mix_key(arg, r->sender);
    mix(arg, r->visit ^ (uint64_t)r->slot << 40 ^ (uint64_t)r->day << 48 ^ (uint64_t)r->technique << 56);
    mix(arg, (uint64_t)r->first.us * 31 + (uint64_t)r->last.us + r->count + (uint64_t)r->visited.us * 17);
    return TRAP_OK;
}

static enum trap_err sum_links(struct prefix harvester, const struct link_row *r, size_t n, void *arg)
{
    enum trap_err err = TRAP_OK;

    (void)harvester;
    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = sum_link(&r[i], arg);
    return err;
}

struct visitors {
    struct sum *sum;
    struct store_db *db;
};

static enum trap_err sum_visitor(const struct visitor_row *r, void *arg)
{
    const struct visitors *v = arg;
    wall_t first = { 0 };

    mix_key(v->sum, r->client);
    mix(v->sum, r->count * 31 + (uint64_t)r->first.us * 7 + (uint64_t)r->last.us);
    assert_int_equal(network_first(v->db, source_of_network(r->client.ip), &first), TRAP_OK);
    mix(v->sum, (uint64_t)first.us);
    return TRAP_OK;
}

static enum trap_err sum_pending(const struct pending_row *r, void *arg)
{
    mix(arg, r->hit);
    mix_key(arg, r->sender);
    return TRAP_OK;
}

static struct sum sum_of(struct store_db *db)
{
    struct sum s = { 0xcbf29ce484222325ULL, 0 };
    struct visitors v = { &s, db };
    const struct prefix everybody = { .len = 0 };
    uint64_t seq = 0;

    assert_int_equal(evidence_each(db, sum_evidence, &s), TRAP_OK);
    assert_int_equal(link_each(db, sum_links, &s), TRAP_OK);
    assert_int_equal(link_by_sender(db, everybody, sum_link, &s), TRAP_OK);
    assert_int_equal(visitor_each(db, sum_visitor, &v), TRAP_OK);
    assert_int_equal(pending_each(db, sum_pending, &s), TRAP_OK);
    assert_int_equal(derived_mark_get(db, 1, RECORD_HIT, &seq), TRAP_OK);
    mix(&s, seq);
    return s;
}

static struct sum make_by_batches(struct store_db *db, uint32_t rows)
{
    struct derived_batch *b = NULL;

    assert_int_equal(derived_clear(db), TRAP_OK);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    add_rows(b, rows);
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    derived_batch_free(&b);
    return sum_of(db);
}

static enum trap_err make_in_bulk(struct store_db *db, size_t rows_max, uint32_t rows, bool parts)
{
    struct derived_batch *b = NULL, *part = NULL;
    enum trap_err err = derived_bulk_new(db, rows_max, &b);

    if (err == TRAP_OK && parts) {
        err = derived_bulk_part(db, rows_max, &part);
        if (err == TRAP_OK)
            add_rows(part, rows);
        if (err == TRAP_OK)
            derived_bulk_take(b, &part);
    } else if (err == TRAP_OK) {
        add_rows(b, rows);
    }
    derived_mark(b, (struct record_id){ 1, RECORD_HIT, rows });
    if (err == TRAP_OK)
        err = derived_bulk_commit(db, b);
    derived_batch_free(&b);
    return err;
}

static void test_same_rows(void **state)
{
    static const size_t rows_max[] = { 0, 2, 1000 };
    struct scratch s;
    struct store_db *db, *reader = NULL;
    struct err_text why;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s);
    const struct sum expected = make_by_batches(db, ROWS);
    wall_t newest = { 0 };
    for (size_t i = 0; i < sizeof rows_max / sizeof rows_max[0]; i++) {
        assert_int_equal(make_by_batches(db, OLD_ROWS).rows < expected.rows, true);
        assert_int_equal(make_in_bulk(db, rows_max[i], ROWS, i == 1), TRAP_OK);
        assert_int_equal(sum_of(db).hash, expected.hash);
        assert_int_equal(derived_newest(db, &newest), TRAP_OK);
        assert_int_equal(newest.us, 1000000 + ROWS - 1);
        assert_int_equal(store_node(db), 7);
    }
    /* On top of it, in the usual way; and again while somebody else has the file open. */
    assert_int_equal(store_open(s.dir, STORE_DERIVED, STORE_READ, &reader, &why), TRAP_OK);
    assert_int_equal(sum_of(reader).hash, expected.hash);
    assert_int_equal(make_in_bulk(db, 0, OLD_ROWS, false), TRAP_OK);
    const struct sum old = sum_of(db);
    assert_int_equal(sum_of(reader).hash, old.hash);
    assert_int_equal(make_by_batches(db, OLD_ROWS).hash, old.hash);
    store_close(&reader);
    store_close(&db);
    assert_int_equal(scratch_size(&s, "derived.rebuild"), 0);
    db = open_db(&s);
    assert_int_equal(sum_of(db).hash, old.hash);
    store_close(&db);
    scratch_end(&s);
}

/* A child makes it anew again and again until it is killed. */
static void cut_off(const struct scratch *s, unsigned after_us)
{
    const pid_t child = fork();
    int status;

    assert_int_not_equal(child, -1);
    if (child == 0) {
        struct store_db *db = open_db(s);
        while (make_in_bulk(db, 1000, ROWS, false) == TRAP_OK)
            ;
        _exit(1);
    }
    (void)usleep(after_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void test_cut_off(void **state)
{
    struct scratch s;
    struct store_db *db;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s);
    const struct sum all = make_by_batches(db, ROWS);
    assert_int_equal(derived_clear(db), TRAP_OK);
    const struct sum none = sum_of(db), old = make_by_batches(db, OLD_ROWS);
    for (unsigned i = 0; i < CUTS; i++) {
        store_close(&db);
        cut_off(&s, 3000 + i * 4000);
        db = open_db(&s);
        const struct sum now = sum_of(db);
        if (now.hash != all.hash && now.hash != none.hash && now.hash != old.hash)
            fail_msg("cut %u: %zu rows, neither all (%zu) nor none nor the old ones", i, now.rows, all.rows);
        if (i % 6 == 5)
            assert_int_equal(make_by_batches(db, OLD_ROWS).hash, old.hash);
    }
    assert_int_equal(make_in_bulk(db, 0, ROWS, false), TRAP_OK);
    assert_int_equal(sum_of(db).hash, all.hash);
    store_close(&db);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_rows), cmocka_unit_test(test_cut_off) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
