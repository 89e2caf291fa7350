#include <base/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

static int bound_socket(struct endpoint e)
{
    struct sockaddr_storage sa;
    const socklen_t len = ip_to_sockaddr(e.ip, e.port, &sa);
    const int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    int saved;

    if (fd == -1)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (sa.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind(fd, (const struct sockaddr *)&sa, len) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static enum trap_err bind_error(const char *key, struct endpoint e, struct err_text *why)
{
    const char *left = ip_is_v4(e.ip) ? "" : "[", *right = ip_is_v4(e.ip) ? "" : "]";
    char text[IP_TEXT_MAX];

    (void)ip_text(e.ip, text);
    if (errno == EADDRINUSE) {
        err_text_set(why, "%s %s%s%s:%u: the port is in use; end the other program or choose another port",
                     key, left, text, right, e.port);
        return TRAP_EBUSY;
    }
    if (errno == EACCES || errno == EPERM) {
        err_text_set(why, "%s %s%s%s:%u: not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE",
                     key, left, text, right, e.port);
        return TRAP_EPERM;
    }
    err_text_set(why, "%s %s%s%s:%u: %s", key, left, text, right, e.port, log_errno_text());
    return TRAP_EIO;
}

enum trap_err socket_listen(const char *key, struct endpoint e, int *fd_out, struct err_text *why)
{
    const int fd = bound_socket(e);

    if (fd == -1)
        return bind_error(key, e, why);
    *fd_out = fd;
    return TRAP_OK;
}
