#include "hit_scratch.h"

#include <sqlite3.h>

struct sjob {
    struct session_job session;
    struct waiter *waiter;
};
struct cjob {
    struct counter_job counter;
    struct waiter *waiter;
};

static void on_session_done(struct commit_job *job, enum trap_err result)
{
    waiter_done(MPSC_OWNER(job, struct sjob, session.job)->waiter, result);
}

static void on_counter_done(struct commit_job *job, enum trap_err result)
{
    waiter_done(MPSC_OWNER(job, struct cjob, counter.job)->waiter, result);
}

static uint64_t append_session(struct hit_log *l, const struct session_record *r)
{
    struct waiter w;
    struct sjob job = { .session = { .job = { .done = on_session_done }, .session = *r }, .waiter = &w };

    waiter_init(&w);
    waiter_add(&w, 1);
    assert_int_equal(hit_log_submit_session(l, &job.session), TRAP_OK);
    waiter_wait(&w);
    assert_int_equal(w.last, TRAP_OK);
    return job.session.session.seq;
}

static void count(struct hit_log *l, struct ip sender, int64_t at_us, uint32_t n)
{
    struct waiter w;
    struct cjob job = {
        .counter = { .job = { .done = on_counter_done }, .sender = sender, .at = { at_us }, .n = n },
        .waiter = &w
    };

    waiter_init(&w);
    waiter_add(&w, 1);
    assert_int_equal(hit_log_submit_counter(l, &job.counter), TRAP_OK);
    waiter_wait(&w);
    assert_int_equal(w.last, TRAP_OK);
}

/* What was read, in one line of text: a field that is lost or mixed up shows. */
struct told {
    char text[2000];
};

static void tell(struct told *t, const char *name, struct bytes v)
{
    const size_t n = strlen(t->text);

    (void)snprintf(t->text + n, sizeof t->text - n, " %s=%.*s", name, (int)v.n, (const char *)v.p);
}

static void tell_number(struct told *t, const char *name, uint64_t v)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    tell(t, name, bytes_str(text));
}

static enum trap_err on_session(const struct session_record *r, void *arg)
{
    struct told *t = arg;
    char ip[IP_TEXT_MAX];

    tell_number(t, "seq", r->seq);
    tell_number(t, "at", (uint64_t)r->at.us);
    tell_number(t, "session", r->session);
    tell(t, "client", bytes_str(ip_text(r->client, ip)));
    tell(t, "local", bytes_str(ip_text(r->local, ip)));
    tell_number(t, "port", r->local_port);
    tell_number(t, "ms", r->duration_ms);
    tell(t, "helo", r->helo);
    tell_number(t, "flags", r->flags);
    tell_number(t, "commands", r->commands);
    tell_number(t, "errors", r->errors);
    tell_number(t, "hits", r->hits);
    tell_number(t, "unknown", r->refused_unknown);
    tell_number(t, "relay", r->refused_relay);
    tell_number(t, "limit", r->refused_limit);
    tell_number(t, "auths", r->auth_attempts);
    tell_number(t, "class", r->attempt_class);
    tell(t, "attempt", r->attempt_address);
    tell_number(t, "first", r->first_command_ms);
    tell_number(t, "helo_class", r->helo_class);
    tell_number(t, "tls", r->tls_version);
    tell(t, "cipher", r->tls_cipher);
    tell(t, "ja4", r->ja4);
    tell(t, "sni", r->sni);
    for (size_t i = 0; i < r->auth_count; i++) {
        tell(t, "mechanism", r->auths[i].mechanism);
        tell(t, "user", r->auths[i].user);
        tell_number(t, "secret", r->auths[i].secret[0] * 1000u + r->auths[i].secret[15]);
    }
    return TRAP_OK;
}

static const struct auth_attempt auths[AUTH_KEPT_MAX + 1] = {
    { BYTES_INIT("LOGIN"), BYTES_INIT("info@old-brand.example"), { 7, [15] = 9 } },
    { BYTES_INIT("PLAIN"), BYTES_INIT("a\0b\n"), { 0 } },
    [15] = { BYTES_INIT("CRAM-MD5"), BYTES_INIT("the sixteenth"), { 1 } },
    [16] = { BYTES_INIT("CRAM-MD5"), BYTES_INIT("the seventeenth"), { 1 } },
};

