#include "scratch.h"

#include <store/evidence.h>

#include <dirent.h>

static struct store_db *open_db(const struct scratch *s, enum store_mode mode)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, STORE_DERIVED, mode, &db, &why), why);
    return db;
}

static struct prefix key(const char *text)
{
    struct ip ip;

    assert_int_equal(ip_parse(bytes_str(text), &ip), TRAP_OK);
    return ip_key(ip);
}

static void test_sources(void **state)
{
    static const struct {
        const char *ip, *text;
        enum source_kind kind;
    } nets[] = { { "198.51.100.77", "198.51.100.0/24", SOURCE_NET4 },
                 { "255.255.255.255", "255.255.255.0/24", SOURCE_NET4 },
                 { "2a00:1450:1:2::3", "2a00:1450:1::/48", SOURCE_NET6 },
                 { "ffff:ffff:ffff:ffff::", "ffff:ffff:ffff::/48", SOURCE_NET6 } };
    char out[PREFIX_TEXT_MAX];
    uint64_t a, b;

    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        struct ip ip;
        uint64_t source;

        assert_int_equal(ip_parse(bytes_str(nets[i].ip), &ip), TRAP_OK);
        source = source_of_network(ip);
        assert_int_equal(source_kind(source), nets[i].kind);
        assert_string_equal(source_text(source, out), nets[i].text);
        assert_true((int64_t)source > 0);
        /* the key of the client gives the same network as its address */
        assert_int_equal(source_of_network(ip_key(ip).ip), source);
    }
    assert_string_equal(source_text(source_of_batch(200, (1ull << 48) - 1), out),
                        "batch 200/281474976710655");
    assert_int_equal(source_kind(source_of_batch(255, 1)), SOURCE_BATCH);
    assert_string_equal(source_text(source_of_node(SOURCE_AGED, 9), out), "aged 9");
    assert_string_equal(source_text(source_of_node(SOURCE_PENDING, 255), out), "pending 255");
    a = source_of_name(SOURCE_TRAP, BYTES("Sales@Shop.example"));
    b = source_of_name(SOURCE_TRAP, BYTES("sales@shop.example"));
    assert_int_equal(a, b);
    assert_int_not_equal(a, source_of_name(SOURCE_TRAP, BYTES("sale@shop.example")));
    assert_int_not_equal(a, source_of_name(SOURCE_DOMAIN, BYTES("sales@shop.example")));
    assert_string_equal(source_text(a, out), "trap");
    /* Part of the format: never changes. */
    assert_int_equal(b, 0x405b2d6c4ba45d99u);
}

struct group_log {
    char text[4096];
    size_t n, groups;
};

static enum trap_err on_evidence(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg)
{
    struct group_log *g = arg;
    char p[PREFIX_TEXT_MAX];

    g->groups++;
    g->n += (size_t)snprintf(g->text + g->n, sizeof g->text - g->n, "[%s", prefix_text(sender, p));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(prefix_cmp(rows[i].sender, sender), 0);
        g->n += (size_t)snprintf(g->text + g->n, sizeof g->text - g->n, " %llu/%u/%u/%u:%ux%lld-%lld",
                                 (unsigned long long)rows[i].source & 0xff, rows[i].klass, rows[i].hour,
                                 rows[i].node, rows[i].count, (long long)rows[i].first.us,
                                 (long long)rows[i].last.us);
    }
    g->n += (size_t)snprintf(g->text + g->n, sizeof g->text - g->n, "]");
    return TRAP_OK;
}

static const struct {
    const char *sender;
    uint8_t source, klass;
    uint32_t hour;
    uint8_t node;
    int64_t at;
} hits[] = { { "9.0.0.1", 2, 1, 10, 1, 50 },    { "9.0.0.1", 2, 1, 10, 1, 40 },
             { "9.0.0.1", 1, 1, 10, 1, 60 },    { "9.0.0.1", 2, 1, 10, 2, 45 },
             { "9.0.0.1", 2, 2, 10, 1, 46 },    { "9.0.0.1", 2, 1, 9, 1, 30 },
             { "10.0.0.1", 1, 1, 10, 1, 70 },   { "2a00::1", 1, 1, 10, 1, 80 },
             { "2a00::ffff", 1, 1, 10, 1, 90 }, { "2a00:0:0:1::", 1, 1, 1, 1, 95 } };
enum { HITS = sizeof hits / sizeof hits[0] };
static const char all_rows[] = "[9.0.0.1 1/1/10/1:1x60-60 2/1/9/1:1x30-30 2/1/10/1:2x40-50 2/1/10/2:1x45-45 "
                               "2/2/10/1:1x46-46][10.0.0.1 1/1/10/1:1x70-70]"
                               "[2a00::/64 1/1/10/1:2x80-90][2a00:0:0:1::/64 1/1/1/1:1x95-95]";

