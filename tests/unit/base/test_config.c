/* What a whole file gives: defaults, every key, presets, derived values, look-ups, the manual. Wrong files:
 * test_config_errors.c */
#include <base/buf.h>
#include <base/config.h>
#include <base/file.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/trapline-test-config-XXXXXX";
static char path[PATH_TEXT_MAX];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL || path_join(dir, "trapline.conf", path) != TRAP_OK)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dir_remove(dir, NULL) == TRAP_OK ? 0 : -1;
}

static struct config *read_text(const char *text)
{
    struct config *c = NULL;
    struct err_text why = { "" };

    assert_int_equal(file_replace(path, bytes_str(text), 0600, NULL), TRAP_OK);
    if (config_read(path, &c, &why) != TRAP_OK)
        fail_msg("%s", why.text);
    assert_string_equal(why.text, "");
    return c;
}

static void assert_span(span_t got, span_t expected)
{
    assert_int_equal(got.ms, expected.ms);
}

static void test_defaults(void **state)
{
    static const char *const empties[] = { "", "\n", "# nothing\n", "web { }\nsmtp{}",
                                           "\xef\xbb\xbf# BOM\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof empties / sizeof empties[0]; i++) {
        struct config *c = read_text(empties[i]);

        assert_string_equal(c->path, path);
        assert_string_equal(c->state_dir, "/var/lib/trapline");
        assert_string_equal(c->user, "");
        assert_int_equal(c->node_id, 1);
        assert_int_equal(c->log_level, LOG_INFO);
        assert_int_equal(
            c->trap_domain_count + c->trap_count + c->site_count + c->policy_count + c->zone_count, 0);
        assert_string_equal(c->trap_file, "");
        assert_false(c->guard_off);
        assert_true(c->never_list.sealed);
        assert_int_equal(c->never_list.n, 0);
        assert_int_equal(c->never_list_files.n + c->crawler_files.n + c->guard_files.n, 0);
        assert_string_equal(c->geoip_country, "");
        assert_string_equal(c->geoip_asn, "");
        config_free(&c);
        assert_null(c);
        config_free(&c);
    }
}

static void test_default_daemons(void **state)
{
    struct config *c = read_text("");

    (void)state;
    assert_int_equal(c->web.listen.n, 0);
    assert_true(c->web.trusted_proxies.sealed);
    assert_int_equal(c->web.threads, 2);
    assert_span(c->web.commit_deadline, SPAN_MS(150));
    assert_span(c->web.visit_window, SPAN_H(1));
    assert_int_equal(c->web.visits_per_hour, 60);
    assert_int_equal(c->web.visits_per_day, 1000000);
    assert_int_equal(c->web.connections_max, 10000);
    assert_int_equal(c->web.connections_per_ip, 1000);
    assert_int_equal(c->web.header_max_bytes, 8192);
    assert_span(c->web.idle_timeout, SPAN_S(30));
    assert_string_equal(c->web.terms, "");
    assert_int_equal(c->smtp.listen.n + c->smtp.proxy_listen.n, 0);
    assert_int_equal(c->smtp.proxy_from.n, 2); /* this machine */
    assert_true(prefix_set_has(&c->smtp.proxy_from, ip_v4(127, 200, 0, 1)));
    assert_false(prefix_set_has(&c->smtp.proxy_from, ip_v4(10, 0, 0, 1)));
    assert_int_equal(c->smtp.tls_listen.n + c->smtp.tls_certificates.n, 0);
    assert_false(c->smtp.tls_off);
    assert_int_equal(c->smtp.tls_min, 0x0301);
    assert_span(c->smtp.handshake_timeout, SPAN_S(30));
    assert_span(c->smtp.greeting_delay, SPAN_MS(1));
    assert_string_equal(c->smtp.socketmap_listen, "");
    assert_true(strlen(c->smtp.hostname) > 0); /* the machine's own */
    assert_false(c->smtp.after_data_reject);
    assert_string_equal(c->smtp.lookup_url, "");
    assert_false(c->smtp.tarpit);
    assert_span(c->smtp.tarpit_delay, SPAN_S(5));
    assert_span(c->smtp.tarpit_stutter, SPAN_S(1));
    assert_span(c->smtp.tarpit_max, SPAN_MIN(5));
    assert_int_equal(c->smtp.tarpit_sessions, 500);
    assert_int_equal(c->smtp.sessions_max, 15000);
    assert_int_equal(c->smtp.sessions_per_ip, 50);
    assert_int_equal(c->smtp.commands_max, 1000);
    assert_int_equal(c->smtp.errors_max, 20);
    assert_int_equal(c->smtp.recipients_max, 1000);
    assert_int_equal(c->smtp.line_max_bytes, 4096);
    assert_int_equal(c->smtp.message_max_bytes, 10 << 20);
    assert_span(c->smtp.command_timeout, SPAN_S(60));
    assert_span(c->smtp.data_timeout, SPAN_MIN(3));
    assert_span(c->smtp.session_max, SPAN_MIN(30));
    assert_int_equal(c->smtp.data_rate_min, 0);
    assert_span(c->smtp.commit_wait, SPAN_S(30));
    assert_int_equal(c->smtp.hits_per_sender_hour, 200);
    assert_int_equal(c->store.queue_max, 65536);
    assert_int_equal(c->store.batch_max, 1024);
    assert_int_equal(c->store.wal_max_bytes, 64 << 20);
    assert_int_equal(c->store.sample_max_bytes, 64 << 10);
    assert_int_equal(c->store.samples_max_bytes, 1 << 30);
    assert_int_equal(c->store.free_min_bytes, 64 << 20);
    assert_string_equal(c->export.dir, "/var/lib/trapline/zones");
    assert_span(c->export.interval, SPAN_S(1));
    assert_span(c->export.full_interval, SPAN_MIN(10));
    assert_span(c->export.stale_after, SPAN_H(6));
    assert_int_equal(c->export.sets_kept, 5);
    config_free(&c);
}

