/* demo_peers.c - see demo_peers.h. */
#include "demo_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in local(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

uint16_t peer_free_port(bool udp)
{
    struct sockaddr_in a = local(0);
    socklen_t len = sizeof(a);
    const int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    uint16_t port = 0;

    if (fd == -1)
        return 0;
    if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        port = ntohs(a.sin_port);
    (void)close(fd);
    return port;
}

static int connect_to(uint16_t port, int type)
{
    const struct sockaddr_in a = local(port);
    const struct timeval wait = { PEER_WAIT_MS / 1000, 0 };
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == -1 ||
        connect(fd, (const struct sockaddr *)&a, sizeof(a)) == -1) {
        fprintf(stderr, "trapline: 127.0.0.1 port %u: %s\n", port, strerror(errno));
        if (fd != -1)
            (void)close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, struct bytes s)
{
    while (s.n > 0) {
        const ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

        if (n == -1)
            return false;
        s = bytes_skip(s, (size_t)n);
    }
    return true;
}

bool peer_get(uint16_t port, const char *path, const char *client, struct buf *answer_out)
{
    const int fd = connect_to(port, SOCK_STREAM);
    struct buf request;
    ssize_t n = -1;

    if (fd == -1)
        return false;
    buf_init(&request, 4096);
    buf_addf(&request,
             "GET %s HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Wget/1.12 "
             "(linux-gnu)\r\nX-Forwarded-For: %s\r\nConnection: close\r\n\r\n",
             path, client);
    if (request.err == TRAP_OK && send_all(fd, buf_bytes(&request))) {
        uint8_t *room;

        while ((room = buf_reserve(answer_out, 16384)) != NULL && (n = recv(fd, room, 16384, 0)) > 0)
            buf_commit(answer_out, (size_t)n);
    }
    buf_free(&request);
    (void)close(fd);
    return n == 0;
}

bool peer_extract(struct bytes page, char *out, size_t max)
{
    static const char key[] = "mailto:";
    const uint8_t *at = page.n == 0 ? NULL : memmem(page.p, page.n, key, sizeof(key) - 1);
    size_t n = 0;

    if (at == NULL)
        return false;
    page = bytes_skip(page, (size_t)(at - page.p) + sizeof(key) - 1);
    while (n < page.n && n + 1 < max && page.p[n] != '"' && page.p[n] != '\'' && page.p[n] != '?' &&
           page.p[n] != '>' && page.p[n] > ' ')
        n++;
    memcpy(out, page.p, n);
    out[n] = '\0';
    return n > 0;
}

/* Sends a line (NULL: none) and reads one reply, of one or more lines. The code, or 0. */
static int turn(int fd, const char *line)
{
    char reply[2048];
    size_t n = 0;

    if (line != NULL) {
        const char *end = strstr(line, "\r\n");

        printf("      C: %.*s\n", end == NULL ? (int)strlen(line) : (int)(end - line), line);
        if (!send_all(fd, bytes_str(line)))
            return 0;
    }
    for (size_t start = 0; n + 1 < sizeof(reply);) {
        const ssize_t got = recv(fd, reply + n, sizeof(reply) - n - 1, 0);
        const char *newline;

        if (got <= 0)
            return 0;
        n += (size_t)got;
        reply[n] = '\0';
        while ((newline = strchr(reply + start, '\n')) != NULL) {
            const char *first = reply + start;

            start = (size_t)(newline - reply) + 1;
            if (newline - first < 4 || first[3] == '-')
                continue;
            printf("      S: %.*s\n", (int)strcspn(first, "\r\n"), first);
            return (first[0] - '0') * 100 + (first[1] - '0') * 10 + (first[2] - '0');
        }
    }
    return 0;
}

