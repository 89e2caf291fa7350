/* Each dataset type: golden files, read back, and what the checker refuses. */
#include "listing_make.h"

#include <export/zone.h>
#include <mail/keyed.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/trapline-zone-XXXXXX";
static int dir_fd = -1;
static char *ns_names[] = { (char[]){ "ns1.example.org" }, (char[]){ "ns2.example.org" } };
static const struct strings two_ns = { ns_names, 2 }, no_ns = { NULL, 0 };

static const struct made senders[] = {
    { "2001:470:1:2::/64", 9, 0 }, { "2600::/33", 2, 0 },  { "2a00:0:0:1::/64", 1, 0 },
    { "1.2.3.4", 10, 0 },          { "8.0.0.0/9", 10, 0 }, { "93.184.0.0/20", 3, 0 },
    { "223.255.254.253", 3, 0 },
};
static const struct made harvesters[] = {
    { "2001:470:1:2::/64", 9, AS_OF_S },
    { "1.2.3.4", 100, AS_OF_S },
    { "5.6.7.8", 10000, AS_OF_S - 3 * 86400 },
    { "93.184.16.0/22", 1, AS_OF_S - 300 * 86400 },
    { "200.0.0.0/8", 0, 0 },
};

struct fixture {
    struct listing room[2][MADE_MAX];
    struct listings l[2];
    struct zone_entries e[ZONE_TYPES];
};

static void fixture_make(struct fixture *x)
{
    x->l[0] = listings_made(senders, sizeof(senders) / sizeof(senders[0]), x->room[0]);
    x->l[1] = listings_made(harvesters, sizeof(harvesters) / sizeof(harvesters[0]), x->room[1]);
    for (int t = 0; t < ZONE_TYPES; t++)
        assert_int_equal(
            zone_entries_from((enum zone_type)t, 2, &x->l[t == ZONE_TYPE_HTTPBL], at_s(AS_OF_S), &x->e[t]),
            TRAP_OK);
}

static void fixture_drop(struct fixture *x)
{
    for (int t = 0; t < ZONE_TYPES; t++)
        zone_entries_free(&x->e[t]);
}

static struct zone_head head(const struct strings *ns, const char *contact)
{
    return (struct zone_head){ .zone = "bl.example.org",
                               .ns = ns,
                               .contact = contact,
                               .serial = 1767225600u,
                               .ttl_s = 300,
                               .refresh_s = 600,
                               .stale_s = 21600,
                               .as_of = at_s(AS_OF_S) };
}

static struct zone_section section(const struct fixture *x, enum zone_type t, const char *subzones)
{
    return (struct zone_section){ .type = t,
                                  .subzones = subzones,
                                  .code = 2,
                                  .text = "Mail to a trap, see https://example.org/?ip=$",
                                  .v = x->e[t].v,
                                  .n = x->e[t].n };
}

static size_t slurp(const char *path, char *out, size_t max)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    assert_non_null(f);
    n = fread(out, 1, max - 1, f);
    (void)fclose(f);
    out[n] = '\0';
    return n;
}

static void write_text(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void write_zone(const char *name, const struct zone_file *f)
{
    struct err_text why = { "" };

    (void)unlinkat(dir_fd, name, 0);
    assert_int_equal(zone_file_write(dir_fd, name, f, AS_OF_S, &why), TRAP_OK);
}

static void check_golden(const char *golden, const struct zone_file *f)
{
    static char ours[65536], theirs[65536];
    struct zone_facts facts;
    struct err_text why = { "" };
    struct stat st;
    char path[512];
    uint64_t entries = 0;

    write_zone(golden, f);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, golden);
    (void)slurp(path, ours, sizeof(ours));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, AS_OF_S);
    (void)snprintf(path, sizeof(path), "%s/export/%s", TEST_FIXTURES, golden);
    if (getenv("TRAPLINE_WRITE_GOLDEN") != NULL) {
        FILE *g = fopen(path, "wb");
        assert_non_null(g);
        (void)fputs(ours, g);
        (void)fclose(g);
    }
    const size_t n = slurp(path, theirs, sizeof(theirs));
    assert_string_equal(ours, theirs);

    if (zone_file_check(dir_fd, golden, f, &facts, &why) != TRAP_OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < f->section_count; i++)
        entries += f->section[i].n;
    assert_int_equal(facts.entries, entries);
    assert_int_equal(facts.bytes, n);
    char hex[DIGEST_HEX_MAX];
    assert_string_equal(facts.sha256, digest_of(bytes_of(theirs, n), hex));
}

