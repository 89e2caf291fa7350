/* The table from zones to files and datasets, and what it refuses. */
#include "listing_make.h"

#include <export/plan.h>

static struct conf_policy policies[] = { { .name = (char[]){ "standard" } } };

/* As config_read() gives it. */
static struct config config_of(struct conf_zone *zones, size_t n)
{
    return (struct config){ .policies = policies, .policy_count = 1, .zones = zones, .zone_count = n };
}

static struct conf_zone zone(char *name, enum zone_kind kind, bool live)
{
    static char policy[] = "standard", text[] = "listed: $", contact[] = "";

    return (struct conf_zone){ .name = name,
                               .kind = kind,
                               .policy = policy,
                               .live = live,
                               .text = text,
                               .contact = contact,
                               .code = 2,
                               .ttl = SPAN_MIN(5) };
}

static void test_kinds(void **state)
{
    static const struct {
        enum zone_kind kind;
        size_t files, datasets;
        const char *path[2], *name[3], *type[3];
    } cases[] = {
        { ZONE_SENDERS4, 1, 1, { "bl.example.org.ip4" }, { "bl.example.org" }, { "ip4trie" } },
        { ZONE_SENDERS6, 1, 1, { "bl.example.org.ip6" }, { "bl.example.org" }, { "ip6trie" } },
        { ZONE_SENDERS,
          2,
          2,
          { "bl.example.org.ip4", "bl.example.org.ip6" },
          { "bl.example.org", "bl.example.org" },
          { "ip4trie", "ip6trie" } },
        { ZONE_HARVESTERS, 1, 1, { "bl.example.org.httpbl" }, { "bl.example.org" }, { "dnset" } },
        { ZONE_NETS,
          2,
          2,
          { "bl.example.org.ip4", "bl.example.org.ip6" },
          { "bl.example.org", "bl.example.org" },
          { "ip4trie", "ip6trie" } },
        { ZONE_COMBINED,
          1,
          3,
          { "bl.example.org.combined" },
          { "bl.example.org", "bl.example.org", "harvesters.bl.example.org" },
          { "ip4trie", "ip6trie", "dnset" } },
    };
    char name[] = "bl.example.org";

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int live = 0; live < 2; live++) {
            struct conf_zone z = zone(name, cases[i].kind, live == 1);
            const struct config c = config_of(&z, 1);
            struct err_text why = { "" };
            struct plan p;

            assert_int_equal(plan_make(&c, &p, &why), TRAP_OK);
            assert_int_equal(p.file_count, cases[i].files);
            assert_int_equal(p.dataset_count, cases[i].datasets);
            for (size_t f = 0; f < p.file_count; f++) {
                const char *path = p.file[f].path;

                assert_int_equal(strncmp(path, "shadow/", 7) == 0, live == 0);
                assert_string_equal(live == 0 ? path + 7 : path, cases[i].path[f]);
            }
            for (size_t d = 0; d < p.dataset_count; d++) {
                assert_string_equal(p.dataset[d].name, cases[i].name[d]);
                assert_string_equal(zone_type_name(p.dataset[d].type), cases[i].type[d]);
                assert_ptr_equal(p.dataset[d].policy, &policies[0]);
                assert_int_equal(p.dataset[d].kind, p.dataset[d].type == ZONE_TYPE_HTTPBL ? LISTINGS_HARVESTERS
                                                    : cases[i].kind == ZONE_NETS          ? LISTINGS_NETS
                                                                                          : LISTINGS_SENDERS);
            }
            plan_free(&p);
        }
}

static void test_refused(void **state)
{
    char good[] = "bl.example.org", slash[] = "bl/../x", dot[] = ".bl", empty[] = "", space[] = "b l",
         other[] = "no-such";
    char text[] = "see $1";
    struct conf_zone two[] = { zone(good, ZONE_SENDERS, true), zone(good, ZONE_SENDERS4, true) };
    struct conf_zone one[] = { zone(slash, ZONE_SENDERS, true), zone(dot, ZONE_SENDERS, true),
                               zone(empty, ZONE_SENDERS, true), zone(space, ZONE_SENDERS, true),
                               zone(good, ZONE_SENDERS, true),  zone(good, ZONE_COMBINED, true) };
    struct err_text why;
    struct plan p = { .file_count = 77 };
    struct config c = config_of(two, 2);

    (void)state;
    one[4].policy = other;
    one[5].text = text;
    assert_int_equal(plan_make(&c, &p, &why), TRAP_EINVAL);
    assert_non_null(strstr(why.text, "bl.example.org"));
    for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        c = config_of(&one[i], 1);
        assert_int_equal(plan_make(&c, &p, &why), TRAP_EINVAL);
    }
    assert_int_equal(p.file_count, 77);
    two[1].live = false; /* the same zone live and in shadow are two files */
    c = config_of(two, 2);
    assert_int_equal(plan_make(&c, &p, &why), TRAP_OK);
    plan_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kinds), cmocka_unit_test(test_refused) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
