/* client.h - a plain blocking HTTP client and a server on a free port of loopback, for the tests of
 * lib/httpd. */
#ifndef TEST_HTTPD_CLIENT_H
#define TEST_HTTPD_CLIENT_H

#include <base/num.h>
#include <httpd/httpd.h>

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct endpoint loopback = { { { 0 } }, 0 };
static struct endpoints listen_loopback = { &loopback, 1 };

static inline struct httpd *server_start(struct httpd_options *o)
{
    struct httpd *h = NULL;
    struct err_text why = { "" };

    loopback.ip = ip_v4(127, 0, 0, 1);
    o->listen = &listen_loopback;
    if (o->threads == 0)
        o->threads = 2;
    if (o->connections_max == 0)
        o->connections_max = 100;
    if (o->connections_per_ip == 0)
        o->connections_per_ip = 100;
    if (o->header_max_bytes == 0)
        o->header_max_bytes = 8192;
    if (o->idle_timeout.ms == 0)
        o->idle_timeout = SPAN_S(10);
    if (o->deadline.ms == 0)
        o->deadline = SPAN_MS(100);
    assert_int_equal(httpd_open(o, &h, &why), TRAP_OK);
    assert_int_equal(httpd_run(h, &why), TRAP_OK);
    return h;
}

static inline int client_connect(struct httpd *h)
{
    struct sockaddr_storage sa;
    const socklen_t len = ip_to_sockaddr(ip_v4(127, 0, 0, 1), httpd_port(h, 0), &sa);
    const struct timeval limit = { .tv_sec = 10 };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, len), 0);
    return fd;
}

static inline void client_send(int fd, const char *text)
{
    size_t n = strlen(text), done = 0;

    while (done < n) {
        const ssize_t k = send(fd, text + done, n - done, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        done += (size_t)k;
    }
}

struct reply {
    int status; /* 0: closed without a response */
    uint64_t length; /* Content-Length */
    char head[4096];
    char body[65536];
    size_t body_bytes;
};

/* One response; `head` = no body follows. */
static inline void client_receive(int fd, struct reply *r, bool head)
{
    size_t n = 0;
    uint32_t status = 0;
    const char *field = NULL;

    *r = (struct reply){ 0 };
    while (n < sizeof(r->head) - 1 && (n < 4 || memcmp(r->head + n - 4, "\r\n\r\n", 4) != 0)) {
        if (recv(fd, r->head + n, 1, 0) != 1)
            return;
        n++;
    }
    assert_int_equal(num_u32(bytes_of(r->head + 9, 3), 100, 599, &status), TRAP_OK);
    r->status = (int)status;
    field = strstr(r->head, "Content-Length: ");
    if (field != NULL)
        assert_int_equal(num_u64(bytes_of(field + 16, strcspn(field + 16, "\r")), 0, SIZE_MAX, &r->length), TRAP_OK);
    while (!head && r->body_bytes < r->length) {
        const ssize_t k = recv(fd, r->body + r->body_bytes, sizeof(r->body) - 1 - r->body_bytes, 0);
        if (k <= 0)
            return;
        r->body_bytes += (size_t)k;
    }
}

static inline struct reply *client_ask(int fd, const char *request)
{
    static _Thread_local struct reply r;

    client_send(fd, request);
    client_receive(fd, &r, strncmp(request, "HEAD", 4) == 0);
    return &r;
}

/* Nothing more comes: the other side closed. */
static inline bool client_is_closed(int fd)
{
    char c = 0;

    return recv(fd, &c, 1, 0) <= 0;
}

static inline void pause_ms(int ms)
{
    const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

    (void)nanosleep(&ts, NULL);
}

#endif