/* The example of the documentation, as it stands there, with a value of each type. */
static const char example[] =
    "# trapline.conf (libconfuse syntax)\n"
    "state_dir = \"/srv/trapline\" // where\n"
    "node_id   = 7\n"
    "log_level = debug user = 'trapline'\n"
    "trap_domain \"Example.NET.\"       { class = \"minted\"  unknown = \"reject\" }\n"
    "trap_domain \"old-brand.example\" { class = \"recycled\" }\n"
    "trap_domain \"typo.example\" { class = typo }\n"
    "trap_domain \"fresh.example\" { class = pristine unknown = reject after_data = accept }\n"
    "trap_domain \"all.example\" { class = minted unknown = accept }\n"
    "trap \"Sales+x@Shop.example\"       { class = \"pristine\" }\n"
    "trap_file = \"/etc/trapline/traps\"\n"
    "site \"WWW.a.example\" { trap_domains = {\"EXAMPLE.net\", 'all.example'} theme = \"plain\" }\n"
    "web    { listen = {\"127.0.0.1:8080\"}  trusted_proxies = {\"127.0.0.1/32\", \"fc00::/7\", "
    "\"10.0.0.0/8\"}\n"
    "         commit_deadline = 20ms visits_per_day = 5 terms = \"mail abuse\" }\n"
    "smtp   { listen = {\"0.0.0.0:25\", \"[::]:25\"}  proxy_listen = {}  socketmap_listen = \"\"\n"
    "         xclient_from = {}  xforward_from = {192.0.2.1}  proxy_from = {10.1.0.0/16}  hostname = \"MX.example.net\"  after_data = "
    "\"reject\"\n"
    "         message_max = 20M line_max = 512 }\n"
    "never_list = {\"203.0.114.0/24\",\"203.0.115.0/24\"}   never_list += {\"2001:db8::/32\"}\n"
    "never_list_files = {/a/b, \"/c\"}\n"
    "guard = off /* over\n"
    "two lines */ policy \"standard\" { preset = \"standard\" threshold = 2.5\n"
    "  weights { typo = 0.125 behaviour = 1 } harvesters { senders = 3 } young_sources = any\n"
    "  listing_delay = \"0\" half_life = 3d\n"
    "  escalate = {\"4 of /32 in /24\", \"256 of /64 in /56\", \"2 of /56 in /32\"} }\n"
    "zone   \"BL.example.org\" { kind = \"senders6\"  policy = \"standard\"  publish = \"live\" ns = "
    "{ns1.example.org}\n"
    "  text = \"$ \\\"x\\\"\" code = 255 ttl = 1h }\n"
    "zone \"h.example.org\" { kind = harvesters policy = aggressive contact = \"dns.example.org\" formats = {cidr, \"jsonl\", cidr} }\n"
    "export { dir = \"/srv/zones\"  interval = \"2s\"  full_interval = \"1m\"  stale_after = \"61s\" "
    "sets_kept = 2 }\n"
    "geoip  { country = \"/c.mmdb\"  asn = \"\" }\n";

