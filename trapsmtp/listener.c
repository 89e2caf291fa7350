#include "listener.h"

#include "server.h"
#include "session.h"

#include <base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 64 }; /* clients taken before sessions have a turn again */

static int bound_socket(struct endpoint e)
{
    struct sockaddr_storage sa;
    const socklen_t len = ip_to_sockaddr(e.ip, e.port, &sa);
    const int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    int saved;

    if (fd == -1)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        (sa.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind(fd, (const struct sockaddr *)&sa, len) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static enum trap_err bind_error(struct endpoint e, struct err_text *why)
{
    char text[IP_TEXT_MAX];
    const bool v4 = ip_is_v4(e.ip);

    (void)ip_text(e.ip, text);
    if (errno == EADDRINUSE) {
        err_text_set(
            why, "smtp.listen %s%s%s:%u: the port is in use; end the other program or choose another port",
            v4 ? "" : "[", text, v4 ? "" : "]", e.port);
        return TRAP_EBUSY;
    }
    if (errno == EACCES || errno == EPERM) {
        err_text_set(why,
                     "smtp.listen %s%s%s:%u: not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE",
                     v4 ? "" : "[", text, v4 ? "" : "]", e.port);
        return TRAP_EPERM;
    }
    err_text_set(why, "smtp.listen %s%s%s:%u: %s", v4 ? "" : "[", text, v4 ? "" : "]", e.port,
                 log_errno_text());
    return TRAP_EIO;
}

enum trap_err listeners_bind(const struct endpoints *where, struct listener **list_out, size_t *n_out,
                             struct err_text *why)
{
    static const struct ip any6 = { { 0 } };
    struct listener *list = calloc(where->n == 0 ? 1 : where->n, sizeof(*list));

    if (list == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < where->n; i++) {
        const struct endpoint e = where->v[i];

        list[i].fd = bound_socket(e);
        if (list[i].fd == -1) {
            const enum trap_err err = bind_error(e, why);

            listeners_free(&list, i);
            return err;
        }
        list[i].spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        list[i].ip = e.ip;
        list[i].port = e.port;
        list[i].any = ip_eq(e.ip, any6) || ip_eq(e.ip, ip_v4(0, 0, 0, 0));
    }
    *list_out = list;
    *n_out = where->n;
    return TRAP_OK;
}

/* Where this client connected to. */
static void local_of(const struct listener *l, int fd, struct ip *ip_out, uint16_t *port_out)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    *ip_out = l->ip;
    *port_out = l->port;
    if (l->any && (getsockname(fd, (struct sockaddr *)&sa, &len) == -1 ||
                   ip_from_sockaddr((const struct sockaddr *)&sa, ip_out, port_out) != TRAP_OK))
        *ip_out = l->ip;
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
        const int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct ip peer, local;
        uint16_t port, local_port;

        if (fd == -1) {
            if (errno == EMFILE || errno == ENFILE)
                refuse_one(l);
            else if (errno == ENOBUFS || errno == ENOMEM)
                rest(l);
            else if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return;
        }
        if (ip_from_sockaddr((const struct sockaddr *)&sa, &peer, &port) != TRAP_OK) {
            (void)close(fd);
            continue;
        }
        local_of(l, fd, &local, &local_port);
        session_open(l->server, fd, peer, local, local_port);
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