bool peer_mail(uint16_t port, const char *client, const char *from, const char *to)
{
    static const struct {
        const char *format;
        int code;
    } steps[] = {
        { NULL, 220 },
        { "EHLO laptop\r\n", 250 },
        { "XCLIENT ADDR=%s\r\n", 220 },
        { "EHLO mail.bulk-offers.example\r\n", 250 },
        { "MAIL FROM:<%s>\r\n", 250 },
        { "RCPT TO:<%s>\r\n", 250 },
        { "DATA\r\n", 354 },
        { "Subject: An offer for you\r\n\r\nBuy now.\r\n.\r\n", 250 },
        { "QUIT\r\n", 221 },
    };
    const char *const value[] = { "", "", client, "", from, to, "", "", "" };
    const int fd = connect_to(port, SOCK_STREAM);
    bool ok = fd != -1;

    for (size_t i = 0; ok && i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf line;
        const char *text = NULL;

        buf_init(&line, 1024);
        if (steps[i].format != NULL) {
            const char *hole = strstr(steps[i].format, "%s");

            buf_add(&line, bytes_of(steps[i].format, hole == NULL ? strlen(steps[i].format)
                                                                  : (size_t)(hole - steps[i].format)));
            if (hole != NULL) {
                buf_add_str(&line, value[i]);
                buf_add_str(&line, hole + 2);
            }
            text = buf_cstr(&line);
        }
        ok = (steps[i].format == NULL || text != NULL) && turn(fd, text) == steps[i].code;
        buf_free(&line);
    }
    if (fd != -1)
        (void)close(fd);
    return ok;
}

/* ---- DNS (RFC 1035 section 4) ---- */

static size_t put_question(uint8_t *out, const char *name, uint16_t type)
{
    static const uint8_t head[12] = { 0x54, 0x4c, 0, 0, 0, 1 };
    size_t n = sizeof(head);

    memcpy(out, head, sizeof(head));
    for (const char *label = name; *label != '\0';) {
        const size_t len = strcspn(label, ".");

        out[n++] = (uint8_t)len;
        memcpy(out + n, label, len);
        n += len;
        label += len + (label[len] == '.');
    }
    out[n++] = 0;
    out[n++] = (uint8_t)(type >> 8);
    out[n++] = (uint8_t)type;
    out[n++] = 0;
    out[n++] = 1;
    return n;
}

/* Skips a name (labels or a pointer); SIZE_MAX when it leaves the message. */
static size_t skip_name(struct bytes m, size_t at)
{
    while (at < m.n && m.p[at] != 0 && m.p[at] < 0xc0)
        at += (size_t)m.p[at] + 1;
    if (at >= m.n)
        return SIZE_MAX;
    return m.p[at] == 0 ? at + 1 : at + 2;
}

static bool read_answer(struct bytes m, uint16_t type, char *out, size_t max)
{
    size_t at;

    if (m.n < 12)
        return false;
    if ((m.p[3] & 15) == 3) {
        (void)snprintf(out, max, "NXDOMAIN");
        return true;
    }
    if ((m.p[3] & 15) != 0 || (m.p[6] == 0 && m.p[7] == 0))
        return false;
    at = skip_name(m, 12);
    at = at == SIZE_MAX ? at : skip_name(m, at + 4);
    if (at == SIZE_MAX || at + 10 > m.n || m.p[at] != 0 || m.p[at + 1] != type)
        return false;
    m = bytes_take(bytes_skip(m, at + 10), (size_t)m.p[at + 8] << 8 | m.p[at + 9]);
    if (type == 1 && m.n == 4)
        (void)snprintf(out, max, "%u.%u.%u.%u", m.p[0], m.p[1], m.p[2], m.p[3]);
    else if (type == 16 && m.n > 1 && m.p[0] < m.n)
        (void)snprintf(out, max, "%.*s", (int)m.p[0], (const char *)m.p + 1);
    else
        return false;
    return true;
}

bool peer_ask(uint16_t port, const char *name, uint16_t type, char *out, size_t max)
{
    uint8_t message[1500];
    const size_t longest = 255;
    bool ok = false;
    int fd;

    if (strlen(name) > longest || (fd = connect_to(port, SOCK_DGRAM)) == -1)
        return false;
    for (int tries = 0; tries < 20 && !ok; tries++) { /* the server may still be starting */
        struct pollfd p = { fd, POLLIN, 0 };
        ssize_t n;

        if (send(fd, message, put_question(message, name, type), 0) == -1 || poll(&p, 1, 500) != 1 ||
            (n = recv(fd, message, sizeof(message), 0)) == -1) {
            (void)usleep(100000);
            continue;
        }
        ok = read_answer(bytes_of(message, (size_t)n), type, out, max);
        if (!ok)
            (void)usleep(100000);
    }
    (void)close(fd);
    return ok;
}
