#include "listener.h"

#include "server.h"
#include "session.h"

#include <base/log.h>
#include <base/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 64 }; /* clients taken before sessions have a turn again */

static const struct {
    const char *key;
    size_t offset; /* of its struct endpoints in struct conf_smtp */
} kinds[LISTENER_KINDS] = {
    [LISTENER_PLAIN] = { "smtp.listen", offsetof(struct conf_smtp, listen) },
    [LISTENER_PROXY] = { "smtp.proxy_listen", offsetof(struct conf_smtp, proxy_listen) },
    [LISTENER_TLS] = { "smtp.tls_listen", offsetof(struct conf_smtp, tls_listen) },
};

static const struct endpoints *endpoints_of(const struct conf_smtp *conf, enum listener_kind kind)
{
    return (const struct endpoints *)(const void *)((const char *)conf + kinds[kind].offset);
}

static enum trap_err bind_one(struct listener *l, enum listener_kind kind, struct endpoint e,
                              struct err_text *why)
{
    const int on = 1, off = 0;
    const enum trap_err err = socket_listen(kinds[kind].key, e, &l->fd, why);

    if (err != TRAP_OK)
        return err;
    /* Accepted sockets inherit both. Every command has a reply at once: its acknowledgement rides on that one
     * from the first on, which is a packet less a connection. */
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    l->kind = kind;
    l->ip = e.ip;
    l->port = e.port;
    l->any = ip_eq(e.ip, IP_NOBODY) || ip_eq(e.ip, ip_v4(0, 0, 0, 0));
    return TRAP_OK;
}

enum trap_err listeners_bind(const struct conf_smtp *conf, struct listener **list_out, size_t *n_out,
                             struct err_text *why)
{
    struct listener *list;
    size_t count = 0, n = 0;

    for (enum listener_kind kind = 0; kind < LISTENER_KINDS; kind++)
        count += endpoints_of(conf, kind)->n;
    list = calloc(count + 1, sizeof(*list));
    if (list == NULL) {
        err_text_set(why, "out of memory");
        return TRAP_ENOMEM;
    }
    for (enum listener_kind kind = 0; kind < LISTENER_KINDS; kind++) {
        const struct endpoints *where = endpoints_of(conf, kind);

        for (size_t i = 0; i < where->n; i++) {
            const enum trap_err err = bind_one(&list[n], kind, where->v[i], why);

            if (err != TRAP_OK) {
                listeners_free(&list, n);
                return err;
            }
            n++;
        }
    }
    *list_out = list;
    *n_out = n;
    return TRAP_OK;
}

/* Where this client connected to. */
static void local_of(const struct listener *l, struct connection *c)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    c->local = l->ip;
    c->local_port = l->port;
    if (l->any && (getsockname(c->fd, (struct sockaddr *)&sa, &len) == -1 ||
                   ip_from_sockaddr((const struct sockaddr *)&sa, &c->local, &c->local_port) != TRAP_OK))
        c->local = l->ip;
}

static void rest(struct listener *l)
{
    l->resting = true;
    loop_io_set(l->server->loop, &l->io, 0);
}

/* No descriptors: with the spare one a client is told so, instead of being left to wait. */
static void refuse_one(struct listener *l)
{
    const struct bytes line = smtp_reply_line(SMTP_REPLY_TOO_MANY_CONNECTIONS);
    int fd = -1;

    log_warning("smtp.descriptors", LOG_U64("sessions", l->server->session_count),
                LOG_STR("todo", "raise the limit of open files"));
    if (l->spare_fd != -1) {
        (void)close(l->spare_fd);
        fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd != -1) {
            if (l->kind != LISTENER_TLS)
                (void)send(fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT);
            (void)close(fd);
        }
        l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    rest(l);
}

static void on_accept(struct loop_io *io, int events)
{
    struct listener *l = io->arg;

    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);
        struct connection c = { .kind = l->kind };
        uint16_t port;

        c.fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c.fd == -1) {
            if (errno == EMFILE || errno == ENFILE)
                refuse_one(l);
            else if (errno == ENOBUFS || errno == ENOMEM)
                rest(l);
            else if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return;
        }
        if (ip_from_sockaddr((const struct sockaddr *)&sa, &c.peer, &port) != TRAP_OK) {
            (void)close(c.fd);
            continue;
        }
        local_of(l, &c);
        session_open(l->server, &c);
    }
}

void listeners_start(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *l = &server->listeners[i];

        l->server = server;
        loop_io_init(&l->io, l->fd, LOOP_READ, on_accept, l);
        loop_io_start(server->loop, &l->io);
        l->active = true;
    }
}

void listeners_wake(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].resting) {
            server->listeners[i].resting = false;
            loop_io_set(server->loop, &server->listeners[i].io, LOOP_READ);
        }
}

void listeners_stop(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *l = &server->listeners[i];

        if (l->active)
            loop_io_stop(server->loop, &l->io);
        l->active = l->resting = false;
        (void)close(l->fd);
        l->fd = -1;
    }
}

void listeners_free(struct listener **list, size_t n)
{
    for (size_t i = 0; *list != NULL && i < n; i++) {
        if ((*list)[i].fd != -1)
            (void)close((*list)[i].fd);
        if ((*list)[i].spare_fd != -1)
            (void)close((*list)[i].spare_fd);
    }
    free(*list);
    *list = NULL;
}
