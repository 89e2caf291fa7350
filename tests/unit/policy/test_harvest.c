/* What came of one visitor's visits: expected numbers worked out by hand, in every order of the rows. */
#include <policy/harvest.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

enum { ROWS_MAX = 12 };

struct sum_case {
    const char *name;
    size_t n;
    struct {
        uint8_t node, slot, technique, sender;
        uint64_t visit;
        int64_t visited, first; /* seconds */
        uint32_t count, flags;
    } row[ROWS_MAX];
    bool fetcher;
    uint32_t addresses, leaked, senders, messages, by_link, by_comment, by_none;
    int64_t soonest, median, nine_tenths; /* seconds */
};

#define LINK    TECHNIQUE_LINK
#define COMMENT TECHNIQUE_COMMENT

static const struct sum_case cases[] = {
    { .name = "nothing" },
    { .name = "a row that counts no message", .n = 1, .row = { { 1, 0, LINK, 1, 7, 0, 9, 0, 0 } } },
    { "one address, two senders: the first mail tells how soon",
      3,
      { { 1, 0, LINK, 1, 7, 10, 90, 2, 0 }, { 1, 0, LINK, 2, 7, 10, 40, 1, 0 }, { 1, 0, LINK, 1, 7, 10, 99, 1, 0 } },
      false, 1, 0, 2, 4, 1, 0, 0, 30, 30, 30 },
    { "node, visit and slot make an address",
      4,
      { { 1, 0, LINK, 1, 7, 0, 1, 1, 0 },
        { 2, 0, LINK, 1, 7, 0, 2, 1, 0 },
        { 1, 0, LINK, 1, 8, 0, 3, 1, 0 },
        { 1, 1, COMMENT, 1, 7, 0, 4, 1, 0 } },
      false, 4, 0, 1, 4, 3, 1, 0, 1, 2, 4 },
    { "a clock behind makes 0", 1, { { 1, 0, LINK, 1, 7, 100, 40, 1, 0 } }, false, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0 },
    { "a technique of a later version",
      2,
      { { 1, 0, TECHNIQUE_COUNT, 1, 7, 0, 5, 1, 0 }, { 1, 1, 255, 1, 7, 0, 5, 1, 0 } },
      false, 2, 0, 1, 2, 0, 0, 2, 5, 5, 5 },
    { "one visit of two was a crawler's",
      2,
      { { 1, 0, LINK, 1, 7, 0, 5, 1, VISIT_CRAWLER }, { 1, 0, LINK, 1, 8, 0, 6, 1, VISIT_PROXIED } },
      false, 2, 1, 1, 2, 2, 0, 0, 5, 5, 6 },
    { "a fetcher by the lists of now",
      2,
      { { 1, 0, LINK, 1, 7, 0, 5, 1, 0 }, { 1, 0, LINK, 1, 8, 0, 6, 1, 0 } },
      true, 2, 2, 1, 2, 2, 0, 0, 5, 5, 6 },
    { "ten addresses: nine tenths are nine",
      10,
      { { 1, 0, LINK, 1, 1, 0, 10, 1, 0 },
        { 1, 0, LINK, 1, 2, 0, 20, 1, 0 },
        { 1, 0, LINK, 1, 3, 0, 30, 1, 0 },
        { 1, 0, LINK, 1, 4, 0, 40, 1, 0 },
        { 1, 0, LINK, 1, 5, 0, 50, 1, 0 },
        { 1, 0, LINK, 1, 6, 0, 60, 1, 0 },
        { 1, 0, LINK, 1, 7, 0, 70, 1, 0 },
        { 1, 0, LINK, 1, 8, 0, 80, 1, 0 },
        { 1, 0, LINK, 1, 9, 0, 90, 1, 0 },
        { 1, 0, LINK, 1, 10, 0, 100, 1, 0 } },
      false, 10, 0, 1, 10, 10, 0, 0, 10, 50, 90 },
};

static size_t rows_of(const struct sum_case *c, size_t turn, struct link_row out[ROWS_MAX])
{
    for (size_t i = 0; i < c->n; i++) {
        const size_t k = (i + turn) % c->n;

        out[turn % 2 == 0 ? i : c->n - 1 - i] = (struct link_row){
            .node = c->row[k].node,
            .slot = c->row[k].slot,
            .technique = c->row[k].technique,
            .visit = c->row[k].visit,
            .sender = ip_key(ip_v4(198, 45, 7, c->row[k].sender)),
            .visited = { c->row[k].visited * 1000000 },
            .first = { c->row[k].first * 1000000 },
            .count = c->row[k].count,
            .visit_flags = c->row[k].flags,
        };
    }
    return c->n;
}

static void test_sum(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct sum_case *c = &cases[i];

        for (size_t turn = 0; turn <= 2 * c->n; turn++) {
            struct link_row rows[ROWS_MAX];
            struct harvest h;

            assert_int_equal(harvest_sum(rows, rows_of(c, turn, rows), c->fetcher, &h), TRAP_OK);
            if (h.addresses != c->addresses)
                print_message("%s\n", c->name);
            assert_int_equal(h.addresses, c->addresses);
            assert_int_equal(h.leaked, c->leaked);
            assert_int_equal(h.senders, c->senders);
            assert_int_equal(h.messages, c->messages);
            assert_int_equal(h.technique[LINK], c->by_link);
            assert_int_equal(h.technique[COMMENT], c->by_comment);
            assert_int_equal(h.technique[TECHNIQUE_NONE], c->by_none);
            assert_int_equal(h.soonest.ms, c->soonest * 1000);
            assert_int_equal(h.median.ms, c->median * 1000);
            assert_int_equal(h.nine_tenths.ms, c->nine_tenths * 1000);
        }
    }
}

static void test_fetcher(void **state)
{
    static const struct {
        uint8_t last;
        uint32_t flags;
        bool fetcher;
    } rows[] = {
        { 1, 0, true },
        { 200, 0, false },
        { 200, VISIT_CRAWLER, true },
        { 200, VISIT_CRAWLER | VISIT_TRUNCATED, true },
        { 1, VISIT_TRUNCATED, false }, /* whose visit it was nobody knows any more */
        { 1, VISIT_BATCH, false },
        { 1, VISIT_BATCH | VISIT_CRAWLER, false },
    };
    struct lists l = { .guard_off = true };

    (void)state;
    assert_int_equal(prefix_set_add(&l.set[LIST_CRAWLERS], (struct prefix){ ip_v4(198, 45, 7, 0), 121 }), TRAP_OK);
    assert_int_equal(prefix_set_seal(&l.set[LIST_CRAWLERS]), TRAP_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(harvest_fetcher(&l, ip_v4(198, 45, 7, rows[i].last), rows[i].flags), rows[i].fetcher);
    prefix_set_free(&l.set[LIST_CRAWLERS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_fetcher),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
