/* The mint through its public interface: golden addresses, keys, domains, windows. */
#include <mail/mint.h>

#include "mint_test.h"

#include <base/buf.h>
#include <base/file.h>
#include <base/num.h>
#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

static struct keyring master_keys(uint8_t first)
{
    struct keyring k = { .has_master = true };

    for (size_t i = 0; i < KEY_BYTES; i++)
        k.master[i] = (uint8_t)(first + i);
    return k;
}

static struct mint *mint_of(const struct keyring *k)
{
    struct mint *m = NULL;

    assert_int_equal(mint_new(k, &m), TRAP_OK);
    return m;
}

static void window_all(struct mint_window *w, uint32_t newest, uint32_t count)
{
    for (size_t i = 0; i < 256; i++) {
        w->node[i].newest = newest;
        w->node[i].count = count;
    }
}

static bool same_ref(struct mint_ref a, struct mint_ref b)
{
    return a.node == b.node && a.epoch == b.epoch && a.serial == b.serial && a.slot == b.slot;
}

static struct mint_ref random_ref(uint32_t epoch_max)
{
    return (struct mint_ref){
        .node = (uint8_t)walk(),
        .epoch = (uint32_t)(1 + walk() % epoch_max),
        .serial = (uint32_t)(walk() % MINT_SERIAL_COUNT),
        .slot = (uint8_t)(walk() % MINT_SLOTS),
    };
}

/* node, epoch, serial, slot, domain, local-part; false at the end of the file. */
static bool next_golden(struct bytes *rest, struct mint_ref *ref, struct bytes *domain, struct bytes *local)
{
    struct bytes line, field;
    uint32_t n[4];

    do {
        if (!bytes_split(rest, '\n', &line))
            return false;
    } while (line.n == 0 || line.p[0] == '#');
    for (size_t i = 0; i < 4; i++) {
        assert_true(bytes_split(&line, '\t', &field));
        assert_int_equal(num_u32(field, 0, UINT32_MAX, &n[i]), TRAP_OK);
    }
    *ref = (struct mint_ref){ .node = (uint8_t)n[0], .epoch = n[1], .serial = n[2], .slot = (uint8_t)n[3] };
    assert_true(bytes_split(&line, '\t', domain));
    *local = line;
    return true;
}

/* Never to be changed: a difference means that addresses out in the world can no longer be read. */
static void test_golden(void **state)
{
    const struct keyring k = master_keys(0);
    struct mint *m = mint_of(&k);
    struct bytes rest, domain, local;
    struct mint_ref ref, back;
    struct buf text;
    size_t lines = 0;

    (void)state;
    assert_int_equal(file_slurp(TEST_FIXTURES "/mint/golden-1.tsv", 65536, &text, NULL), TRAP_OK);
    for (rest = buf_bytes(&text); next_golden(&rest, &ref, &domain, &local); lines++) {
        const struct mint_domain d = mint_domain(m, domain);
        struct mint_window w = { 0 };
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);

        assert_true(bytes_eq(bytes_of(out, n), local));
        w.node[ref.node].newest = ref.epoch;
        w.node[ref.node].count = 1;
        assert_int_equal(mint_decode(m, d, local, &w, &back), TRAP_OK);
        assert_true(same_ref(ref, back));
    }
    assert_true(lines >= 64);
    buf_free(&text);
    mint_free(&m);
}

static void test_round_trips(void **state)
{
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window w;

    (void)state;
    for (int i = 0; i < 200000 / MINT_TEST_DIVISOR; i++) {
        const struct mint_ref ref = random_ref(1000);
        struct mint_ref back = { 0 };
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);

        window_all(&w, ref.epoch, 1);
        if (mint_decode(m, d, bytes_of(out, n), &w, &back) != TRAP_OK || !same_ref(ref, back))
            fail_msg("%.*s", (int)n, (const char *)out);
    }
    mint_free(&m);
}

/* In a window of four epochs the right reading is always among all readings; a second one shows up with 3 *
 * 2^-9. */
