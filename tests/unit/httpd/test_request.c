#include "client.h"

/* Answers with what the handler saw. */
static void echo(struct httpd_request *r, void *arg)
{
    static const struct httpd_field fields[] = { { "X-One", "1" }, { "Cache-Control", "no-store" } };
    struct bytes many[2];
    char text[2048], ip[IP_TEXT_MAX];
    const size_t n = httpd_headers(r, "x-many", many, 2);
    const struct bytes agent = httpd_header(r, "user-agent");
    const int len = snprintf(text, sizeof(text), "%.*s|%.*s|%.*s|%.*s|%s|%.*s|%zu|%.*s", (int)r->method.n, r->method.p,
                             (int)r->host.n, r->host.p, (int)r->path.n, r->path.p, (int)r->query.n, r->query.p,
                             ip_text(r->peer, ip), (int)agent.n, agent.p, n, n >= 2 ? (int)many[1].n : 0,
                             n >= 2 ? (const char *)many[1].p : "");
    const struct httpd_response a = { 200, "text/html; charset=utf-8", fields, 2, bytes_of(text, (size_t)len), HTTPD_COPY };

    (void)arg;
    httpd_respond(r, &a);
}

static void never_resumed(struct httpd_request *r, struct httpd_wait *w, void *arg)
{
    (void)r;
    (void)w;
    (void)arg;
    fail();
}

struct view_case {
    const char *request, *body;
};
static const struct view_case views[] = {
    { "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "GET|a.example|/||127.0.0.1||0|" },
    { "GET /a%00b%2fc?x=%20&y HTTP/1.1\r\nHost: a:81\r\nUser-Agent: u\r\n\r\n", "GET|a:81|/a%00b%2fc|x=%20&y|127.0.0.1|u|0|" },
    { "GET http://b.example/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET|b.example|/p|q|127.0.0.1||0|" },
    { "GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n", "GET|b.example|/||127.0.0.1||0|" },
    { "GET /mailto:x@y.net HTTP/1.1\r\nHost: a\r\n\r\n", "GET|a|/mailto:x@y.net||127.0.0.1||0|" },
    { "GET / HTTP/1.1\r\nHost: a\r\nX-Many: 1\r\nx-many: 2, 3\r\nX-MANY: 4\r\n\r\n", "GET|a|/||127.0.0.1||3|2, 3" },
    { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "GET|a|/||127.0.0.1||0|" },
};

static void test_view(void **state)
{
    struct httpd_options o = { .request = echo, .resumed = never_resumed };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h); /* one connection for all: every request leaves a clean state */

    (void)state;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        const struct reply *r = client_ask(fd, views[i].request);
        assert_int_equal(r->status, 200);
        assert_string_equal(r->body, views[i].body);
        assert_non_null(strstr(r->head, "\r\nX-One: 1\r\n"));
        assert_non_null(strstr(r->head, "\r\nCache-Control: no-store\r\n"));
        assert_non_null(strstr(r->head, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
    }
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
    assert_null(h);
}

static void test_head(void **state)
{
    struct httpd_options o = { .request = echo, .resumed = never_resumed };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);
    const struct reply *r = client_ask(fd, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");

    (void)state;
    assert_int_equal(r->status, 200);
    assert_int_equal(r->length, strlen("HEAD|a|/x||127.0.0.1||0|"));
    r = client_ask(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); /* nothing of a body was in between */
    assert_string_equal(r->body, "GET|a|/x||127.0.0.1||0|");
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

static void test_methods(void **state)
{
    static const char *const refused[] = {
        "PUT /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "get / HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct httpd_options o = { .request = echo, .resumed = never_resumed };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct reply *r = client_ask(fd, refused[i]);
        assert_int_equal(r->status, 405);
        assert_non_null(strstr(r->head, "\r\nAllow: GET, HEAD\r\n"));
    }
    assert_int_equal(client_ask(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200);
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

/* What stands behind a body is never a request, whoever counts its length how. */
static void test_nothing_behind_a_body(void **state)
{
    static const char *const smuggling[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello=world",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 38\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    struct httpd_options o = { .request = echo, .resumed = never_resumed };
    struct httpd *h = server_start(&o);

    (void)state;
    for (size_t i = 0; i < sizeof(smuggling) / sizeof(smuggling[0]); i++) {
        static const char behind[] = "GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n";
        const int fd = client_connect(h);
        char text[1024], answer[4096];
        size_t n = 0;
        ssize_t got;

        (void)snprintf(text, sizeof(text), "%s%s", smuggling[i], behind);
        client_send(fd, text);
        while (n < sizeof(answer) - 1 && (got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0)
            n += (size_t)got;
        answer[n] = '\0';
        assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
        assert_null(strstr(answer, "smuggled"));
        assert_null(strstr(answer + 8, "HTTP/1.1 "));
        (void)close(fd);
    }
    httpd_stop(&h, NULL, NULL);
}

static void test_open_errors(void **state)
{
    struct httpd_options o = { .request = echo, .resumed = never_resumed };
    struct httpd *h = server_start(&o), *second = NULL;
    struct endpoint taken = { ip_v4(127, 0, 0, 1), httpd_port(h, 0) };
    const struct endpoints list = { &taken, 1 };
    struct err_text why = { "" };

    (void)state;
    o.listen = &list;
    assert_int_equal(httpd_open(&o, &second, &why), TRAP_EBUSY);
    assert_non_null(strstr(why.text, "127.0.0.1"));
    assert_non_null(strstr(why.text, "in use"));
    assert_null(second);
    httpd_stop(&h, NULL, NULL);
    assert_int_equal(httpd_open(&o, &second, &why), TRAP_OK); /* opened, never run */
    httpd_stop(&second, NULL, NULL);
    httpd_stop(&second, NULL, NULL);
}

static void test_both_families(void **state)
{
    struct httpd_options o = { .request = echo, .resumed = never_resumed, .threads = 1, .connections_max = 10,
                               .connections_per_ip = 10, .header_max_bytes = 4096, .idle_timeout = SPAN_S(5) };
    struct endpoint both[2] = { { ip_v4(127, 0, 0, 1), 0 }, { { { [15] = 1 } }, 0 } };
    const struct endpoints list = { both, 2 };
    struct err_text why = { "" };
    struct httpd *h = NULL;
    struct sockaddr_storage sa;
    socklen_t len = 0;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    o.listen = &list;
    if (fd == -1 || httpd_open(&o, &h, &why) != TRAP_OK) {
        if (fd != -1)
            (void)close(fd);
        skip(); /* no IPv6 here */
    }
    assert_int_equal(httpd_run(h, &why), TRAP_OK);
    len = ip_to_sockaddr(both[1].ip, httpd_port(h, 1), &sa);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, len), 0);
    assert_string_equal(client_ask(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")->body, "GET|a|/||::1||0|");
    (void)close(fd);
    fd = client_connect(h);
    assert_string_equal(client_ask(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")->body, "GET|a|/||127.0.0.1||0|");
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view),        cmocka_unit_test(test_head),          cmocka_unit_test(test_methods),
        cmocka_unit_test(test_nothing_behind_a_body),
        cmocka_unit_test(test_open_errors), cmocka_unit_test(test_both_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
