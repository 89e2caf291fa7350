#include "client.h"

static void fine(struct httpd_request *r, void *arg)
{
    const struct httpd_response a = { 200, "text/plain", NULL, 0, BYTES("ok"), HTTPD_STATIC };

    (void)arg;
    httpd_respond(r, &a);
}

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static void test_connections(void **state)
{
    struct httpd_options o = { .request = fine, .connections_max = 3 };
    struct httpd *h = server_start(&o);
    struct httpd_stats stats;
    int fds[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(h);
        const struct reply *r = client_ask(fds[i], get);
        assert_int_equal(r->status, i < 3 ? 200 : 503);
        if (i == 3)
            assert_non_null(strstr(r->head, "close"));
    }
    assert_true(client_is_closed(fds[3]));
    httpd_stats(h, &stats);
    assert_int_equal(stats.connections, 3);
    assert_int_equal(stats.refused_connections, 1);
    (void)close(fds[0]);
    (void)close(fds[3]);
    pause_ms(100);
    fds[0] = client_connect(h); /* a place was given back */
    assert_int_equal(client_ask(fds[0], get)->status, 200);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    httpd_stop(&h, NULL, NULL);
}

static void test_per_ip(void **state)
{
    struct prefix_set exempt;
    struct httpd_options o = { .request = fine, .connections_per_ip = 2 };
    struct httpd *h = server_start(&o);
    struct prefix loop;
    int fds[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(h);
        assert_int_equal(client_ask(fds[i], get)->status, i < 2 ? 200 : 429);
    }
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    httpd_stop(&h, NULL, NULL);

    prefix_set_init(&exempt);
    assert_int_equal(prefix_parse(BYTES("127.0.0.0/8"), &loop), TRAP_OK);
    assert_int_equal(prefix_set_add(&exempt, loop), TRAP_OK);
    assert_int_equal(prefix_set_seal(&exempt), TRAP_OK);
    o.per_ip_exempt = &exempt;
    h = server_start(&o);
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(h);
        assert_int_equal(client_ask(fds[i], get)->status, 200);
    }
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    httpd_stop(&h, NULL, NULL);
    prefix_set_free(&exempt);
}

/* A request with a header section of exactly n bytes. */
static char *request_of(size_t n)
{
    static const char begin[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Fill: ", end[] = "\r\n\r\n";
    char *text = malloc(n + 1);

    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, begin, sizeof(begin) - 1);
    memcpy(text + n - (sizeof(end) - 1), end, sizeof(end));
    return text;
}

static void test_header(void **state)
{
    struct httpd_options o = { .request = fine, .header_max_bytes = 2000 };
    struct httpd *h = server_start(&o);
    static const struct {
        size_t n;
        int status;
    } cases[] = { { 1999, 200 }, { 2000, 200 }, { 2001, 431 }, { 20000, 431 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = request_of(cases[i].n);
        const int fd = client_connect(h);
        assert_int_equal(client_ask(fd, text)->status, cases[i].status);
        (void)close(fd);
        free(text);
    }
    httpd_stop(&h, NULL, NULL);
}

static void test_target(void **state)
{
    struct httpd_options o = { .request = fine };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);
    char text[HTTPD_TARGET_MAX + 64], target[HTTPD_TARGET_MAX + 2];

    (void)state;
    for (size_t n = HTTPD_TARGET_MAX - 1; n <= HTTPD_TARGET_MAX + 1; n++) {
        memset(target, 'x', sizeof(target));
        target[0] = '/';
        target[n] = '\0';
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
        assert_int_equal(client_ask(fd, text)->status, n <= HTTPD_TARGET_MAX ? 200 : 414);
    }
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

static void test_body(void **state)
{
    struct httpd_options o = { .request = fine };
    struct httpd *h = server_start(&o);
    int fd = client_connect(h);
    char chunk[4200];

    (void)state;
    assert_int_equal(client_ask(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n")->status, 413);
    (void)close(fd);
    fd = client_connect(h);
    client_send(fd, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    memset(chunk, 'x', sizeof(chunk));
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 4096, "\r\n", 3);
    for (int i = 0; i < 17; i++) /* 68 kB without an end */
        client_send(fd, chunk);
    assert_true(client_is_closed(fd));
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

static void test_idle(void **state)
{
    struct httpd_options o = { .request = fine, .idle_timeout = SPAN_S(1) };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);
    const mono_t begin = mono_now();

    (void)state;
    client_send(fd, "GET / HTT");
    assert_true(client_is_closed(fd));
    assert_in_range(mono_diff(mono_now(), begin).ms, 500, 30000);
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

/* An octet now and then moves the library's timeout, not ours; neither in the header nor in the body. */
static void test_drip(void **state)
{
    static const char *const begins[] = { "GET / HTTP/1.1\r\nHost: ", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" };
    struct httpd_options o = { .request = fine, .idle_timeout = SPAN_S(1) };
    struct httpd *h = server_start(&o);

    (void)state;
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        const int fd = client_connect(h);
        const mono_t begin = mono_now();

        client_send(fd, begins[i]);
        while (mono_diff(mono_now(), begin).ms < 60000 && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
            (void)poll(NULL, 0, 100);
        assert_in_range(mono_diff(mono_now(), begin).ms, 1900, 30000);
        (void)close(fd);
    }
    httpd_stop(&h, NULL, NULL);
}

/* Requests that come in time keep a connection for as long as they come. */
static void test_busy_connection_stays(void **state)
{
    struct httpd_options o = { .request = fine, .idle_timeout = SPAN_S(1) };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);

    (void)state;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(client_ask(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200);
        (void)poll(NULL, 0, 500);
    }
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections), cmocka_unit_test(test_per_ip), cmocka_unit_test(test_header),
        cmocka_unit_test(test_target),      cmocka_unit_test(test_body),   cmocka_unit_test(test_idle),
        cmocka_unit_test(test_drip),        cmocka_unit_test(test_busy_connection_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