static struct session_record full(void)
{
    return (struct session_record){ .at = { 77 },
                                    .session = 0x8123456789abcdef,
                                    .client = ip_v4(198, 51, 100, 1),
                                    .local = ip_v4(192, 0, 2, 1),
                                    .local_port = 25,
                                    .duration_ms = 1234,
                                    .helo = BYTES("helo.example"),
                                    .flags = HIT_EARLY_TALK | HIT_TARPIT,
                                    .commands = 1,
                                    .errors = 2,
                                    .hits = 3,
                                    .refused_unknown = 4,
                                    .refused_relay = 5,
                                    .refused_limit = 6,
                                    .auth_attempts = 40,
                                    .auths = auths,
                                    .auth_count = 2,
                                    .helo_class = 5,
                                    .first_command_ms = 61000,
                                    .tls_version = 0x0303,
                                    .tls_cipher = BYTES("ECDHE-RSA-AES256-GCM-SHA384"),
                                    .ja4 = BYTES("t12d190800_d83cc789557e_7af1ed941c26"),
                                    .sni = BYTES("mx.example.net"),
                                    .attempt_class = RCPT_PRISTINE,
                                    .attempt_address = BYTES("sales@shop.example") };
}

/* The user of the second attempt holds a NUL: "%.*s" ends there. */
static const char full_text[] =
    " seq=1 at=77 session=9305357566071262703 client=198.51.100.1 local=192.0.2.1 port=25 ms=1234 "
    "helo=helo.example"
    " flags=268437504 commands=1 errors=2 hits=3 unknown=4 relay=5 limit=6 auths=40 class=2"
    " attempt=sales@shop.example first=61000 helo_class=5 tls=771 cipher=ECDHE-RSA-AES256-GCM-SHA384"
    " ja4=t12d190800_d83cc789557e_7af1ed941c26 sni=mx.example.net"
    " mechanism=LOGIN user=info@old-brand.example secret=7009 mechanism=PLAIN user=a secret=0";