static void test_all_readings(void **state)
{
    enum { TRIES = 100000 / MINT_TEST_DIVISOR };
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window w;
    unsigned doubles = 0;

    (void)state;
    window_all(&w, 4, 4);
    for (int i = 0; i < TRIES; i++) {
        const struct mint_ref ref = random_ref(4);
        struct mint_ref refs[MINT_READINGS_MAX], one;
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);
        bool repaired = true, found = false;
        const size_t count = mint_read_all(m, d, bytes_of(out, n), &w, refs, &repaired);

        for (size_t r = 0; r < count; r++) {
            found = found || same_ref(refs[r], ref);
            assert_true(r == 0 || refs[r - 1].epoch > refs[r].epoch);
        }
        assert_true(found);
        assert_false(repaired);
        assert_int_equal(mint_decode(m, d, bytes_of(out, n), &w, &one), TRAP_OK);
        assert_true(same_ref(one, refs[0]));
        doubles += count > 1;
    }
    print_message("second readings: %u of %d (expected %d)\n", doubles, TRIES, TRIES * 3 / 512);
    assert_true(about(doubles, TRIES * 3 / 512));
    mint_free(&m);
}

static void test_readings_are_bounded(void **state)
{
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_ref refs[MINT_READINGS_MAX];
    struct mint_window w;
    uint8_t out[MINT_LOCAL_MAX];
    bool repaired;
    const size_t n = mint_encode(m, d, (struct mint_ref){ 7, 20000, 5, 0 }, out);

    (void)state;
    window_all(&w, 20000, UINT32_MAX); /* 20,000 epochs: about 40 readings */
    assert_int_equal(mint_read_all(m, d, bytes_of(out, n), &w, refs, &repaired), MINT_READINGS_MAX);
    assert_true(same_ref(refs[0], (struct mint_ref){ 7, 20000, 5, 0 }));
    mint_free(&m);
}

static void test_case_does_not_matter(void **state)
{
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    const struct mint_domain upper = mint_domain(m, BYTES("QuellWerft.NET"));
    struct mint_window w;

    (void)state;
    window_all(&w, 9, 4);
    for (int i = 0; i < 1000; i++) {
        const struct mint_ref ref = { .node = (uint8_t)i, .epoch = 9, .serial = (uint32_t)i, .slot = 1 };
        struct mint_ref back;
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);

        for (size_t c = 0; c < n; c += 1 + (size_t)(i % 2))
            out[c] = ascii_upper(out[c]);
        assert_true(mint_is_form(bytes_of(out, n)));
        assert_int_equal(mint_decode(m, upper, bytes_of(out, n), &w, &back), TRAP_OK);
        assert_true(same_ref(ref, back));
    }
    mint_free(&m);
}

/* How many of `TRIES` addresses of one mint and domain another reads: no more than chance allows. */
static void check_foreign(struct mint *from, struct mint_domain from_domain, struct mint *to,
                          struct mint_domain to_domain, const struct mint_window *w)
{
    enum { TRIES = 50000 / MINT_TEST_DIVISOR };
    unsigned passed = 0;

    for (int i = 0; i < TRIES; i++) {
        const struct mint_ref ref = { .node = 5, .epoch = 3, .serial = (uint32_t)i, .slot = 0 };
        struct mint_ref back;
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(from, from_domain, ref, out);

        passed += mint_decode(to, to_domain, bytes_of(out, n), w, &back) == TRAP_OK;
    }
    assert_true(not_above(passed, TRIES / 512));
}

static void test_foreign_addresses_are_chance(void **state)
{
    const struct keyring k = master_keys(3), k2 = master_keys(4);
    struct mint *m = mint_of(&k), *other = mint_of(&k2);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window all, five = { 0 };
    struct mint_domain half = d;

    (void)state;
    window_all(&all, 3, 1);
    check_foreign(m, d, m, mint_domain(m, BYTES("quellwerft.org")), &all);
    check_foreign(m, d, m, mint_domain(m, BYTES("")), &all);
    check_foreign(m, d, other, mint_domain(other, BYTES("quellwerft.net")), &all);
    half.inner_tweak++; /* each tweak does its part alone */
    check_foreign(m, d, m, half, &all);
    half = d;
    half.outer_tweak++;
    check_foreign(m, d, m, half, &all);
    five.node[5].newest = 4; /* another epoch */
    five.node[5].count = 1;
    check_foreign(m, d, m, d, &five);
    mint_free(&m);
    mint_free(&other);
}

