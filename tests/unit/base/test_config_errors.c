/* Wrong configurations: each gives FILE:LINE, what is wrong, what is allowed. */
#include <base/config.h>
#include <base/file.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/trapline-test-confbad-XXXXXX";
static char path[PATH_TEXT_MAX];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL || path_join(dir, "t.conf", path) != TRAP_OK)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dir_remove(dir, NULL) == TRAP_OK ? 0 : -1;
}

#define MINTED  "trap_domain \"m.example\" { class = minted }\n"
#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *text;
    int line;
    const char *says;
} cases[] = {
    /* unknown keys, at every nesting */
    { "\nfoo = 1\n", 2, "unknown key 'foo'; allowed: state_dir, node_id, user" },
    { "web {\n\n bar = 1 }", 3, "unknown key 'bar' in section web; allowed: listen, trusted_proxies" },
    { "policy \"p\" {\n weights {\n x = 1 } }", 3, "unknown key 'x' in section weights; allowed: minted" },
    { "policy \"p\" { harvesters {\n x = 1 } }", 2,
      "unknown key 'x' in section harvesters; allowed: visit_age_max" },
    { "zone \"z.example\" { kidn = senders }", 1, "unknown key 'kidn' in section zone; nearest: kind; allowed: kind" },
    { "smtp { tls_lisen = {} }", 1, "unknown key 'tls_lisen' in section smtp; nearest: tls_listen; allowed" },
    { "smtp { TLS_listen = {} }", 1, "unknown key 'TLS_listen' in section smtp; allowed" },
    { "smtp { tls_certificate = {} }", 1, "'tls_certificate' in section smtp; nearest: tls_certificates; allowed" },
    { "smtp { tlsls = on }", 1, "'tlsls' in section smtp; nearest: tls; allowed" },
    { "smtp { xx = on }", 1, "'xx' in section smtp; allowed" },
    { "hostname = mx.example", 1, "unknown key 'hostname'; it belongs into section smtp; allowed" },
    { "listen = {}", 1, "unknown key 'listen'; it belongs into section web or into section smtp; allowed" },
    { "web { user = a }", 1, "unknown key 'user' in section web; it belongs outside of all sections; allowed" },
    { "weights { minted = 1 }", 1, "unknown key 'weights'; allowed: state_dir" },
    { "include(\"/etc/passwd\")", 1, "unknown key 'include'" },
    { "__unknown = 1", 1, "unknown key '__unknown'" },
    { "Node_id = 1", 1, "unknown key 'Node_id'" },
    { "hub { }", 1, "unknown key 'hub'" },
    /* grammar */
    { "state_dir = \"/a\nnode_id = 1\n", 1, "a string begins on this line and has no closing \"" },
    { "\n\nuser = 'a\n", 3, "has no closing '" },
    { "user = \"a\\\nb\"", 1, "a string begins on this line" },
    { "web {\nthreads = 1\n", 1, "a brace is opened here and never closed" },
    { "web {\n listen = {\"127.0.0.1:80\"\n}\n", 1, "a brace is opened here and never closed" },
    { "policy \"p\" {\n weights {\n", 2, "a brace is opened here and never closed" },
    { "web { }\n}\n", 2, "a closing brace without an opening one" },
    { "web { { { { { { { { {", 1, "braces are nested more than 8 deep" },
    { "\n/* one\ntwo\n", 2, "a comment begins here and never ends" },
    { "# a\n// b\n/* c\nd */\nfoo = 1", 5, "unknown key 'foo'" }, /* libconfuse alone says 10 */
    { "node_id 1", 1, "missing equal sign" },
    { "\nnode_id =\n", 3, "a value is missing" },
    { "node_id", 1, "a value is missing" },
    { "node_id = 1, user = a", 1, "unexpected token ','; allowed: key = value" },
    { "node_id = {1}", 1, "unexpected token '{'" },
    { "node_id += 1", 1, "attempt to append" },
    { "node_id = 1;", 1, "node_id: \"1;\" is not allowed" },
    { "web = 3", 1, "missing opening brace for section 'web'" },
    { "zone { }", 1, "missing title for section 'zone'; allowed: name \"TITLE\" { ... }" },
    { "zone a.example b { }", 1, "missing opening brace" },
    { "web { listen = {\"127.0.0.1:1\" \"127.0.0.1:2\"} }", 1, "unexpected token" },
    { "web { listen = { {\"127.0.0.1:1\"} } }", 1, "unexpected token '{'" },
    { "state_dir = \"${HOME}\"", 1, "\"${\" is not replaced by the environment here" },
    { "\nstate_dir = ${HOME}", 2, "\"${\" is not replaced by the environment here" },
    { "user = \"\x01\"", 1, "control character 0x01 in a string" },
    { "\n\x02", 2, "control character 0x02; this is not a text file" },
    { "user = \"\\x1b[2J\"", 1, "user: \"(unprintable)\" is not allowed" },
    /* twice */
    { "node_id = 1\nnode_id = 2", 2, "node_id is already set on line 1" },
    { "never_list = {\"10.0.0.0/8\"}\nnever_list = {\"11.0.0.0/8\"}", 2,
      "never_list is already set on line 1" },
    { "never_list = {\"10.0.0.0/8\"}\nnever_list = {}", 1, "never_list is set here and again, to nothing" },
    { "web { }\nsmtp { }\nweb {\n threads = 1 }", 3, "section web already stands on line 1" },
    { "policy \"p\" { weights { }\n weights { } }", 2, "section weights already stands on line 1" },
    { MINTED MINTED, 2, "duplicate title 'm.example'; each stands once" },
    { MINTED "trap_domain \"M.Example.\" {\n class = typo\n}\n", 2,
      "trap_domain \"m.example\" already stands on line 1" },
    { "zone \"z.example\" { }\nzone \"Z.example\" { }\nzone \"z.Example\" { }", 2,
      "zone \"z.example\" already stands on line 1" },
    { "site \"a\" { }\nsite \"A\" { }", 2, "site \"a\" already stands on line 1" },
    { "policy \"p\" { }\npolicy \"p\" { }", 2, "duplicate title 'p'" },
    { "trap \"a@b.example\" { class = typo }\ntrap \"A@b.example\" { class = typo }", 2,
      "trap \"a@b.example\" already stands on line 1" },
    { "web { listen = {\"127.0.0.1:80\"} }\nsmtp {\n listen = {\"127.0.0.1:80\"} }", 3,
      "127.0.0.1 port 80 is already in web.listen" },
    { "smtp { listen = {\"[::]:25\",\n\"[::]:25\"} }", 1,
      "smtp.listen: :: port 25 is already in smtp.listen" },
    { "smtp {\n listen = {\"[::]:25\"}\n tls_listen = {\"[::]:25\"} }", 3,
      "smtp.tls_listen: :: port 25 is already in smtp.listen" },
    { "smtp {\n tls = \"off\"\n tls_listen = {\"[::]:465\"} }", 3,
      "smtp.tls_listen: needs smtp.tls = \"on\"" },
    { "smtp { tls_min = \"0.9\" }", 1, "tls_min: \"0.9\" is not allowed; allowed: 1.0, 1.1, 1.2, 1.3" },
    /* numbers, spans, sizes */
    { "node_id = one", 1, "node_id: \"one\" is not allowed; allowed: a whole number from 1 to 255" },
    { "node_id = 0", 1, "allowed: a whole number from 1 to 255" },
    { "node_id = 256", 1, "allowed: a whole number from 1 to 255" },
    { "node_id = -1", 1, "allowed: a whole number from 1 to 255" },
    { "node_id = 1.5", 1, "node_id: \"1.5\" is not allowed" },
    { "node_id = \"\"", 1, "node_id: \"\" is not allowed" },
    { "node_id = \"1 \"", 1, "node_id: \"1 \" is not allowed" },
    { "node_id = 99999999999999999999999999", 1, "allowed: a whole number from 1 to 255" },
    { "web { threads = 65 }", 1, "allowed: a whole number from 1 to 64" },
    { "web { visit_window = 1 }", 1,
      "visit_window: \"1\" is not allowed; allowed: a length of time like \"30s\"" },
    { "web { visit_window = 8d }", 1, "or \"7d\", from 0 to 7d" },
    { "web { commit_deadline = 0 }", 1, "from 1ms to 10s" },
    { "web { visits_per_day = 1M }", 1, "allowed: a whole number from 1 to 100000000" },
    { "web { header_max = 16kB }", 1, "allowed: a size like \"64k\" or \"10M\", from 1k to 1M" },
    { "smtp { line_max = 511 }", 1,
      "line_max: \"511\" is not allowed; allowed: a size like \"64k\" or \"10M\", from 512 to 64k" },
    { "smtp { recipients_max = 99 }", 1, "allowed: a whole number from 100 to" },
    { "smtp { command_timeout = 30 }", 1, "command_timeout: \"30\" is not allowed" },
    { "export { interval = 999ms }", 1, "from 1s to 1h" },
    { "policy \"p\" { threshold = 0 }", 1, "a number with at most three decimals, from 0.001 to 1000" },
    { "policy \"p\" { threshold = 1.0001 }", 1, "threshold: \"1.0001\" is not allowed" },
    { "policy \"p\" { weights { typo = -1 } }", 1, "from 0 to 100" },
    { "policy \"p\" { young_sources = none }", 1, "\"any\", or a whole number from 0 to" },
    { "policy \"p\" { listing_delay = \"60m-10m\" }", 1, "\"0\", or two lengths of time like \"10m-60m\"" },
    { "policy \"p\" {\n escalate = {\"1 of /32 in /24\"} }", 2, "\"5 of /32 in /24\": how many listed members (2 or more)" },
    { "policy \"p\" { escalate = {\"5 of 32 in /24\"} }", 1, "IPv4 networks from /16, IPv6 networks from /32" },
    { "policy \"p\" { escalate = {\"5 of /32 in /24 \"} }", 1, "5 of /32 in /24" },
    { "policy \"p\" { escalate = {\"5 of /32 in /15\"} }", 1, "IPv4 networks from /16" },
    { "policy \"p\" { escalate = {\"5 of /32 in /32\"} }", 1, "each shorter than its members" },
    { "policy \"p\" { escalate = {\"257 of /32 in /24\"} }", 1, "how many listed members" },
    { "policy \"p\" { escalate = {\"2 of /64 in /31\"} }", 1, "IPv6 networks from /32" },
    { "policy \"p\" { escalate = {\"2 of /65 in /56\"} }", 1, "how many listed members" },
    { "policy \"p\" {\n threshold = 2\n escalate = {\"2 of /56 in /48\", \"2 of /64 in /56\"} }", 3,
      "nothing makes members of the length /56; allowed: /32 (IPv4), /64 (IPv6), or the network of a row before" },
    { "policy \"p\" { escalate = {\"2 of /24 in /20\"} }", 1, "nothing makes members of the length /24" },
    { "policy \"p\" { listing_delay = 10m }", 1, "\"0\", or two lengths of time" },
    { "policy \"p\" { listing_delay = \"10m-\" }", 1, "\"0\", or two lengths of time" },
    { "policy \"p\" {\n longest_stay = 1h\n listing_delay = \"0s-1h\" }", 3,
      "listing_delay must be shorter than longest_stay" },
    /* words */
    { "guard = yes", 1, "guard: \"yes\" is not allowed; allowed: on, off" },
    { "log_level = Info", 1, "allowed: error, warning, info, debug" },
    { "trap_domain \"a.example\" { class = mint }", 1,
      "class: \"mint\" is not allowed; allowed: minted, pristine, recycled, typo" },
    { "trap \"a@b.example\" { class = minted }", 1,
      "class: \"minted\" is not allowed; allowed: pristine, recycled, typo" },
    { "\ntrap_domain \"a.example\" {\n}\n", 2,
      "trap_domain \"a.example\": class is missing; allowed: minted" },
    { "trap \"a@b.example\" { }", 1, "trap \"a@b.example\": class is missing; allowed: pristine" },
    { "trap_domain \"a.example\" { class = minted unknown = drop }", 1, "allowed: reject, accept" },
    { "smtp { after_data = 1 }", 1, "allowed: accept, reject" },
    { "smtp { lookup_url = \"https://x/ y\" }", 1, "lookup_url: \"https://x/ y\" is not allowed" },
    { "smtp { lookup_url = \"https://x/$/$\" }", 1, "with \"$\" at most once" },
    { "trap_domain \"a.example\" { class = minted\n after_data = reject }", 2, "is not for minted domains" },
    { "zone \"z.example\" {\n formats = {\"cidr\", \"pdf\"} }", 2,
      "\"pdf\" is not allowed; allowed: cidr, postfix, nftables, nginx, apache, haproxy, csv, jsonl" },
    { "zone \"z.example\" { kind = sender }", 1,
      "allowed: senders4, senders6, senders, harvesters, combined" },
    { "zone \"z.example\" { publish = yes }", 1, "allowed: shadow, live" },
    { "policy \"p\" { preset = strict }", 1, "allowed: aggressive, standard, conservative" },
    { "zone \"z.example\" { code = 1 }", 1, "allowed: a whole number from 2 to 255" },
    { "zone \"z.example\" { code = 256 }", 1, "allowed: a whole number from 2 to 255" },
    /* networks and endpoints */
    { "never_list = {\"10.0.0.0/8\",\n\"10.0.0.1/8\"}", 2,
      "never_list: \"10.0.0.1/8\": bits are set behind the prefix length; allowed: \"10.0.0.0/8\"" },
    { "never_list = {\"2001:db8::1/32\"}", 1, "allowed: \"2001:db8::/32\"" },
    { "never_list = {\"10.0.0.0/33\"}", 1, "allowed: a network like \"192.0.2.0/24\"" },
    { "never_list = {\"10.0.0\"}", 1, "never_list: \"10.0.0\" is not allowed" },
    { "never_list = {\"example.net\"}", 1, "never_list: \"example.net\" is not allowed" },
    { "web { listen = {\"8080\"} }", 1, "listen: \"8080\" is not allowed; allowed: IP:PORT" },
    { "web { listen = {\"localhost:80\"} }", 1, "allowed: IP:PORT" },
    { "web { listen = {\"127.0.0.1:65536\"} }", 1, "allowed: IP:PORT" },
    { "smtp { listen = {\"::1:25\"} }", 1, "allowed: IP:PORT" },
    { "smtp { socketmap_listen = \"run/x\" }", 1, "a path that begins with \"/\", or IP:PORT, or \"\"" },
    { "smtp { xclient_from = {\"0.0.0.0/0\"} }", 1, "would let anybody claim any address" },
    { "smtp { xclient_from = {\"::/0\"} }", 1, "would let anybody claim any address" },
    { "smtp { xclient_from = {\"0.0.0.0/1\",\"128.0.0.0/1\"} }", 1, "would let anybody claim any address" },
    { "smtp { xclient_from = {\"::/8\"} }", 1, "would let anybody claim any address" },
    { "smtp { xclient_from = {\"2000::/3\"} }", 1, "would let anybody claim any address" },
    { "smtp { proxy_from = {\"0.0.0.0/0\"} }", 1, "would let anybody claim any address" },
    { "smtp { xforward_from = {\"0.0.0.0/0\"} }", 1,
      "xforward_from: \"0.0.0.0/0\": it would let anybody claim any address" },
    { "web { trusted_proxies = {\"::/0\"} }", 1, "would let anybody claim any address" },
    { "web { trusted_proxies = {\"0.0.0.0/0\"} }", 1, "would let anybody claim any address" },
    /* names */
    { "\ntrap_domain \"-a.example\" {\n class = typo }", 2,
      "trap_domain name: \"-a.example\" is not allowed; allowed: a domain name" },
    { "trap_domain \"example\" { class = typo }", 1, "allowed: a domain name" },
    { "trap_domain \"a.example\" { class = minted\n reserved = {\"anna\", \"a@b.example\"} }", 2,
      "reserved: \"a@b.example\" is not allowed; allowed: the part of an address before the \"@\"" },
    { "trap_domain \"a.example\" { class = minted reserved = {\"\"} }", 1, "before the \"@\"" },
    { "trap_domain \"a.example\" { class = minted reserved = {\"x.\"} }", 1, "before the \"@\"" },
    { "trap_domain \"a.example\" { class = minted reserved = {\"Kim\"} }\n\ntrap \"kim@A.example\" { class = "
      "typo }",
      3, "trap \"kim@a.example\": the name is reserved" },
    { "trap_domain \"a..example\" { class = typo }", 1, "allowed: a domain name" },
    { "trap_domain \"\" { class = typo }", 1, "allowed: a domain name" },
    { "trap_domain \".\" { class = typo }", 1, "allowed: a domain name" },
    { "trap_domain \"192.0.2.1\" { class = typo }", 1, "allowed: a domain name" },
    { "trap_domain \"a_b.example\" { class = typo }", 1, "allowed: a domain name" },
    { "trap_domain \"a" LABEL63 ".example\" { class = typo }", 1, "at most 63 each" },
    { "trap_domain \"b\xc3\xbc"
      "cher.example\" { class = typo }",
      1, "write its \"xn--\" form" },
    { "smtp { hostname = \"mx_1.example\" }", 1, "allowed: a host name like" },
    { "smtp { hostname = \"\" }", 1, "allowed: a host name like" },
    { "zone \"z.example\" { ns = {\"ns1\"} }", 1, "ns: \"ns1\" is not allowed" },
    { "zone \"z.example\" { contact = \"a@b.example\" }", 1, "contact: \"a@b.example\" is not allowed" },
    { "zone \"" LABEL63 "." LABEL63 "." LABEL63 ".example\" { }", 1, "zone name: " },
    { "zone \"z.example\" { text = \"\" }", 1, "printable ASCII text, 1 to 200 bytes" },
    { "zone \"z.example\" { text = \"gr\xc3\xbc\xc3\x9f\" }", 1, "printable ASCII text" },
    { "trap \"a\" { class = typo }", 1, "trap address: \"a\" is not allowed; allowed: an address like" },
    { "trap \"@b.example\" { class = typo }", 1, "an address like" },
    { "trap \"a@\" { class = typo }", 1, "an address like" },
    { "trap \"a@b\" { class = typo }", 1, "an address like" },
    { "trap \"a@-b.example\" { class = typo }", 1, "an address like" },
    { "trap \"a..b@b.example\" { class = typo }", 1, "an address like" },
    { "trap \"a.@b.example\" { class = typo }", 1, "an address like" },
    { "trap \".a@b.example\" { class = typo }", 1, "an address like" },
    { "trap \"a b@b.example\" { class = typo }", 1, "an address like" },
    { "trap \"a@c@b.example\" { class = typo }", 1, "an address like" },
    { "trap \"a" LABEL63 "a@b.example\" { class = typo }", 1, "an address like" },
    { "state_dir = \"var/lib\"", 1,
      "state_dir: \"var/lib\" is not allowed; allowed: a path that begins with \"/\"" },
    { "state_dir = \"\"", 1, "state_dir: \"\" is not allowed" },
    { "guard_files = {\"a\"}", 1, "guard_files: \"a\" is not allowed" },
    { "user = \"a b\"", 1, "user: \"a b\" is not allowed; allowed: letters, digits" },
    { "policy \"a/b\" { }", 1, "policy name: \"a/b\" is not allowed" },
    /* more than one key */
    { "zone \"z.example\" {\n policy = strict }", 2,
      "zone \"z.example\": there is no policy \"strict\"; allowed: names of policy blocks, aggressive" },
    { MINTED "site \"a\" {\n trap_domains = {m.example, x.example} }", 3,
      "site \"a\": \"x.example\" is not a trap domain" },
    { "trap_domain \"r.example\" { class = recycled }\nsite \"a\" { trap_domains = r.example }", 2,
      "\"r.example\" is of class recycled; allowed: trap domains of class minted" },
    { "export { stale_after = 10m }", 1, "stale_after must be longer than full_interval" },
    { "export {\n full_interval = 6h }", 1, "stale_after must be longer than full_interval" },
    { "export { interval = 2m\n full_interval = 1m }", 2, "full_interval must not be shorter than interval" },
    /* the first error is the one that is said */
    { "foo = 1\nbar = 2\n", 1, "'foo'" },
    { "zone \"z.example\" { policy = strict }\nnode_id = x", 2, "node_id" },
};