static void add_hit(struct derived_batch *b, size_t i)
{
    const struct evidence_row r = { .sender = key(hits[i].sender),
                                    .source = hits[i].source,
                                    .klass = hits[i].klass,
                                    .hour = hits[i].hour,
                                    .node = hits[i].node,
                                    .count = 1,
                                    .first = { hits[i].at },
                                    .last = { hits[i].at } };

    derived_add_evidence(b, &r);
}

/* Order and size of batches do not matter. */
static void test_evidence_any_order_any_batch(void **state)
{
    (void)state;
    for (size_t step = 1; step <= HITS; step += 2) {
        for (size_t first = 0; first < HITS; first += 3) {
            struct scratch s;
            struct store_db *db;
            struct derived_batch *b = NULL;
            struct group_log g = { .n = 0 };
            wall_t newest = { 0 };

            scratch_begin(&s, false);
            db = open_db(&s, STORE_CREATE);
            assert_int_equal(derived_batch_new(&b), TRAP_OK);
            for (size_t i = 0; i < HITS; i++) {
                add_hit(b, (first + i * 7) % HITS); /* 7 and 10 have no common divisor */
                if (i % step == 0)
                    assert_int_equal(derived_commit(db, b), TRAP_OK);
            }
            assert_int_equal(derived_commit(db, b), TRAP_OK);
            assert_int_equal(derived_batch_rows(b), 0);
            assert_int_equal(evidence_each(db, on_evidence, &g), TRAP_OK);
            assert_string_equal(g.text, all_rows);
            assert_int_equal(derived_newest(db, &newest), TRAP_OK);
            assert_int_equal(newest.us, 95);
            derived_batch_free(&b);
            store_close(&db);
            scratch_end(&s);
        }
    }
}

static void test_evidence_in(void **state)
{
    static const struct {
        const char *prefix;
        size_t groups;
    } cases[] = { { "9.0.0.1", 1 },   { "9.0.0.0/24", 1 }, { "8.0.0.0/6", 2 }, { "9.0.0.2", 0 },
                  { "0.0.0.0/0", 2 }, { "2a00::7", 1 },    { "2a00::/64", 1 }, { "2a00::/63", 2 },
                  { "2a00::/16", 2 }, { "::/0", 4 },       { "2b00::/16", 0 } };
    struct scratch s;
    struct store_db *db;
    struct derived_batch *b = NULL;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    for (size_t i = 0; i < HITS; i++)
        add_hit(b, i);
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct group_log g = { .n = 0 };
        struct prefix p;

        assert_int_equal(prefix_parse(bytes_str(cases[i].prefix), &p), TRAP_OK);
        assert_int_equal(evidence_in(db, p, on_evidence, &g), TRAP_OK);
        if (g.groups != cases[i].groups)
            fail_msg("%s: %zu", cases[i].prefix, g.groups);
    }
    derived_batch_free(&b);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err on_links(struct prefix harvester, const struct link_row *rows, size_t n, void *arg)
{
    struct group_log *g = arg;
    char p[PREFIX_TEXT_MAX], q[PREFIX_TEXT_MAX];

    g->groups++;
    g->n += (size_t)snprintf(g->text + g->n, sizeof g->text - g->n, "[%s", prefix_text(harvester, p));
    for (size_t i = 0; i < n; i++)
        g->n += (size_t)snprintf(
            g->text + g->n, sizeof g->text - g->n, " %s/%u/%llu/%u/%u:%u t%u %lld-%lld v%lld f%u",
            prefix_text(rows[i].sender, q), rows[i].node, (unsigned long long)rows[i].visit, rows[i].slot,
            rows[i].day, rows[i].count, rows[i].technique, (long long)rows[i].first.us,
            (long long)rows[i].last.us, (long long)rows[i].visited.us, rows[i].visit_flags);
    g->n += (size_t)snprintf(g->text + g->n, sizeof g->text - g->n, "]");
    return TRAP_OK;
}

static enum trap_err on_link_row(const struct link_row *row, void *arg)
{
    return on_links(row->harvester, row, 1, arg);
}

