#include <base/prefix_set.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The linker sends every realloc() here (tests/unit/base/CMakeLists.txt). */
static bool no_memory;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
    return no_memory ? NULL : __real_realloc(p, n);
}

static struct prefix net(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(bytes_str(text), &p), TRAP_OK);
    return p;
}

static struct ip ip(const char *text)
{
    struct ip a;

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

/* "a b c" */
static struct prefix_set set_of(const char *list)
{
    struct prefix_set s;
    struct bytes rest = bytes_str(list), field;
    struct prefix p;

    prefix_set_init(&s);
    while (bytes_split(&rest, ' ', &field)) {
        assert_int_equal(prefix_parse(field, &p), TRAP_OK);
        assert_int_equal(prefix_set_add(&s, p), TRAP_OK);
    }
    assert_int_equal(prefix_set_seal(&s), TRAP_OK);
    return s;
}

static void assert_set(const struct prefix_set *s, const char *list)
{
    char text[2000] = "", one[PREFIX_TEXT_MAX];
    size_t at = 0;

    for (size_t i = 0; i < s->n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? " " : "",
                               prefix_text(s->v[i], one));
    assert_string_equal(text, list);
}

static void test_seal(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },
        { "10.0.0.0/8", "10.0.0.0/8" },
        { "10.0.0.0/8 10.0.0.0/8", "10.0.0.0/8" },
        { "10.1.0.0/16 10.0.0.0/8 10.2.3.4", "10.0.0.0/8" },
        { "10.0.0.0/9 10.128.0.0/9", "10.0.0.0/8" },
        { "10.128.0.0/9 11.0.0.0/9", "10.128.0.0/9 11.0.0.0/9" }, /* neighbours, not siblings */
        { "10.0.0.3 10.0.0.2 10.0.0.1 10.0.0.0 10.0.0.4", "10.0.0.0/30 10.0.0.4" },
        { "0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0" },
        { "c000::/2 8000::/2", "8000::/1" },
        { "0.0.0.0/0 ::fffe:0:0/96", "::fffe:0:0/96 0.0.0.0/0" }, /* two families are no siblings */
        { "2001:db8::/33 192.0.2.0/24 2001:db8:8000::/33", "192.0.2.0/24 2001:db8::/32" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct prefix_set s = set_of(cases[i].in);
        assert_set(&s, cases[i].out);
        assert_int_equal(prefix_set_seal(&s), TRAP_OK);
        assert_set(&s, cases[i].out);
        prefix_set_free(&s);
    }
}