/* Says what is not as expected, so that one run shows all of it. */
static bool is_error(struct bytes text, int line, const char *says)
{
    struct config *c = NULL;
    struct err_text why = { "old" };
    char where[PATH_TEXT_MAX + 32];

    assert_int_equal(file_replace(path, text, 0600, NULL), TRAP_OK);
    if (config_read(path, &c, &why) != TRAP_EINVAL)
        why.text[0] = '\0';
    config_free(&c);
    (void)snprintf(where, sizeof where, "%s:%d: ", path, line);
    if (strncmp(why.text, where, strlen(where)) != 0 || strstr(why.text, says) == NULL) {
        print_error("%.*s\n  said:     %s\n  expected: %d: %s\n", (int)text.n, (const char *)text.p, why.text,
                    line, says);
        return false;
    }
    return true;
}

static void test_cases(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        wrong += !is_error(bytes_str(cases[i].text), cases[i].line, cases[i].says);
    assert_int_equal(wrong, 0);
}

/* The rest of the file moves no line: the same cases behind comments, blank lines and Windows line ends. */
static void test_cases_further_down(void **state)
{
    static const char above[] =
        "\xef\xbb\xbf# first { \" ' ${\r\n\n// second {\n/* third\n*/\ngeoip {\n asn = '' # \"\n}\n";
    enum { LINES = 8 };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf text;

        buf_init(&text, 4096);
        buf_add_str(&text, above);
        buf_add_str(&text, cases[i].text);
        assert_int_equal(text.err, TRAP_OK);
        if (strstr(cases[i].says, "stands on line") == NULL && strstr(cases[i].says, "set on line") == NULL)
            wrong += !is_error(buf_bytes(&text), cases[i].line + LINES, cases[i].says);
        buf_free(&text);
    }
    assert_int_equal(wrong, 0);
}

