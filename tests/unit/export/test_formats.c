/* Further formats: every line of each, reading back, and when the publisher writes or links them. */
#include "publish_world.h"

#include <fcntl.h>
#include <format.h>

static const char hostile[] = "a\",'\\; } $ $$";

static size_t entries_make(struct zone_entry v[3])
{
    v[0] = (struct zone_entry){ .prefix = prefix_made("1.2.3.4"),
                                .reason = LISTING_EVIDENCE,
                                .value = 0x7f000002,
                                .until = at_s(AS_OF_S + 3600) };
    v[1] = (struct zone_entry){ .prefix = prefix_made("5.6.7.0/24"),
                                .reason = LISTING_DENY,
                                .value = 0x7f000002,
                                .until = LISTING_NO_END };
    v[2] = (struct zone_entry){ .prefix = prefix_made("9.9.9.9"),
                                .reason = LISTING_EVIDENCE,
                                .value = 0x7f031902,
                                .until = at_s(AS_OF_S - 5) };
    return 3;
}

static struct format_file file_of(enum zone_format format, const struct zone_entry *v, size_t n)
{
    return (struct format_file){ .format = format,
                                 .type = ZONE_TYPE_IP4,
                                 .name = "bl.example.org",
                                 .text = hostile,
                                 .serial = 7,
                                 .as_of = at_s(AS_OF_S),
                                 .stale_after = SPAN_H(6),
                                 .v = v,
                                 .n = n };
}

static const char *text_of(const struct format_file *f)
{
    static char out[4096];
    struct buf lines;

    buf_init(&lines, sizeof(out) - 1);
    for (size_t i = 0; format_line(f, i, &lines); i++)
        continue;
    assert_int_equal(lines.err, TRAP_OK);
    (void)snprintf(out, sizeof(out), "%s", buf_cstr(&lines));
    buf_free(&lines);
    return out;
}

#define HEAD(what, n)                                                               \
    "# bl.example.org: " what "\n# made 2026-01-01T00:00:00Z, serial 7, entries " n \
    "\n# not to be used after 2026-01-01T06:00:00Z\n"
#define NFT_HEAD(n)                                                                                       \
    HEAD("set of nftables, for nft -f", n)                                                                \
    "add table inet trapline\nadd set inet trapline trapline-bl.example.org.ip4 { type ipv4_addr; flags " \
    "interval, timeout; }\nflush set inet trapline trapline-bl.example.org.ip4\n"
#define CSV_HEAD "prefix,answer,reason,until,list,serial,made,stale,text\n"
#define CSV_SET  ",bl.example.org,7,2026-01-01T00:00:00Z,2026-01-01T06:00:00Z,\"a\"\",'\\; } "
#define JSONL_HEAD(n)                                                              \
    "{\"list\":\"bl.example.org\",\"serial\":7,\"made\":\"2026-01-01T00:00:00Z\"," \
    "\"stale\":\"2026-01-01T06:00:00Z\",\"entries\":" n "}\n"
#define JSONL_TEXT ",\"text\":\"a\\\",'\\\\; } "

static const struct {
    enum zone_format format;
    const char *full, *empty;
} golden[ZONE_FORMATS] = {
    { ZONE_FORMAT_CIDR, HEAD("plain networks, one a line", "3") "1.2.3.4\n5.6.7.0/24\n9.9.9.9\n",
      HEAD("plain networks, one a line", "0") },
    { ZONE_FORMAT_POSTFIX,
      HEAD("cidr table of Postfix (cidr_table(5))", "3") "1.2.3.4 REJECT a\",'\\; } 1.2.3.4 $\n"
                                                         "5.6.7.0/24 REJECT a\",'\\; } 5.6.7.0/24 $\n"
                                                         "9.9.9.9 REJECT a\",'\\; } 9.9.9.9 $\n",
      HEAD("cidr table of Postfix (cidr_table(5))", "0") },
    { ZONE_FORMAT_NFTABLES,
      NFT_HEAD("3") "add element inet trapline trapline-bl.example.org.ip4 {\n1.2.3.4 timeout 3600s,\n"
                    "5.6.7.0/24 timeout 21600s,\n9.9.9.9 timeout 1s,\n}\n",
      NFT_HEAD("0") },
    { ZONE_FORMAT_NGINX,
      HEAD("deny list of nginx, for include", "3") "deny 1.2.3.4;\ndeny 5.6.7.0/24;\ndeny 9.9.9.9;\n",
      HEAD("deny list of nginx, for include", "0") },
    { ZONE_FORMAT_APACHE,
      HEAD("deny list of Apache, for Include in <RequireAll>",
           "3") "Require not ip 1.2.3.4\nRequire not ip 5.6.7.0/24\nRequire not ip 9.9.9.9\n",
      HEAD("deny list of Apache, for Include in <RequireAll>", "0") },
    { ZONE_FORMAT_HAPROXY, HEAD("list of HAProxy, for acl ... src -f", "3") "1.2.3.4\n5.6.7.0/24\n9.9.9.9\n",
      HEAD("list of HAProxy, for acl ... src -f", "0") },
    { ZONE_FORMAT_CSV,
      CSV_HEAD "1.2.3.4,127.0.0.2,evidence,2026-01-01T01:00:00Z" CSV_SET "1.2.3.4 $\"\n"
               "5.6.7.0/24,127.0.0.2,deny," CSV_SET "5.6.7.0/24 $\"\n"
               "9.9.9.9,127.3.25.2,evidence,2025-12-31T23:59:55Z" CSV_SET "9.9.9.9 $\"\n",
      CSV_HEAD },
    { ZONE_FORMAT_JSONL,
      JSONL_HEAD("3") "{\"prefix\":\"1.2.3.4\",\"answer\":\"127.0.0.2\",\"reason\":\"evidence\","
                      "\"until\":\"2026-01-01T01:00:00Z\"" JSONL_TEXT "1.2.3.4 $\"}\n"
                      "{\"prefix\":\"5.6.7.0/24\",\"answer\":\"127.0.0.2\",\"reason\":\"deny\","
                      "\"until\":null" JSONL_TEXT "5.6.7.0/24 $\"}\n"
                      "{\"prefix\":\"9.9.9.9\",\"answer\":\"127.3.25.2\",\"reason\":\"evidence\","
                      "\"until\":\"2025-12-31T23:59:55Z\"" JSONL_TEXT "9.9.9.9 $\"}\n",
      JSONL_HEAD("0") },
};