static void test_sessions(void **state)
{
    const struct conf_store conf = scratch_conf();
    const struct session_record empty = { .at = { 78 }, .first_command_ms = UINT32_MAX };
    struct session_record r = full();
    struct told got = { "" };
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    uint64_t last = 0, erased;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    assert_int_equal(append_session(l, &r), 1);
    assert_int_equal(append_session(l, &empty), 2);
    r.auth_count = AUTH_KEPT_MAX + 1;
    assert_int_equal(append_session(l, &r), 3);
    hit_log_close(&l);
    db = open_reader(&s, STORE_HITS);
    assert_int_equal(session_bounds(db, &last, &erased), TRAP_OK);
    assert_int_equal(last, 3);
    assert_int_equal(session_each(db, 0, 1, on_session, &got, &last), TRAP_OK);
    assert_string_equal(got.text, full_text);
    got.text[0] = '\0';
    assert_int_equal(session_each(db, 1, 1, on_session, &got, &last), TRAP_OK);
    assert_string_equal(got.text,
                        " seq=2 at=78 session=0 client=:: local=:: port=0 ms=0 helo= flags=0 commands=0 "
                        "errors=0 hits=0 unknown=0 relay=0 limit=0 auths=0 class=0 attempt= first=4294967295 "
                        "helo_class=0 tls=0 cipher= ja4= sni=");
    got.text[0] = '\0';
    assert_int_equal(session_each(db, 2, 10, on_session, &got, &last), TRAP_OK);
    assert_non_null(strstr(got.text, "the sixteenth"));
    assert_null(strstr(got.text, "the seventeenth"));
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err on_user(const struct session_record *r, void *arg)
{
    assert_true(r->auth_count == 2 && r->auths[1].user.n == 4 &&
                memcmp(r->auths[1].user.p, "a\0b\n", 4) == 0);
    *(unsigned *)arg += 1;
    return TRAP_OK;
}

static void test_octets_of_a_user_name(void **state)
{
    const struct conf_store conf = scratch_conf();
    const struct session_record r = full();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    uint64_t last = 0;
    unsigned calls = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    (void)append_session(l, &r);
    hit_log_close(&l);
    db = open_reader(&s, STORE_HITS);
    assert_int_equal(session_each(db, 0, 10, on_user, &calls, &last), TRAP_OK);
    assert_int_equal(calls, 1);
    store_close(&db);
    scratch_end(&s);
}

struct numbers {
    uint64_t v[16];
    size_t n;
};

static enum trap_err on_seq(const struct session_record *r, void *arg)
{
    struct numbers *n = arg;

    n->v[n->n++] = r->seq;
    return TRAP_OK;
}

static void test_by_client(void **state)
{
    static const struct {
        const char *client;
        uint64_t session;
    } rows[] = { { "198.51.100.1", 1 }, { "198.51.100.2", 1 }, { "198.51.100.1", 2 },
                 { "2a00:1::5", 3 },    { "2a00:1::6", 3 },    { "198.51.100.1", 1 } };
    const struct conf_store conf = scratch_conf();
    struct session_record r = full();
    struct numbers n = { { 0 }, 0 };
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct prefix p;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(ip_parse(bytes_str(rows[i].client), &r.client), TRAP_OK);
        r.session = rows[i].session;
        (void)append_session(l, &r);
    }
    hit_log_close(&l);
    db = open_reader(&s, STORE_HITS);
    assert_int_equal(prefix_parse(BYTES("198.51.100.1"), &p), TRAP_OK);
    assert_int_equal(session_by_client(db, p, 2, on_seq, &n), TRAP_OK);
    assert_true(n.n == 2 && n.v[0] == 6 && n.v[1] == 3);
    n.n = 0;
    assert_int_equal(prefix_parse(BYTES("2a00:1::/64"), &p), TRAP_OK);
    assert_int_equal(session_by_client(db, p, 10, on_seq, &n), TRAP_OK);
    assert_true(n.n == 2 && n.v[0] == 5 && n.v[1] == 4);
    store_close(&db);
    scratch_end(&s);
}

static enum trap_err on_counter(const struct counter_row *c, void *arg)
{
    struct told *t = arg;
    char text[PREFIX_TEXT_MAX];

    tell(t, "sender", bytes_str(prefix_text(c->sender, text)));
    tell_number(t, "hour", c->hour);
    tell_number(t, "count", c->count);
    tell_number(t, "first", (uint64_t)c->first.us);
    tell_number(t, "last", (uint64_t)c->last.us);
    return TRAP_OK;
}

static void test_counters(void **state)
{
    static const struct {
        const char *prefix, *expected;
    } cases[] = {
        { "198.51.100.1", " sender=198.51.100.1 hour=2 count=1 first=7200000000 last=7200000000"
                          " sender=198.51.100.1 hour=1 count=12 first=3600000005 last=7199999999" },
        { "198.51.100.2", "" },
        { "2a00:1:0:1::/64", " sender=2a00:1:0:1::/64 hour=1 count=3 first=3600000000 last=3600000001" },
        { "2a00:1:0:2::/64", " sender=2a00:1:0:2::/64 hour=1 count=9 first=3600000000 last=3600000000" },
    };
    const struct conf_store conf = scratch_conf();
    struct scratch s;
    struct hit_log *l;
    struct store_db *db;
    struct ip six;
    uint64_t rows = 0, messages = 0;

    (void)state;
    scratch_begin(&s, true);
    l = open_log(&s, &conf);
    count(l, ip_v4(198, 51, 100, 1), 3600000010, 1);
    count(l, ip_v4(198, 51, 100, 1), 7199999999, 10);
    count(l, ip_v4(198, 51, 100, 1), 3600000005, 1); /* the clock went back: first is the earliest */
    count(l, ip_v4(198, 51, 100, 1), 7200000000, 1);
    assert_int_equal(ip_parse(BYTES("2a00:1:0:1::5"), &six), TRAP_OK);
    count(l, six, 3600000000, 1);
    assert_int_equal(ip_parse(BYTES("2a00:1:0:1:ffff::5"), &six), TRAP_OK);
    count(l, six, 3600000001, 2);
    assert_int_equal(ip_parse(BYTES("2a00:1:0:2::5"), &six), TRAP_OK);
    count(l, six, 3600000000, 9);
    hit_log_close(&l);
    db = open_reader(&s, STORE_HITS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct told got = { "" };
        struct prefix p;

        assert_int_equal(prefix_parse(bytes_str(cases[i].prefix), &p), TRAP_OK);
        assert_int_equal(counter_by_sender(db, p, 10, on_counter, &got), TRAP_OK);
        assert_string_equal(got.text, cases[i].expected);
    }
    assert_int_equal(counter_total(db, &rows, &messages), TRAP_OK);
    assert_int_equal(rows, 4);
    assert_int_equal(messages, 25);
    store_close(&db);
    scratch_end(&s);
}