static void test_golden(void **state)
{
    struct fixture x;

    (void)state;
    fixture_make(&x);
    const struct zone_file ip4 = { .head = head(&two_ns, "abuse.example.org"),
                                   .section = { section(&x, ZONE_TYPE_IP4, "") },
                                   .section_count = 1 };
    const struct zone_file ip6 = { .head = head(&no_ns, ""),
                                   .section = { section(&x, ZONE_TYPE_IP6, "") },
                                   .section_count = 1 };
    const struct zone_file hb = { .head = head(&two_ns, ""),
                                  .section = { section(&x, ZONE_TYPE_HTTPBL, "") },
                                  .section_count = 1 };
    const struct zone_file all = { .head = head(&two_ns, ""),
                                   .combined = true,
                                   .section = { section(&x, ZONE_TYPE_IP4, "@ senders"),
                                                section(&x, ZONE_TYPE_IP6, "@ senders"),
                                                section(&x, ZONE_TYPE_HTTPBL, "harvesters") },
                                   .section_count = 3 };
    struct zone_file code = ip4;
    code.section[0].code = 7;
    code.section[0].n = 0;

    check_golden("senders.ip4", &ip4);
    check_golden("senders.ip6", &ip6);
    check_golden("harvesters.httpbl", &hb);
    check_golden("all.combined", &all);
    check_golden("code7.ip4", &code);
    fixture_drop(&x);
}

/* Writes the golden combined file with one change and expects a refusal at that line. */
static void expect_refused(const struct zone_file *f, const char *text, const char *what)
{
    struct zone_facts facts = { .entries = 77 };
    struct err_text why = { "" };

    write_text("changed", text);
    if (zone_file_check(dir_fd, "changed", f, &facts, &why) != TRAP_ECORRUPT)
        fail_msg("accepted: %s", what);
    assert_int_equal(facts.entries, 77);
    assert_non_null(strstr(why.text, "changed:"));
}

/* Every line of a combined file missing, doubled, or with any one byte changed: nothing of it passes. */
static void test_check_refuses_every_change(void **state)
{
    static char text[65536], changed[65536];
    struct fixture x;
    char path[512];

    (void)state;
    fixture_make(&x);
    const struct zone_file all = { .head = head(&two_ns, ""),
                                   .combined = true,
                                   .section = { section(&x, ZONE_TYPE_IP4, "@ senders"),
                                                section(&x, ZONE_TYPE_IP6, "@ senders"),
                                                section(&x, ZONE_TYPE_HTTPBL, "harvesters") },
                                   .section_count = 3 };
    (void)snprintf(path, sizeof(path), "%s/export/all.combined", TEST_FIXTURES);
    const size_t n = slurp(path, text, sizeof(text));

    for (size_t from = 0; from < n;) {
        const size_t len = (size_t)(strchr(text + from, '\n') - (text + from)) + 1;

        memcpy(changed, text, from);
        memcpy(changed + from, text + from + len, n - from - len + 1);
        expect_refused(&all, changed, "a missing line");
        memcpy(changed, text, from + len);
        memcpy(changed + from + len, text + from, n - from + 1);
        expect_refused(&all, changed, "a doubled line");
        from += len;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(changed, text, n + 1);
        changed[i] = changed[i] == '1' ? '2' : '1';
        const char *line = text + i;
        while (line > text && line[-1] != '\n')
            line--;
        /* A name server's or the person's name and a TTL are compared by form only: they come from the
         * configuration as they are. */
        if (line[0] == '$' && line[1] != 'D' && line[2] != 'I')
            continue;
        expect_refused(&all, changed, "a changed byte");
    }
    memcpy(changed, text, n);
    changed[n - 1] = '\0';
    expect_refused(&all, changed, "no end of line");
    memcpy(changed, text, n);
    memcpy(changed + n, "1.1.1.1\n", sizeof("1.1.1.1\n"));
    expect_refused(&all, changed, "an added line");
    expect_refused(&all, "", "an empty file");
    fixture_drop(&x);
}