static void test_example_traps(void **state)
{
    static const struct {
        const char *name;
        enum trap_class klass;
        bool accept;
    } domains[] = { { "all.example", CLASS_MINTED, true },
                    { "example.net", CLASS_MINTED, false },
                    { "fresh.example", CLASS_PRISTINE, false },
                    { "old-brand.example", CLASS_RECYCLED, true },
                    { "typo.example", CLASS_TYPO, false } };
    struct config *c = read_text(example);

    (void)state;
    assert_string_equal(c->state_dir, "/srv/trapline");
    assert_int_equal(c->node_id, 7);
    assert_int_equal(c->log_level, LOG_DEBUG);
    assert_string_equal(c->user, "trapline");
    assert_int_equal(c->trap_domain_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(c->trap_domains[i].name, domains[i].name);
        assert_int_equal(c->trap_domains[i].klass, domains[i].klass);
        assert_int_equal(c->trap_domains[i].unknown_accept, domains[i].accept);
        assert_int_equal(c->trap_domains[i].after_data_reject,
                         domains[i].klass != CLASS_MINTED && strcmp(domains[i].name, "fresh.example") != 0);
    }
    assert_int_equal(c->trap_count, 1);
    assert_string_equal(c->traps[0].address, "sales+x@shop.example");
    assert_int_equal(c->traps[0].klass, CLASS_PRISTINE);
    assert_string_equal(c->trap_file, "/etc/trapline/traps");
    assert_int_equal(c->site_count, 1);
    assert_string_equal(c->sites[0].name, "www.a.example");
    assert_string_equal(c->sites[0].theme, "plain");
    assert_int_equal(c->sites[0].trap_domains.n, 2);
    assert_string_equal(c->sites[0].trap_domains.v[0], "example.net");
    assert_true(c->guard_off);
    assert_int_equal(c->never_list.n, 2); /* the two halves of a /23, joined */
    assert_true(prefix_set_has(&c->never_list, ip_v4(203, 0, 115, 9)));
    assert_int_equal(c->never_list_files.n, 2);
    assert_string_equal(c->never_list_files.v[0], "/a/b");
    config_free(&c);
}

static void test_example_daemons(void **state)
{
    struct config *c = read_text(example);
    char text[1024];

    (void)state;
    assert_int_equal(c->web.listen.n, 1);
    assert_true(ip_eq(c->web.listen.v[0].ip, ip_v4(127, 0, 0, 1)));
    assert_int_equal(c->web.listen.v[0].port, 8080);
    assert_true(prefix_set_has(&c->web.trusted_proxies, ip_v4(10, 255, 0, 1)));
    assert_span(c->web.commit_deadline, SPAN_MS(20));
    assert_int_equal(c->web.visits_per_day, 5);
    assert_string_equal(c->web.terms, "mail abuse");
    assert_int_equal(c->smtp.listen.n, 2);
    assert_true(prefix_set_has(&c->smtp.xforward_from, ip_v4(192, 0, 2, 1)));
    assert_int_equal(c->smtp.xclient_from.n, 0);
    assert_int_equal(c->smtp.proxy_from.n, 1);
    assert_true(prefix_set_has(&c->smtp.proxy_from, ip_v4(10, 1, 2, 3)));
    assert_string_equal(c->smtp.hostname, "mx.example.net");
    assert_true(c->smtp.after_data_reject);
    assert_int_equal(c->smtp.message_max_bytes, 20 << 20);
    assert_int_equal(c->smtp.line_max_bytes, 512);
    assert_string_equal(c->export.dir, "/srv/zones");
    assert_span(c->export.interval, SPAN_S(2));
    assert_span(c->export.stale_after, SPAN_S(61));
    assert_int_equal(c->export.sets_kept, 2);
    assert_string_equal(c->geoip_country, "/c.mmdb");
    config_state_path(c, "hits.db", text);
    assert_string_equal(text, "/srv/trapline/hits.db");
    config_free(&c);
}