/* One table for the command line and the tests: every mark has its name, and keeps it. */
static void test_flag_names(void **state)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } cases[] = {
        { HIT_NULL_SENDER, "null_sender" },
        { HIT_TLS, "tls" },
        { HIT_ESMTP, "esmtp" },
        { HIT_XCLIENT, "xclient" },
        { HIT_PROXY, "proxy" },
        { HIT_XFORWARD, "xforward" },
        { HIT_BARE_LF, "bare_lf" },
        { HIT_BARE_CR, "bare_cr" },
        { HIT_NUL, "nul" },
        { HIT_8BIT, "8bit" },
        { HIT_LONG_LINE, "long_line" },
        { HIT_EARLY_TALK, "early_talk" },
        { HIT_PIPELINED, "pipelined" },
        { HIT_SLOPPY_PATH, "sloppy_path" },
        { HIT_LIST_HEADER, "list_header" },
        { HIT_AUTO_SUBMITTED, "auto_submitted" },
        { HIT_REPORT, "report" },
        { HIT_CUT, "cut" },
        { HIT_BDAT, "bdat" },
        { HIT_REFUSED_AFTER_DATA, "refused_after_data" },
        { HIT_SMTPUTF8, "smtputf8" },
        { HIT_TLS_ON_PLAIN, "tls_on_plain" },
        { HIT_INJECTED, "injected" },
        { HIT_OTHER_PROTOCOL, "other_protocol" },
        { HIT_RELAY_PROBE, "relay_probe" },
        { HIT_DICTIONARY, "dictionary" },
        { HIT_AUTH, "auth" },
        { HIT_TARPIT, "tarpit" },
        { HIT_BACKSCATTER, "backscatter" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(hit_flag_name(cases[i].flag), cases[i].name);
    for (uint32_t bit = (uint32_t)HIT_BACKSCATTER << 1; bit != 0; bit <<= 1)
        assert_null(hit_flag_name(bit));
    assert_null(hit_flag_name(0));
    assert_null(hit_flag_name(HIT_TLS | HIT_ESMTP));
}

/* As the log has them; every bit at once fits. */
static void test_flags_text(void **state)
{
    char text[HIT_FLAGS_TEXT_MAX];
    size_t names = 1;

    (void)state;
    assert_string_equal(hit_flags_text(0, text), "");
    assert_string_equal(hit_flags_text(HIT_TLS, text), "tls");
    assert_string_equal(hit_flags_text(HIT_TARPIT | HIT_ESMTP | HIT_NULL_SENDER, text), "null_sender,esmtp,tarpit");
    assert_string_equal(hit_flags_text(1U << 31 | HIT_TLS, text), "tls");
    for (const char *c = hit_flags_text(UINT32_MAX, text); *c != '\0'; c++)
        names += *c == ',';
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        names -= hit_flag_name(bit) != NULL;
    assert_int_equal(names, 0);
    assert_true(strlen(text) + 64 < sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),   cmocka_unit_test(test_octets_of_a_user_name),
        cmocka_unit_test(test_by_client),  cmocka_unit_test(test_counters),
        cmocka_unit_test(test_flag_names),
        cmocka_unit_test(test_flags_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