/* Window of node 5: epochs newest-count+1 … newest, never below 1, whatever the numbers. */
static void test_window(void **state)
{
    static const struct {
        uint32_t newest, count, epoch;
        bool inside;
    } cases[] = {
        { 0, 0, 1, false },
        { 1, 0, 1, false },
        { 0, 1, 1, false },
        { 0, UINT32_MAX, 1, false },
        { 1, 1, 1, true },
        { 1, 4, 1, true },
        { 1, UINT32_MAX, 1, true },
        { 4, 4, 1, true },
        { 5, 4, 1, false },
        { 5, 4, 2, true },
        { 5, 4, 5, true },
        { 5, 4, 6, false },
        { 5, 5, 1, true },
        { 5, 6, 1, true },
        { UINT32_MAX, 4, UINT32_MAX, true },
        { UINT32_MAX, 4, UINT32_MAX - 3, true },
        { UINT32_MAX, 4, UINT32_MAX - 4, false },
        { 3, 1, UINT32_MAX, false },
        { 3, 1, 2, false },
    };
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mint_window w = { 0 };
        unsigned passed = 0;

        w.node[5].newest = cases[i].newest;
        w.node[5].count = cases[i].count;
        for (uint32_t serial = 0; serial < 100; serial++) {
            const struct mint_ref ref = { .node = 5, .epoch = cases[i].epoch, .serial = serial, .slot = 7 };
            struct mint_ref refs[MINT_READINGS_MAX];
            uint8_t out[MINT_LOCAL_MAX];
            bool repaired;
            const size_t n = mint_encode(m, d, ref, out);
            const size_t count = mint_read_all(m, d, bytes_of(out, n), &w, refs, &repaired);

            for (size_t r = 0; r < count; r++)
                passed += same_ref(ref, refs[r]);
        }
        assert_int_equal(passed, cases[i].inside ? 100 : 0);
    }
    mint_free(&m);
}

/* A node that the window does not know never passes, however good the address. */
static void test_unknown_node(void **state)
{
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window w;

    (void)state;
    window_all(&w, 3, 3);
    w.node[5].count = 0;
    for (uint32_t serial = 0; serial < 10000; serial++) {
        const struct mint_ref ref = { .node = 5, .epoch = 3, .serial = serial, .slot = 7 };
        struct mint_ref back;
        uint8_t out[MINT_LOCAL_MAX];
        const size_t n = mint_encode(m, d, ref, out);

        assert_int_equal(mint_decode(m, d, bytes_of(out, n), &w, &back), TRAP_ENOENT);
    }
    mint_free(&m);
}

/* A web node's keys: same addresses as the master's for that node, and nothing of any other node. */
static void test_node_keys(void **state)
{
    const struct keyring k = master_keys(3);
    struct keyring web;
    struct mint *hub = mint_of(&k), *node;
    const struct mint_domain d = mint_domain(hub, BYTES("quellwerft.net"));
    struct mint_domain nd;
    struct mint_window w;

    (void)state;
    mint_node_keys(k.master, 5, &web);
    assert_false(web.has_master);
    assert_true(web.has_node);
    assert_int_equal(web.node_id, 5);
    node = mint_of(&web);
    nd = mint_domain(node, BYTES("quellwerft.net"));
    assert_memory_equal(&d, &nd, sizeof(d));
    window_all(&w, 3, 3);
    for (uint32_t serial = 0; serial < 5000; serial++) {
        struct mint_ref ref = { .node = 5, .epoch = 2, .serial = serial, .slot = 7 }, back;
        uint8_t a[MINT_LOCAL_MAX], b[MINT_LOCAL_MAX];
        size_t n = mint_encode(hub, d, ref, a);

        assert_int_equal(mint_encode(node, nd, ref, b), n);
        assert_memory_equal(a, b, n);
        assert_int_equal(mint_decode(node, nd, bytes_of(a, n), &w, &back), TRAP_OK);
        ref.node = 6;
        n = mint_encode(hub, d, ref, a);
        assert_int_equal(mint_decode(node, nd, bytes_of(a, n), &w, &back), TRAP_ENOENT);
    }
    mint_free(&node);
    mint_free(&hub);
}