static void test_head_refused(void **state)
{
    static const char *const bad[] = {
        "$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225600 600 300 21600\n",
        "$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225600 600 300 21600 300 1\n",
        "$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225599 600 300 21600 300\n",
        "$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225600 600 300 21601 300\n",
        "$SOA 300 ns1.example.org  hostmaster.bl.example.org 1767225600 600 300 21600 300\n",
        "$TTL 300\n$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225600 600 300 21600 300\n",
        "$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225600 600 300 21600 300\n$TTL 301\n",
        ("$SOA 300 ns1.example.org hostmaster.bl.example.org 1767225600 600 300 21600 300\n$TTL 300\n"
         "$TIMESTAMP 2026:01:01:00:00:00 +21900\n"),
        "# a comment\n",
    };
    const struct zone_file f = { .head = head(&no_ns, ""), .section_count = 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_refused(&f, bad[i], bad[i]);
    struct zone_facts facts;
    struct err_text why;
    write_text("good",
               "$SOA 300 bl.example.org hostmaster.bl.example.org 1767225600 600 300 21600 300\n$TTL 300\n"
               "$TIMESTAMP 2025:12:31:23:55:00 +21900\n");
    assert_int_equal(zone_file_check(dir_fd, "good", &f, &facts, &why), TRAP_OK);
}

static void test_never_listed(void **state)
{
    static const struct {
        const char *entries[4];
        const char *hit; /* NULL: clean */
    } cases[] = {
        { { "1.2.3.4", "9.9.9.9", "11.0.0.1" }, NULL },
        { { "9.9.9.9", "10.0.0.1", "11.0.0.1" }, "10.0.0.1" },
        { { "8.0.0.0/7", "10.0.0.0/9", "11.0.0.1" }, "10.0.0.0/9" },
        { { "10.0.0.0/7", "11.0.0.1" }, "10.0.0.0/7" },
        { { "9.255.255.255", "11.0.0.0" }, NULL },
        { { "192.0.2.255", "223.0.0.0/8" }, "192.0.2.255" },
        { { "2001:db7:ffff:ffff::/64", "2001:db9::/64", "1.1.1.1" }, NULL },
        { { "2001:db8:ffff:ffff::/64", "1.1.1.1" }, "2001:db8:ffff:ffff::/64" },
        { { "2000::/4", "1.1.1.1" }, "2000::/4" },
        { { NULL }, NULL },
    };
    struct prefix_set never;

    (void)state;
    prefix_set_init(&never);
    assert_int_equal(prefix_set_add(&never, prefix_made("10.0.0.0/8")), TRAP_OK);
    assert_int_equal(prefix_set_add(&never, prefix_made("192.0.2.0/24")), TRAP_OK);
    assert_int_equal(prefix_set_add(&never, prefix_made("2001:db8::/32")), TRAP_OK);
    assert_int_equal(prefix_set_seal(&never), TRAP_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zone_entries e = { 0 };
        struct err_text why = { "" };
        char expected[128];

        for (size_t k = 0; cases[i].entries[k] != NULL; k++)
            assert_int_equal(
                zone_entries_add(&e, (struct zone_entry){ .prefix = prefix_made(cases[i].entries[k]) }),
                TRAP_OK);
        const enum trap_err err = zone_entries_check(e.v, e.n, &never, &why);
        if (cases[i].hit == NULL) {
            assert_int_equal(err, TRAP_OK);
        } else {
            assert_int_equal(err, TRAP_EPERM);
            (void)snprintf(expected, sizeof(expected), "entry %s must never be listed", cases[i].hit);
            assert_non_null(strstr(why.text, expected));
        }
        zone_entries_free(&e);
    }
    prefix_set_free(&never);
}

static void test_threat(void **state)
{
    static const struct {
        uint64_t messages;
        uint8_t threat;
    } cases[] = {
        { 0, 0 },
        { 1, 0 },
        { 2, 3 },
        { 10, 12 },
        { 99, 24 },
        { 100, 25 },
        { 9999, 49 },
        { 10000, 50 },
        { 999999, 74 },
        { 1000000, 75 },
        { UINT64_MAX, 240 },
        { 15848931924611134853ULL, 240 },
        { 15848931924611134852ULL, 239 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(httpbl_threat(cases[i].messages), cases[i].threat);
}

static void test_days(void **state)
{
    static const struct {
        int64_t ago_s;
        uint32_t value;
    } cases[] = {
        { 0, 0x7f001902 },         { 1, 0x7f011902 },           { 86400, 0x7f011902 },
        { 3 * 86400, 0x7f031902 }, { 255 * 86400, 0x7fff1902 }, { 256 * 86400, 0x7fff1902 },
        { -86400, 0x7f001902 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(httpbl_value(at_s(AS_OF_S - cases[i].ago_s), 100, at_s(AS_OF_S)), cases[i].value);
}

static void test_text(void **state)
{
    static char fill[512];
    static const struct {
        const char *text;
        enum trap_err err;
    } cases[] = {
        { "Mail to a trap: $", TRAP_OK },
        { "costs $$ 5", TRAP_OK },
        { "", TRAP_EINVAL },
        { " x", TRAP_EINVAL },
        { "x ", TRAP_EINVAL },
        { "a\nb", TRAP_EINVAL },
        { "caf\xc3\xa9", TRAP_EINVAL },
        { "see $1", TRAP_EINVAL },
        { "see $=", TRAP_EINVAL },
        { "a\tb", TRAP_EINVAL },
    };
    static const struct {
        enum zone_type type;
        size_t dollar;
    } longest[] = { { ZONE_TYPE_IP4, 15 }, { ZONE_TYPE_IP6, 39 }, { ZONE_TYPE_HTTPBL, 15 } };
    struct err_text why;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(zone_text_check(ZONE_TYPE_IP6, cases[i].text, &why), cases[i].err);
    for (size_t i = 0; i < sizeof(longest) / sizeof(longest[0]); i++)
        for (int over = -1; over <= 1; over++) {
            const size_t n = (size_t)((int)ZONE_TXT_MAX - (int)longest[i].dollar + over);

            memset(fill, 'x', n);
            fill[n] = '$';
            fill[n + 1] = '\0';
            assert_int_equal(zone_text_check(longest[i].type, fill, &why), over <= 0 ? TRAP_OK : TRAP_ERANGE);
        }
}

static int setup(void **state)
{
    (void)state;
    if (keyed_init() != TRAP_OK || mkdtemp(dir) == NULL)
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd == -1 ? -1 : 0;
}

static int teardown(void **state)
{
    static const char *const names[] = { "senders.ip4",  "senders.ip6", "harvesters.httpbl",
                                         "all.combined", "code7.ip4",   "changed",
                                         "good" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlinkat(dir_fd, names[i], 0);
    (void)close(dir_fd);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_check_refuses_every_change),
        cmocka_unit_test(test_head_refused), cmocka_unit_test(test_never_listed),
        cmocka_unit_test(test_threat),       cmocka_unit_test(test_days),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