static void test_links(void **state)
{
    struct scratch s;
    struct store_db *db;
    struct derived_batch *b = NULL;
    struct group_log g = { .n = 0 };
    struct link_row r = { .harvester = key("9.9.9.9"),
                          .sender = key("8.8.8.8"),
                          .node = 7,
                          .visit = 1234567890123,
                          .slot = 3,
                          .technique = 200,
                          .day = 20000,
                          .count = 1,
                          .first = { 5 },
                          .last = { 5 },
                          .visited = { 3 },
                          .visit_flags = 65 };

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    derived_add_link(b, &r);
    r.first = r.last = (wall_t){ 4 };
    derived_add_link(b, &r);
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    derived_add_link(b, &r);
    r.slot = 0;
    r.sender = key("2a00::1");
    derived_add_link(b, &r);
    r.harvester = key("2a01::1");
    derived_add_link(b, &r);
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    assert_int_equal(link_each(db, on_links, &g), TRAP_OK);
    assert_string_equal(g.text, "[9.9.9.9 8.8.8.8/7/1234567890123/3/20000:3 t200 4-5 v3 f65"
                                " 2a00::/64/7/1234567890123/0/20000:1 t200 4-4 v3 f65]"
                                "[2a01::/64 2a00::/64/7/1234567890123/0/20000:1 t200 4-4 v3 f65]");
    g = (struct group_log){ .n = 0 };
    assert_int_equal(link_in(db, key("2a01::9"), on_links, &g), TRAP_OK);
    assert_int_equal(g.groups, 1);
    g.groups = 0;
    assert_int_equal(link_by_sender(db, key("2a00::3"), on_link_row, &g), TRAP_OK);
    assert_int_equal(g.groups, 2);
    g.groups = 0;
    assert_int_equal(link_by_sender(db, key("9.9.9.9"), on_link_row, &g), TRAP_OK);
    assert_int_equal(g.groups, 0);
    derived_batch_free(&b);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err on_visitor(const struct visitor_row *row, void *arg)
{
    (*(size_t *)arg)++;
    assert_true(row->first.us <= row->last.us);
    return TRAP_OK;
}

static void test_visitors_and_networks(void **state)
{
    static const struct {
        const char *client;
        int64_t at;
    } visits[] = { { "9.9.9.9", 50 },
                   { "9.9.9.8", 30 },
                   { "9.9.9.9", 70 },
                   { "2a00:0:0:1::", 20 },
                   { "2a00:0:0:2::", 10 } };
    struct scratch s;
    struct store_db *db;
    struct derived_batch *b = NULL;
    struct visitor_row got;
    wall_t first = { 0 };
    size_t n = 0;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    for (size_t i = 0; i < sizeof visits / sizeof visits[0]; i++) {
        const struct visitor_row r = { key(visits[i].client), 1, { visits[i].at }, { visits[i].at } };

        derived_add_visitor(b, &r);
        if (i == 1)
            assert_int_equal(derived_commit(db, b), TRAP_OK);
    }
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    assert_int_equal(visitor_each(db, on_visitor, &n), TRAP_OK);
    assert_int_equal(n, 4);
    assert_int_equal(visitor_get(db, key("9.9.9.9"), &got), TRAP_OK);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.first.us, 50);
    assert_int_equal(got.last.us, 70);
    assert_int_equal(visitor_get(db, key("9.9.9.7"), &got), TRAP_ENOENT);
    assert_int_equal(network_first(db, source_of_network(ip_v4(9, 9, 9, 200)), &first), TRAP_OK);
    assert_int_equal(first.us, 30);
    assert_int_equal(network_first(db, source_of_network(key("2a00::").ip), &first), TRAP_OK);
    assert_int_equal(first.us, 10);
    assert_int_equal(network_first(db, source_of_network(ip_v4(9, 9, 8, 200)), &first), TRAP_ENOENT);
    derived_batch_free(&b);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err on_pending(const struct pending_row *row, void *arg)
{
    struct pending_row *out = arg;

    assert_true(row->hit > out->hit || row->n > out->n || row->hit_node > out->hit_node);
    *out = *row;
    return TRAP_OK;
}

static enum trap_err count_pending(const struct pending_row *row, void *arg)
{
    (void)row;
    (*(size_t *)arg)++;
    return TRAP_OK;
}

static void test_pending_and_marks(void **state)
{
    struct scratch s;
    struct store_db *db;
    struct derived_batch *b = NULL;
    struct pending_row r = { .hit_node = 7,
                             .klass = EVIDENCE_LIST,
                             .hit = 5,
                             .n = 1,
                             .sender = key("9.9.9.9"),
                             .at = { 77 },
                             .node = 8,
                             .epoch = 3,
                             .serial = 134217727,
                             .slot = 7,
                             .sender_ip = ip_v4(9, 9, 9, 9) };
    struct pending_row got = { 0 };
    uint64_t seq = 9;
    size_t n = 0;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(derived_mark_get(db, 7, RECORD_HIT, &seq), TRAP_OK);
    assert_int_equal(seq, 0);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    derived_add_pending(b, &r);
    derived_add_pending(b, &r); /* the same again: one */
    r.n = 2;
    derived_add_pending(b, &r);
    r.hit = 6;
    derived_add_pending(b, &r);
    derived_drop_pending(b, 7, 6, 2); /* in the same batch */
    derived_mark(b, (struct record_id){ 7, RECORD_HIT, 6 });
    derived_mark(b, (struct record_id){ 7, RECORD_VISIT, 99 });
    derived_mark(b, (struct record_id){ 7, RECORD_HIT, 8 });
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    assert_int_equal(derived_mark_get(db, 7, RECORD_HIT, &seq), TRAP_OK);
    assert_int_equal(seq, 8);
    assert_int_equal(derived_mark_get(db, 7, RECORD_VISIT, &seq), TRAP_OK);
    assert_int_equal(seq, 99);
    assert_int_equal(pending_each(db, on_pending, &got), TRAP_OK);
    assert_int_equal(got.hit, 5);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.serial, 134217727);
    assert_int_equal(got.node, 8);
    assert_int_equal(got.epoch, 3);
    assert_int_equal(got.slot, 7);
    assert_int_equal(got.at.us, 77);
    assert_true(ip_eq(got.sender_ip, r.sender_ip));
    assert_int_equal(pending_by_sender(db, key("9.9.9.9"), count_pending, &n), TRAP_OK);
    assert_int_equal(n, 2);
    derived_drop_pending(b, 7, 5, 1);
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    n = 0;
    assert_int_equal(pending_each(db, count_pending, &n), TRAP_OK);
    assert_int_equal(n, 1);

    assert_int_equal(derived_clear(db), TRAP_OK);
    n = 0;
    assert_int_equal(pending_each(db, count_pending, &n), TRAP_OK);
    assert_int_equal(n, 0);
    assert_int_equal(derived_mark_get(db, 7, RECORD_HIT, &seq), TRAP_OK);
    assert_int_equal(seq, 0);
    assert_int_equal(store_node(db), 7);
    derived_batch_free(&b);
    store_close(&db);
    scratch_end(&s);
}