static void test_example_zones(void **state)
{
    struct config *c = read_text(example);
    const struct conf_policy *p;

    (void)state;
    assert_int_equal(c->zone_count, 2);
    assert_string_equal(c->zones[0].name, "bl.example.org");
    assert_int_equal(c->zones[0].kind, ZONE_SENDERS6);
    assert_true(c->zones[0].live);
    assert_int_equal(c->zones[0].ns.n, 1);
    assert_string_equal(c->zones[0].ns.v[0], "ns1.example.org");
    assert_string_equal(c->zones[0].contact, "hostmaster.bl.example.org");
    assert_string_equal(c->zones[0].text, "$ \"x\"");
    assert_int_equal(c->zones[0].code, 255);
    assert_span(c->zones[0].ttl, SPAN_H(1));
    assert_int_equal(c->zones[1].kind, ZONE_HARVESTERS);
    assert_int_equal(c->zones[0].formats, 0);
    assert_int_equal(c->zones[1].formats, 1u << ZONE_FORMAT_CIDR | 1u << ZONE_FORMAT_JSONL);
    assert_false(c->zones[1].live);
    assert_int_equal(c->zones[1].code, 2);
    assert_string_equal(c->zones[1].contact, "dns.example.org");
    assert_true(strchr(c->zones[1].text, '$') != NULL);

    assert_int_equal(c->policy_count, 2); /* the block, and the preset that the second zone names */
    p = config_policy(c, "standard");
    assert_ptr_equal(p, &c->policies[0]);
    assert_string_equal(p->preset, "standard");
    assert_int_equal(p->threshold_milli, 2500);
    assert_int_equal(p->sources_min, 2);
    assert_int_equal(p->weight_milli[WEIGHT_TYPO], 125);
    assert_int_equal(p->weight_milli[WEIGHT_BEHAVIOUR], 1000);
    assert_int_equal(p->weight_milli[WEIGHT_MINTED], 1000);
    assert_int_equal(p->harvester_senders_min, 3);
    assert_int_equal(p->harvester_addresses_min, 2);
    assert_int_equal(p->young_sources_max, UINT32_MAX);
    assert_span(p->delay_min, SPAN_MS(0));
    assert_span(p->delay_max, SPAN_MS(0));
    assert_span(p->half_life, SPAN_D(3));
    assert_span(p->stay_max, SPAN_D(30));
    assert_int_equal(p->escalate.n, 3);
    assert_int_equal(p->escalate.v[0].members, 4);
    assert_int_equal(p->escalate.v[0].from, 128);
    assert_int_equal(p->escalate.v[0].to, 120);
    assert_true(p->escalate.v[0].v4);
    assert_int_equal(p->escalate.v[2].from, 56);
    assert_int_equal(p->escalate.v[2].to, 32);
    assert_false(p->escalate.v[2].v4);
    p = config_policy(c, "aggressive");
    assert_int_equal(p->escalate.n, 0);
    assert_ptr_equal(p, &c->policies[1]);
    assert_string_equal(config_policy(c, "conservative")->name, "conservative");
    assert_null(config_policy(c, "none"));
    config_free(&c);
}

static void test_presets(void **state)
{
    const struct {
        const char *name;
        uint32_t threshold, sources, days, nodes, young;
        span_t half_life, stay, delay_min, delay_max;
    } presets[] = {
        { "aggressive", 1000, 1, 1, 1, UINT32_MAX, SPAN_D(3), SPAN_D(15), SPAN_MIN(0), SPAN_MIN(5) },
        { "standard", 2000, 2, 1, 1, 1, SPAN_D(7), SPAN_D(30), SPAN_MIN(10), SPAN_MIN(60) },
        { "conservative", 4000, 3, 2, 2, UINT32_MAX, SPAN_D(7), SPAN_D(30), SPAN_MIN(30), SPAN_MIN(120) },
    };
    static const uint32_t weights[] = { 1000, 1000, 500, 250, 250, 250, 0 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[512];
        struct config *c;

        /* By its own name, by `preset`, and through a zone that names it without any block. */
        (void)snprintf(
            text, sizeof text,
            "policy \"%s\" {}\npolicy \"mine\" { preset = %s }\nzone \"b.example\" { policy = %s }",
            presets[i].name, presets[i].name, presets[(i + 1) % 3].name);
        c = read_text(text);
        assert_int_equal(c->policy_count, 3);
        assert_string_equal(c->policies[1].name, "mine");
        assert_string_equal(c->policies[2].name, presets[(i + 1) % 3].name);
        for (size_t j = 0; j < 2; j++) {
            const struct conf_policy *const p = &c->policies[j];
            assert_string_equal(p->preset, presets[i].name);
            assert_int_equal(p->threshold_milli, presets[i].threshold);
            assert_int_equal(p->sources_min, presets[i].sources);
            assert_int_equal(p->days_min, presets[i].days);
            assert_int_equal(p->nodes_min, presets[i].nodes);
            assert_int_equal(p->young_sources_max, presets[i].young);
            assert_span(p->young_age, SPAN_H(48));
            assert_int_equal(p->per_source_day_max, 5);
            assert_span(p->half_life, presets[i].half_life);
            assert_span(p->stay_max, presets[i].stay);
            assert_span(p->delay_min, presets[i].delay_min);
            assert_span(p->delay_max, presets[i].delay_max);
            assert_memory_equal(p->weight_milli, weights, sizeof weights);
            assert_int_equal(p->weight_milli[WEIGHT_LIST], i == 0 ? 250 : 0);
            assert_int_equal(p->weight_milli[WEIGHT_AUTOMATIC], 250);
            assert_int_equal(p->backscatter_day_max, 50);
            assert_span(p->visit_age_max, SPAN_D(30));
            assert_int_equal(p->harvester_senders_min, 2);
            assert_int_equal(p->harvester_addresses_min, 2);
        }
        config_free(&c);
    }
}