static void test_subtract(void **state)
{
    (void)state;
    static const struct {
        const char *p, *s, *out;
    } cases[] = {
        { "192.0.2.0/24", "", "192.0.2.0/24" },
        { "192.0.2.0/24", "198.51.100.0/24", "192.0.2.0/24" },
        { "192.0.2.0/24", "192.0.2.0/24", "" },
        { "192.0.2.7", "192.0.2.0/24", "" },
        { "192.0.2.0/24", "0.0.0.0/0", "" },
        { "192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/25" },
        { "192.0.2.0/29", "192.0.2.3", "192.0.2.0/31 192.0.2.2 192.0.2.4/30" },
        { "192.0.2.0/30", "192.0.2.0 192.0.2.3", "192.0.2.1 192.0.2.2" },
        { "0.0.0.0/0", "128.0.0.0/2 192.0.0.0/2", "0.0.0.0/1" },
        { "2001:db8::/32", "2001:db8:ffff::/48",
          "2001:db8::/33 2001:db8:8000::/34 2001:db8:c000::/35 2001:db8:e000::/36 "
          "2001:db8:f000::/37 2001:db8:f800::/38 2001:db8:fc00::/39 "
          "2001:db8:fe00::/40 2001:db8:ff00::/41 2001:db8:ff80::/42 "
          "2001:db8:ffc0::/43 2001:db8:ffe0::/44 2001:db8:fff0::/45 "
          "2001:db8:fff8::/46 2001:db8:fffc::/47 2001:db8:fffe::/48" },
        { "2001:db8::1", "10.0.0.0/8", "2001:db8::1" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct prefix_set s = set_of(cases[i].s), out;
        prefix_set_init(&out);
        assert_int_equal(prefix_set_subtract(net(cases[i].p), &s, &out), TRAP_OK);
        assert_set(&out, cases[i].out);
        assert_int_equal(prefix_set_overlaps(&s, net(cases[i].p), NULL),
                         out.n != 1 || prefix_cmp(out.v[0], net(cases[i].p)) != 0);
        prefix_set_free(&out);
        prefix_set_free(&s);
    }
}

/* IPv4 is stored inside ::/64, and belongs to no IPv6 prefix. */
static void test_families(void **state)
{
    (void)state;
    static const char *const v6[] = { "::", "::1", "::fffe:ffff:ffff", "::1:0:0:0", "0:0:0:1::", "2001:db8::", "ffff::" };
    static const char *const v4[] = { "0.0.0.0", "127.0.0.1", "192.0.2.1", "255.255.255.255" };
    struct prefix_set all6 = set_of("::/0"), both = set_of("::/0 0.0.0.0/0"), ten = set_of("10.0.0.0/8"), rest = { 0 };

    for (size_t i = 0; i < COUNT(v6); i++)
        assert_true(prefix_set_has(&all6, ip(v6[i])) && prefix_set_has(&both, ip(v6[i])));
    for (size_t i = 0; i < COUNT(v4); i++)
        assert_true(!prefix_set_has(&all6, ip(v4[i])) && prefix_set_has(&both, ip(v4[i])));
    assert_int_equal(both.n, all6.n + 1);
    assert_false(prefix_set_overlaps(&ten, net("::/0"), NULL) || prefix_set_overlaps(&all6, net("0.0.0.0/0"), NULL));
    assert_true(prefix_set_overlaps(&all6, net("::/64"), NULL));

    /* The key of a client that nobody could name, without special-use space: nothing is left, IPv4 least of
     * all. */
    assert_int_equal(prefix_set_subtract(ip_key(ip("::")), special_use(), &rest), TRAP_OK);
    assert_int_equal(rest.n, 0);
    assert_int_equal(prefix_set_subtract(net("::/0"), &ten, &rest), TRAP_OK);
    assert_int_equal(prefix_set_seal(&rest), TRAP_OK);
    assert_false(prefix_set_has(&rest, ip("192.0.2.1")));
    assert_true(prefix_set_has(&rest, ip("2600::1")));
    prefix_set_free(&rest);
    prefix_set_free(&ten);
    prefix_set_free(&both);
    prefix_set_free(&all6);
}

static void test_overlaps_says_which(void **state)
{
    (void)state;
    struct prefix_set s = set_of("10.0.0.0/8 192.0.2.0/25 192.0.2.192/26 2001:db8::/32");
    struct prefix hit;

    assert_true(prefix_set_overlaps(&s, net("10.9.9.9"), &hit));
    assert_int_equal(prefix_cmp(hit, net("10.0.0.0/8")), 0);
    assert_true(prefix_set_overlaps(&s, net("192.0.0.0/16"), &hit));
    assert_int_equal(prefix_cmp(hit, net("192.0.2.0/25")), 0);
    assert_true(prefix_set_overlaps(&s, net("192.0.2.128/25"), &hit));
    assert_int_equal(prefix_cmp(hit, net("192.0.2.192/26")), 0);
    assert_false(prefix_set_overlaps(&s, net("192.0.2.128/26"), &hit));
    assert_false(prefix_set_overlaps(&s, net("255.255.255.255"), NULL));
    assert_false(prefix_set_overlaps(&s, net("::1"), NULL));
    assert_true(prefix_set_has(&s, ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
    assert_false(prefix_set_has(&s, ip("2001:db9::")));
    prefix_set_free(&s);
    prefix_set_free(&s);
}

static void test_add_set(void **state)
{
    (void)state;
    struct prefix_set a = set_of("10.0.0.0/9 192.0.2.0/24"), b = set_of("10.128.0.0/9"), empty = { 0 };

    assert_int_equal(prefix_set_add_set(&a, &b), TRAP_OK);
    assert_int_equal(prefix_set_add_set(&a, &a), TRAP_OK);
    assert_int_equal(prefix_set_add_set(&a, &empty), TRAP_OK);
    assert_int_equal(prefix_set_seal(&a), TRAP_OK);
    assert_set(&a, "10.0.0.0/8 192.0.2.0/24");
    assert_false(prefix_set_has(&empty, ip("::")));
    prefix_set_free(&a);
    prefix_set_free(&b);
}

/* --- Against a bitmap of a space of 1,024 addresses that lies at three places of the 128 bits. --- */

enum { SPACE_BITS = 10, SPACE = 1 << SPACE_BITS };

struct space {
    struct ip base;
    unsigned first; /* the bits first..first+9 count; those behind are anything */
};

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct ip at(const struct space *w, unsigned index)
{
    struct ip a = w->base;

    for (unsigned i = 0; i < SPACE_BITS; i++) {
        if (index >> (SPACE_BITS - 1 - i) & 1)
            a.b[(w->first + i) / 8] |= (uint8_t)(0x80 >> (w->first + i) % 8);
    }
    return a;
}

static struct ip noise(const struct space *w, unsigned index)
{
    struct ip a = at(w, index);

    for (unsigned bit = w->first + SPACE_BITS; bit < 128; bit++) {
        if (next_random() & 1)
            a.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    }
    return a;
}

static struct prefix random_prefix(const struct space *w, bool *bitmap)
{
    const unsigned bits = SPACE_BITS - (unsigned)(next_random() % (next_random() % SPACE_BITS + 1));
    const unsigned size = SPACE >> bits, start = (unsigned)(next_random() % SPACE) & ~(size - 1);

    for (unsigned i = start; i < start + size; i++)
        bitmap[i] = true;
    return prefix_of(at(w, start), (uint8_t)(w->first + bits));
}

/* The least number of prefixes that make up exactly the marked part of [start, start + size). */
static size_t fewest(const bool *bitmap, unsigned start, unsigned size, bool *full_out)
{
    bool left = false, right = false;

    if (size == 1) {
        *full_out = bitmap[start];
        return bitmap[start];
    }
    const size_t n =
        fewest(bitmap, start, size / 2, &left) + fewest(bitmap, start + size / 2, size / 2, &right);
    *full_out = left && right;
    return *full_out ? 1 : n;
}

static void check_set(const struct space *w, const struct prefix_set *s, const bool *bitmap)
{
    bool full;

    assert_int_equal(s->n, fewest(bitmap, 0, SPACE, &full));
    for (size_t i = 1; i < s->n; i++) {
        assert_true(prefix_cmp(s->v[i - 1], s->v[i]) < 0);
        assert_false(prefix_covers(s->v[i - 1], s->v[i]));
    }
    for (unsigned i = 0; i < SPACE; i++)
        assert_int_equal(prefix_set_has(s, noise(w, i)), bitmap[i]);
}

static void check_difference(const struct space *w, const struct prefix_set *s, const bool *bitmap)
{
    bool wanted[SPACE] = { false }, any = false, all = true;
    const struct prefix p = random_prefix(w, wanted);
    struct prefix hit;
    struct prefix_set rest;

    for (unsigned i = 0; i < SPACE; i++) {
        any = any || (wanted[i] && bitmap[i]);
        wanted[i] = wanted[i] && !bitmap[i];
        all = all && wanted[i];
    }
    assert_int_equal(prefix_set_overlaps(s, p, &hit), any);
    if (any)
        assert_true(prefix_covers(hit, p) || prefix_covers(p, hit));
    prefix_set_init(&rest);
    assert_int_equal(prefix_set_subtract(p, s, &rest), TRAP_OK);
    const size_t parts = rest.n;
    assert_int_equal(prefix_set_seal(&rest), TRAP_OK);
    assert_int_equal(parts, rest.n); /* was the shortest list already */
    check_set(w, &rest, wanted);
    prefix_set_free(&rest);
}

static void test_against_bitmap(void **state)
{
    (void)state;
    const struct space spaces[] = {
        { ip("10.20.4.0"), 118 },
        { ip("2001:db8::"), 59 }, /* across the middle */
        { ip("8000::"), 1 },
        { ip("2001:db8:0:7::"), 64 },
    };

    for (size_t round = 0; round < 400; round++) {
        const struct space *w = &spaces[round % COUNT(spaces)];
        bool bitmap[SPACE] = { false };
        struct prefix_set s;

        prefix_set_init(&s);
        for (uint64_t n = next_random() % (1 + round); n > 0; n--)
            assert_int_equal(prefix_set_add(&s, random_prefix(w, bitmap)), TRAP_OK);
        assert_int_equal(prefix_set_seal(&s), TRAP_OK);
        check_set(w, &s, bitmap);
        for (int i = 0; i < 8; i++)
            check_difference(w, &s, bitmap);
        prefix_set_free(&s);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct prefix_set holes = set_of("2001:db8::1"), out = set_of("10.0.0.0/8"), big = { 0 };

    no_memory = true; /* there is room for 16 prefixes; the difference has 96 */
    assert_int_equal(prefix_set_subtract(net("2001:db8::/32"), &holes, &out), TRAP_ENOMEM);
    assert_int_equal(prefix_set_add(&big, net("::/0")), TRAP_ENOMEM);
    assert_int_equal(prefix_set_add_set(&big, &out), TRAP_ENOMEM);
    no_memory = false;
    assert_set(&out, "10.0.0.0/8"); /* a part of a difference would be a wrong one */
    assert_int_equal(big.n, 0);
    assert_int_equal(prefix_set_subtract(net("2001:db8::/32"), &holes, &out), TRAP_OK);
    assert_int_equal(out.n, 1 + 96);
    prefix_set_free(&holes);
    prefix_set_free(&out);
    prefix_set_free(&big);
}

/* --- Files --- */

static enum trap_err load(const char *content, size_t n, struct prefix_set *s, struct err_text *why)
{
    char path[] = "/tmp/trapline-prefix-XXXXXX";
    const int fd = mkstemp(path);

    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, content, n), (ssize_t)n);
    (void)close(fd);
    const enum trap_err err = prefix_set_load_file(s, path, why);
    (void)unlink(path);
    return err;
}

static void test_load(void **state)
{
    (void)state;
    static const char good[] =
        "# ours\n\n192.0.2.0/24\r\n  2001:db8::/32 ; documentation\n\t198.51.100.7 # one\n;\n203.0.113.0/24";
    struct prefix_set s = set_of("10.0.0.0/8");
    struct err_text why = { "" };

    assert_int_equal(load(good, sizeof good - 1, &s, &why), TRAP_OK);
    assert_int_equal(prefix_set_seal(&s), TRAP_OK);
    assert_set(&s, "10.0.0.0/8 192.0.2.0/24 198.51.100.7 203.0.113.0/24 2001:db8::/32");
    assert_string_equal(why.text, "");
    assert_int_equal(load("", 0, &s, &why), TRAP_OK);
    prefix_set_free(&s);
}

static void test_load_refuses(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        enum trap_err err;
        const char *place;
    } cases[] = {
        { BYTES_INIT("192.0.2.0/24\nexample.org\n"), TRAP_EINVAL, ":2: " },
        { BYTES_INIT("192.0.2.1/24\n"), TRAP_ERANGE, ":1: " },
        { BYTES_INIT("192.0.2.0 192.0.2.1\n"), TRAP_EINVAL, ":1: " },
        { BYTES_INIT("\n\n192.0.2.0/24\0\n"), TRAP_EINVAL, ":3: " },
        { BYTES_INIT("\xef\xbb\xbf"
                     "192.0.2.0/24\n"),
          TRAP_EINVAL, ":1: " },
    };
    struct prefix_set s = set_of("10.0.0.0/8");
    struct err_text why;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(load((const char *)cases[i].in.p, cases[i].in.n, &s, &why), cases[i].err);
        assert_non_null(strstr(why.text, cases[i].place));
        assert_set(&s, "10.0.0.0/8"); /* all of a file, or nothing */
        assert_true(prefix_set_has(&s, ip("10.1.1.1")));
    }
    assert_int_equal(prefix_set_load_file(&s, "/nonexistent/file", &why), TRAP_ENOENT);
    assert_int_equal(prefix_set_load_file(&s, "/", &why), TRAP_EIO);
    assert_int_equal(prefix_set_load_file(&s, "/nonexistent/file", NULL), TRAP_ENOENT);
    prefix_set_free(&s);
}

static void test_load_long_lines(void **state)
{
    (void)state;
    char line[1100];
    struct err_text why;

    for (size_t n = 1021; n <= 1025; n++) { /* the longest comment line that is read has 1,022 bytes */
        struct prefix_set s = { 0 };
        memset(line, '#', sizeof line);
        line[n] = '\n';
        assert_int_equal(load(line, n + 1, &s, &why), n <= 1022 ? TRAP_OK : TRAP_EINVAL);
        prefix_set_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_subtract),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_overlaps_says_which),
        cmocka_unit_test(test_add_set),
        cmocka_unit_test(test_against_bitmap),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_refuses),
        cmocka_unit_test(test_load_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