static void test_copy_is_one_state(void **state)
{
    struct scratch s;
    struct store_db *db, *copy = NULL;
    struct derived_batch *b = NULL;
    struct group_log g = { .n = 0 };
    struct err_text why = { "" };
    DIR *names;
    const struct dirent *name;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    for (size_t i = 0; i < HITS; i++)
        add_hit(b, i);
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    assert_trap_ok(derived_copy(s.dir, s.dir, &copy, &why), why);
    assert_int_equal(derived_clear(db), TRAP_OK);
    assert_int_equal(evidence_each(copy, on_evidence, &g), TRAP_OK);
    assert_string_equal(g.text, all_rows);
    assert_int_equal(store_node(copy), 7);
    store_close(&copy);
    /* nothing of it stays */
    names = opendir(s.dir);
    assert_non_null(names);
    while ((name = readdir(names)) != NULL)
        assert_int_not_equal(strncmp(name->d_name, "derived-", 8), 0);
    (void)closedir(names);
    assert_int_equal(derived_copy(s.dir, "/nonexistent", &copy, &why), TRAP_EIO);
    derived_batch_free(&b);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err slow_count(const struct link_row *row, void *arg)
{
    size_t *n = arg;

    assert_int_equal(row->sender.ip.b[15], ++*n);
    (void)usleep(*n % 16 == 0 ? 60000 : 0); /* longer than a read transaction may last */
    return TRAP_OK;
}

/* A walk goes on behind the sender it was at, not behind the harvester. */
static void test_by_sender_goes_on(void **state)
{
    enum { LINKS = 50 };
    struct scratch s;
    struct store_db *db;
    struct derived_batch *b = NULL;
    size_t n = 0;

    (void)state;
    scratch_begin(&s, true);
    db = open_db(&s, STORE_WRITE);
    assert_int_equal(derived_batch_new(&b), TRAP_OK);
    for (uint8_t i = 1; i <= LINKS; i++)
        derived_add_link(b, &(struct link_row){ .harvester = ip_key(ip_v4(i % 2 == 0 ? 200 : 1, 0, 0, 1)),
                                                .sender = ip_key(ip_v4(100, 0, 0, i)),
                                                .visit = i,
                                                .count = 1 });
    assert_int_equal(derived_commit(db, b), TRAP_OK);
    derived_batch_free(&b);
    assert_int_equal(link_by_sender(db, (struct prefix){ .len = 0 }, slow_count, &n), TRAP_OK);
    assert_int_equal(n, LINKS);
    store_close(&db);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_evidence_any_order_any_batch),
        cmocka_unit_test(test_evidence_in),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_by_sender_goes_on),
        cmocka_unit_test(test_visitors_and_networks),
        cmocka_unit_test(test_pending_and_marks),
        cmocka_unit_test(test_copy_is_one_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