static void test_policy_of_other_name(void **state)
{
    struct config *c = read_text("policy \"mine\" { }");

    (void)state;
    assert_string_equal(c->policies[0].preset, "standard");
    assert_int_equal(c->policies[0].sources_min, 2);
    config_free(&c);
}

static void test_trap_domain_lookup(void **state)
{
    struct config *c =
        read_text("trap_domain \"b.example\" { class = minted }\ntrap_domain \"a.example\" { class = typo }\n"
                  "trap_domain \"ab.example\" { class = typo } trap_domain \"c.example\" { class = typo }");

    (void)state;
    assert_string_equal(config_trap_domain(c, BYTES("A.Example"))->name, "a.example");
    assert_string_equal(config_trap_domain(c, BYTES("ab.example"))->name, "ab.example");
    assert_string_equal(config_trap_domain(c, BYTES("b.example"))->name, "b.example");
    assert_string_equal(config_trap_domain(c, BYTES("c.EXAMPLE"))->name, "c.example");
    assert_null(config_trap_domain(c, BYTES("a.exampl")));
    assert_null(config_trap_domain(c, BYTES("a.example.")));
    assert_null(config_trap_domain(c, BYTES("")));
    assert_null(config_trap_domain(c, BYTES("x.a.example")));
    config_free(&c);
}

static void test_class_names(void **state)
{
    (void)state;
    assert_string_equal(trap_class_name(CLASS_MINTED), "minted");
    assert_string_equal(trap_class_name(CLASS_PRISTINE), "pristine");
    assert_string_equal(trap_class_name(CLASS_RECYCLED), "recycled");
    assert_string_equal(trap_class_name(CLASS_TYPO), "typo");
}

/* A thousand traps, and a file of the largest size. */
static void test_many(void **state)
{
    struct buf text;
    struct config *c = NULL;
    struct err_text why;

    (void)state;
    buf_init(&text, 1024 * 1024);
    for (unsigned i = 0; i < 1000; i++)
        buf_addf(&text, "trap \"t%u@shop.example\" { class = pristine }\n", i);
    while (text.n < text.max)
        buf_add_byte(&text, '#');
    assert_int_equal(text.err, TRAP_OK);
    assert_int_equal(file_replace(path, buf_bytes(&text), 0600, NULL), TRAP_OK);
    assert_int_equal(config_read(path, &c, &why), TRAP_OK);
    assert_int_equal(c->trap_count, 1000);
    assert_string_equal(c->traps[999].address, "t999@shop.example");
    config_free(&c);
    buf_free(&text);
}

static void test_manual(void **state)
{
    static const char *const parts[] = {
        ".TH TRAPLINE.CONF 5",    ".B commit_deadline\n", ".SH SECTION policy / weights",
        "Default: \\(dq10M\\(dq", ".B conservative",      "Required."
    };
    struct buf out;
    const char *text;

    (void)state;
    buf_init(&out, 1 << 20);
    config_manual(&out);
    text = buf_cstr(&out);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("the manual lacks: %s", parts[i]);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_default_daemons),
        cmocka_unit_test(test_example_traps), cmocka_unit_test(test_example_daemons),
        cmocka_unit_test(test_example_zones), cmocka_unit_test(test_presets),
        cmocka_unit_test(test_class_names),   cmocka_unit_test(test_policy_of_other_name),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_trap_domain_lookup),
        cmocka_unit_test(test_manual),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