static void test_keyrings(void **state)
{
    const struct keyring none = { 0 }, k = master_keys(3), k2 = master_keys(4);
    struct keyring both;
    struct mint *m = NULL;

    (void)state;
    assert_int_equal(mint_new(&none, &m), TRAP_EINVAL);
    mint_node_keys(k.master, 9, &both);
    both.has_master = true;
    memcpy(both.master, k.master, KEY_BYTES);
    assert_int_equal(mint_new(&both, &m), TRAP_OK);
    mint_free(&m);
    assert_null(m);
    mint_free(&m);
    memcpy(both.master, k2.master, KEY_BYTES);
    assert_int_equal(mint_new(&both, &m), TRAP_EINVAL);
    assert_null(m);
}

/* What is not of the form, or not ours, leaves *out alone. */
static void test_not_ours(void **state)
{
    static const struct bytes cases[] = { BYTES_INIT(""), BYTES_INIT("postmaster"),
                                          BYTES_INIT("runahalvenkom471x"), BYTES_INIT("runahalvenkom471"),
                                          BYTES_INIT("\xff\xff") };
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    const struct mint_ref before = { .node = 1, .epoch = 2, .serial = 3, .slot = 4 };
    struct mint_window w = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mint_ref ref = before;
        bool repaired = true;

        assert_int_equal(mint_decode(m, d, cases[i], &w, &ref), TRAP_ENOENT);
        assert_int_equal(mint_decode_repaired(m, d, cases[i], &w, &ref, &repaired), TRAP_ENOENT);
        assert_true(same_ref(ref, before));
        assert_true(repaired);
    }
    mint_free(&m);
}

/* A name with a letter more is found beside the name itself: the integer is right, the text is not. */
static void test_almost_a_name(void **state)
{
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    const struct mint_domain d = mint_domain(m, BYTES("quellwerft.net"));
    struct mint_window w;
    size_t tried = 0;

    (void)state;
    window_all(&w, 1, 1);
    for (uint32_t serial = 0; serial < 1000; serial++) {
        const struct mint_ref ref = { .node = 5, .epoch = 1, .serial = serial, .slot = 0 };
        uint8_t text[MINT_LOCAL_MAX + 1];
        struct mint_ref back;
        const size_t n = mint_encode(m, d, ref, text);
        size_t name = n - 9;

        while (ascii_is_digit(text[name + 8]))
            name--;
        memmove(text + name + 1, text + name, n - name);
        text[name] = 'a';
        if (mint_is_form(bytes_of(text, n + 1)))
            continue;
        assert_int_equal(mint_decode(m, d, bytes_of(text, n + 1), &w, &back), TRAP_ENOENT);
        tried++;
    }
    assert_true(tried > 800);
    mint_free(&m);
}

static void test_long_domain(void **state)
{
    const struct keyring k = master_keys(3);
    struct mint *m = mint_of(&k);
    uint8_t name[300];
    struct mint_domain a, b;

    (void)state;
    memset(name, 'a', sizeof(name));
    a = mint_domain(m, bytes_of(name, MINT_DOMAIN_MAX - 1));
    b = mint_domain(m, bytes_of(name, MINT_DOMAIN_MAX));
    assert_true(a.outer_tweak != b.outer_tweak && a.inner_tweak != b.inner_tweak);
    a = mint_domain(m, bytes_of(name, sizeof(name)));
    assert_memory_equal(&a, &b, sizeof(a));
    mint_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_all_readings),
        cmocka_unit_test(test_readings_are_bounded),
        cmocka_unit_test(test_case_does_not_matter),
        cmocka_unit_test(test_foreign_addresses_are_chance),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_unknown_node),
        cmocka_unit_test(test_node_keys),
        cmocka_unit_test(test_keyrings),
        cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_almost_a_name),
        cmocka_unit_test(test_long_domain),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
