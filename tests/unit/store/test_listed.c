#include "scratch.h"

#include <store/listed.h>

#define LISTED_AGE SPAN_H(6)

static struct ip ip(const char *text)
{
    struct ip a = { { 0 } };

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

static void write_set(const struct scratch *s, const char *const *prefixes, size_t n, wall_t made)
{
    struct prefix_set set;
    struct err_text why = { "" };

    prefix_set_init(&set);
    for (size_t i = 0; i < n; i++) {
        struct prefix p;

        assert_int_equal(prefix_parse(bytes_str(prefixes[i]), &p), TRAP_OK);
        assert_int_equal(prefix_set_add(&set, p), TRAP_OK);
    }
    assert_int_equal(prefix_set_seal(&set), TRAP_OK);
    assert_trap_ok(listed_write(s->dir, &set, made, &why), why);
    prefix_set_free(&set);
}

static const char *const some[] = { "203.0.113.7", "198.51.100.0/24", "2001:db8:7::/64", "100.64.0.0/10" };
enum { SOME = sizeof some / sizeof some[0] };

static void test_written_is_read(void **state)
{
    static const struct {
        const char *ip;
        bool listed;
    } cases[] = { { "203.0.113.7", true },      { "203.0.113.6", false },        { "203.0.113.8", false },
                  { "198.51.100.0", true },     { "198.51.100.255", true },      { "198.51.101.0", false },
                  { "2001:db8:7::ffff", true }, { "2001:db8:7:1::1", false },    { "100.127.255.255", true },
                  { "100.128.0.0", false },     { "::ffff:203.0.113.7", true },  { "::", false } };
    const wall_t now = { 1800000000LL * WALL_US_PER_S };
    struct scratch s;
    struct listed l;

    (void)state;
    scratch_begin(&s, false);
    listed_init(&l, s.dir, LISTED_AGE);
    listed_refresh(&l); /* there is none yet */
    assert_false(listed_has(&l, ip("203.0.113.7"), now));
    write_set(&s, some, SOME, now);
    listed_refresh(&l);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(listed_has(&l, ip(cases[i].ip), now), cases[i].listed);
    write_set(&s, some, 0, now);
    listed_refresh(&l);
    assert_false(listed_has(&l, ip("203.0.113.7"), now));
    listed_free(&l);
    scratch_end(&s);
}

static void test_old_counts_as_empty(void **state)
{
    const wall_t now = { 1800000000LL * WALL_US_PER_S };
    const wall_t last = { now.us - LISTED_AGE.ms * 1000 }, late = { last.us - 1000 };
    struct scratch s;
    struct listed l;

    (void)state;
    scratch_begin(&s, false);
    listed_init(&l, s.dir, LISTED_AGE);
    write_set(&s, some, SOME, last);
    listed_refresh(&l);
    assert_true(listed_has(&l, ip("203.0.113.7"), now));
    write_set(&s, some, SOME, late);
    listed_refresh(&l);
    assert_false(listed_has(&l, ip("203.0.113.7"), now));
    listed_free(&l);
    scratch_end(&s);
}

static uint32_t random_of(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*x >> 33);
}

/* What the snapshot says of an address is what the set says that it was made of; both families, every length,
 * and what reaches around IPv4. */
static void test_same_as_the_set(void **state)
{
    static const char *const wide[] = { "::/0", "::/64", "::/90", "0.0.0.0/0", "8000::/1", "::ffff:0:0/96" };
    enum { ROUNDS = 300, PREFIXES = 40, ASKED = 400, WIDE = sizeof wide / sizeof wide[0] };
    const wall_t now = { 1800000000LL * WALL_US_PER_S };
    uint64_t x = 1;
    struct scratch s;
    struct listed l;

    (void)state;
    scratch_begin(&s, false);
    listed_init(&l, s.dir, LISTED_AGE);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct err_text why = { "" };
        struct prefix_set set;
        struct prefix p;

        prefix_set_init(&set);
        for (unsigned i = 0; i < random_of(&x) % PREFIXES; i++) {
            struct ip a = ip_v4(10, 0, (uint8_t)random_of(&x), (uint8_t)random_of(&x));
            const bool v6 = random_of(&x) % 2 == 0;

            if (v6)
                a = (struct ip){ { 0x20, 1, [7] = (uint8_t)random_of(&x), [15] = (uint8_t)random_of(&x) } };
            p = prefix_of(a, (uint8_t)(v6 ? 1 + random_of(&x) % 128 : 96 + random_of(&x) % 33));
            assert_int_equal(prefix_set_add(&set, p), TRAP_OK);
        }
        if (round % 4 == 0) {
            assert_int_equal(prefix_parse(bytes_str(wide[round / 4 % WIDE]), &p), TRAP_OK);
            assert_int_equal(prefix_set_add(&set, p), TRAP_OK);
        }
        assert_int_equal(prefix_set_seal(&set), TRAP_OK);
        assert_trap_ok(listed_write(s.dir, &set, now, &why), why);
        l.stamp = (struct snapshot_stamp){ 0 };
        listed_refresh(&l);
        for (unsigned i = 0; i < ASKED; i++) {
            struct ip a = ip_v4(10, 0, (uint8_t)random_of(&x), (uint8_t)random_of(&x));

            if (i % 2 == 0)
                a = (struct ip){ { 0x20, 1, [7] = (uint8_t)random_of(&x), [15] = (uint8_t)random_of(&x) } };
            if (i % 16 == 1) {
                a = (struct ip){ { 0 } };
                a.b[i / 16 % sizeof a.b] = (uint8_t)random_of(&x);
            }
            assert_int_equal(listed_has(&l, a, now), prefix_set_has(&set, a));
        }
        prefix_set_free(&set);
    }
    listed_free(&l);
    scratch_end(&s);
}

/* Every bit turned, every length cut: refused, and the last good one stays. */
static void test_damaged_is_refused(void **state)
{
    const wall_t now = { 1800000000LL * WALL_US_PER_S };
    struct scratch s;
    struct listed l;
    struct buf image;
    char path[PATH_TEXT_MAX];
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, false);
    listed_init(&l, s.dir, LISTED_AGE);
    write_set(&s, some, SOME, now);
    listed_refresh(&l);
    assert_trap_ok(file_slurp(scratch_path(&s, "snap/listed", path), 1 << 20, &image, &why), why);
    for (size_t i = 0; i < image.n * 8; i++) {
        image.p[i / 8] ^= (uint8_t)(1u << (i % 8));
        assert_trap_ok(file_replace(path, buf_bytes(&image), 0600, &why), why);
        image.p[i / 8] ^= (uint8_t)(1u << (i % 8));
        l.stamp = (struct snapshot_stamp){ 0 };
        listed_refresh(&l);
        assert_true(listed_has(&l, ip("203.0.113.7"), now));
        assert_int_equal(l.count, SOME);
    }
    for (size_t n = 0; n < image.n; n++) {
        assert_trap_ok(file_replace(path, bytes_of(image.p, n), 0600, &why), why);
        l.stamp = (struct snapshot_stamp){ 0 };
        listed_refresh(&l);
        assert_true(listed_has(&l, ip("203.0.113.7"), now));
    }
    buf_free(&image);
    listed_free(&l);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_is_read),
        cmocka_unit_test(test_same_as_the_set),
        cmocka_unit_test(test_old_counts_as_empty),
        cmocka_unit_test(test_damaged_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