static void test_lines(void **state)
{
    struct zone_entry v[3];
    const size_t n = entries_make(v);

    (void)state;
    for (size_t i = 0; i < ZONE_FORMATS; i++) {
        const struct format_file full = file_of(golden[i].format, v, n),
                                 empty = file_of(golden[i].format, v, 0);

        assert_string_equal(text_of(&full), golden[i].full);
        assert_string_equal(text_of(&empty), golden[i].empty);
    }
}

/* No entry of nftables outlives the file that it came with. */
static void test_timeout_ends_when_stale(void **state)
{
    struct zone_entry v[3];
    const size_t n = entries_make(v);
    struct format_file f = file_of(ZONE_FORMAT_NFTABLES, v, n);

    (void)state;
    f.stale_after = SPAN_S(600);
    assert_non_null(
        strstr(text_of(&f), "\n1.2.3.4 timeout 600s,\n5.6.7.0/24 timeout 600s,\n9.9.9.9 timeout 1s,\n}\n"));
    f.stale_after = SPAN_H(6);
    assert_non_null(strstr(text_of(&f), "\n1.2.3.4 timeout 3600s,\n"));
}

/* A file that is not what it must be is refused, whichever line is touched, doubled, cut or added. */
static void damage(struct world *w, const struct format_file *f, const char *content)
{
    const int fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct bytes all = bytes_str(content);
    char path[PATH_TEXT_MAX], copy[4096];
    struct zone_facts facts;
    struct err_text why;

    assert_int_not_equal(fd, -1);
    assert_int_equal(path_join(w->dir, "x", path), TRAP_OK);
    for (size_t at = 0; at <= all.n; at++) {
        memcpy(copy, all.p, all.n);
        size_t n = all.n;
        if (at < n)
            copy[at] = copy[at] == '7' ? '8' : '7';
        else
            copy[n++] = '\n';
        assert_int_equal(file_create(path, bytes_of(copy, n), 0600, &why), TRAP_OK);
        assert_int_equal(format_file_check(fd, "x", f, &facts, &why), TRAP_ECORRUPT);
        assert_int_equal(unlink(path), 0);
        if (at == all.n)
            continue;
        assert_int_equal(file_create(path, bytes_of(content, at), 0600, &why), TRAP_OK);
        assert_int_equal(format_file_check(fd, "x", f, &facts, &why), TRAP_ECORRUPT);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(close(fd), 0);
}

static void test_read_back(void **state)
{
    struct world *w = *state;
    const int fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[PATH_TEXT_MAX];
    struct zone_entry v[3];
    const size_t n = entries_make(v);
    struct zone_facts facts;
    struct err_text why = { "" };

    assert_int_not_equal(fd, -1);
    assert_int_equal(path_join(w->dir, "x", path), TRAP_OK);
    for (size_t i = 0; i < ZONE_FORMATS; i++) {
        const struct format_file f = file_of(golden[i].format, v, n);

        assert_int_equal(format_file_write(fd, "x", &f, AS_OF_S, &why), TRAP_OK);
        assert_int_equal(format_file_write(fd, "x", &f, AS_OF_S, &why), TRAP_EEXIST);
        assert_int_equal(format_file_check(fd, "x", &f, &facts, &why), TRAP_OK);
        assert_int_equal(facts.entries, n);
        assert_int_equal(facts.bytes, strlen(golden[i].full));
        assert_int_equal(unlink(path), 0);
        if (i == ZONE_FORMAT_CIDR || i == ZONE_FORMAT_NFTABLES)
            damage(w, &f, golden[i].full);
    }
    assert_int_equal(close(fd), 0);
}

static void test_get(void **state)
{
    static const struct {
        enum zone_format format;
        const char *line, *prefix; /* NULL: tells of none */
    } cases[] = {
        { ZONE_FORMAT_CIDR, "1.2.3.4\n", "1.2.3.4" },
        { ZONE_FORMAT_CIDR, "2a00::/64\n", "2a00::/64" },
        { ZONE_FORMAT_CIDR, "# 1.2.3.4\n", NULL },
        { ZONE_FORMAT_CIDR, "\n", NULL },
        { ZONE_FORMAT_NGINX, "deny 1.2.3.4;\n", "1.2.3.4" },
        { ZONE_FORMAT_NGINX, "allow 1.2.3.4;\n", NULL },
        { ZONE_FORMAT_APACHE, "Require ip 1.2.3.4\n", NULL },
        { ZONE_FORMAT_POSTFIX, "1.2.3.0/24 REJECT 9.9.9.9\n", "1.2.3.0/24" },
        { ZONE_FORMAT_NFTABLES, "}\n", NULL },
        { ZONE_FORMAT_CSV, "1.2.3.4,127.0.0.2\n", "1.2.3.4" },
        { ZONE_FORMAT_JSONL, "{\"prefix\":\"1.2.3.4\"}\n", "1.2.3.4" },
        { ZONE_FORMAT_JSONL, "{\"list\":\"1.2.3.4\"}\n", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[PREFIX_TEXT_MAX];
        struct prefix p;
        const enum trap_err err = format_get(cases[i].format, bytes_str(cases[i].line), &p);

        assert_int_equal(err == TRAP_OK, cases[i].prefix != NULL);
        if (cases[i].prefix != NULL)
            assert_string_equal(prefix_text(p, got), cases[i].prefix);
    }
}

#define CIDR4 LIVE "-ip4.cidr"
#define CSV4  LIVE "-ip4.csv"

/* Unchanged files are links; a format that is new is written though the listings are not, one that is gone
 * leaves; nothing new makes no set. */
static void test_published(void **state)
{
    struct world *w = *state;
    const struct want want = { .as_of_s = AS_OF_S,
                               .list = { { "1.2.3.4" }, { "2a00::/64" }, { "1.2.3.4" }, { "9.9.9.9" } } };
    struct want removal = want;

    removal.list[LIVE4][0] = "7.7.7.7";
    zones[0].formats = 1u << ZONE_FORMAT_CIDR;
    zones[1].formats = 1u << ZONE_FORMAT_CIDR;
    assert_true(run_ok(w, &want).published);
    assert_true(holds(w, CIDR4, "1.2.3.4"));
    assert_true(holds(w, LIVE "-ip6.cidr", "2a00::/64"));
    assert_true(holds(w, LIVE "-httpbl.cidr", "1.2.3.4"));
    assert_true(holds(w, SHADOW ".cidr", "9.9.9.9"));
    const struct stat cidr = stat_of(w, CIDR4);
    assert_false(run_ok(w, &want).published);

    zones[0].formats |= 1u << ZONE_FORMAT_CSV;
    assert_true(run_ok(w, &want).published);
    assert_int_equal(stat_of(w, CIDR4).st_ino, cidr.st_ino);
    assert_true(stat_of(w, CSV4).st_size > 0);
    assert_false(run_ok(w, &want).published);

    zones[0].formats = 1u << ZONE_FORMAT_CIDR;
    assert_true(run_ok(w, &want).published);
    assert_false(holds(w, CSV4, ""));
    assert_int_equal(stat_of(w, CIDR4).st_ino, cidr.st_ino);

    assert_true(run_ok(w, &removal).published);
    assert_false(holds(w, CIDR4, "1.2.3.4"));
    assert_true(holds(w, CIDR4, "7.7.7.7"));
    assert_true(stat_of(w, CIDR4).st_mtim.tv_sec > cidr.st_mtim.tv_sec);

    assert_string_equal(history(w, "2a00::/64"), "+bl.example.org evidence;");

    /* The next process holds the set against its manifest, these files included, and goes on from it. */
    world_restart(w);
    assert_true(run_ok(w, &removal).published);
    assert_false(run_ok(w, &removal).published);
    zones[0].formats = zones[1].formats = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_timeout_ends_when_stale),
        cmocka_unit_test_setup_teardown(test_read_back, world_new, world_free),
        cmocka_unit_test(test_get),
        cmocka_unit_test_setup_teardown(test_published, world_new, world_free),
    };

    return keyed_init() == TRAP_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