/* No prefix of a good file makes us crash, hang, or say nothing. */
static void test_every_prefix(void **state)
{
    static const char good[] =
        MINTED "site \"a\" { trap_domains = {\"m.example\"} } /* c */ policy \"p\" { weights { typo = 1 } }\n"
               "zone \"z.example\" { policy = p text = \"a\\\"b\" } never_list = {\"10.0.0.0/8\", '::1'}\n";

    (void)state;
    for (size_t n = 0; n < sizeof good; n++) {
        struct config *c = NULL;
        struct err_text why = { "" };

        assert_int_equal(file_replace(path, bytes_of(good, n), 0600, NULL), TRAP_OK);
        if (config_read(path, &c, &why) == TRAP_OK)
            config_free(&c);
        else
            assert_int_equal(strncmp(why.text, path, strlen(path)), 0);
    }
}

static void test_nul(void **state)
{
    (void)state;
    assert_true(
        is_error(BYTES("node_id = 1\n\0foo = 1"), 2, "control character 0x00; this is not a text file"));
    assert_true(is_error(BYTES("\nuser = \"a\0b\""), 2, "control character 0x00 in a string"));
}

static void test_files(void **state)
{
    struct config *c = NULL;
    struct err_text why;
    char missing[PATH_TEXT_MAX];
    struct buf large;

    (void)state;
    assert_int_equal(path_join(dir, "missing.conf", missing), TRAP_OK);
    assert_int_equal(config_read(missing, &c, &why), TRAP_ENOENT);
    assert_non_null(strstr(why.text, "missing.conf: No such file or directory"));
    assert_int_equal(config_read(dir, &c, &why), TRAP_EIO);
    assert_non_null(strstr(why.text, "Is a directory"));

    buf_init(&large, 2 << 20);
    while (large.n <= 1 << 20)
        buf_add_byte(&large, '\n');
    assert_int_equal(file_replace(path, buf_bytes(&large), 0600, NULL), TRAP_OK);
    assert_int_equal(config_read(path, &c, &why), TRAP_ERANGE);
    assert_non_null(strstr(why.text, "is longer than 1048576 bytes"));
    buf_free(&large);
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_cases_further_down),
        cmocka_unit_test(test_every_prefix), cmocka_unit_test(test_nul),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
