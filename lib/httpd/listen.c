#include "internal.h"

#include <base/log.h>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static enum trap_err listen_error(int error)
{
    if (error == EADDRINUSE)
        return TRAP_EBUSY;
    if (error == EACCES || error == EPERM)
        return TRAP_EPERM;
    return TRAP_EIO;
}

enum trap_err listen_socket(struct endpoint e, int *fd_out, struct err_text *why)
{
    struct sockaddr_storage sa;
    const socklen_t len = ip_to_sockaddr(e.ip, e.port, &sa);
    char text[IP_TEXT_MAX];
    const int one = 1;
    int error = 0;
    const int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1)
        goto fail;
    /* One family a socket: "[::]" and "0.0.0.0" can then stand side by side. */
    if (sa.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == -1)
        goto fail;
    if (bind(fd, (const struct sockaddr *)&sa, len) == -1 || listen(fd, SOMAXCONN) == -1)
        goto fail;
    *fd_out = fd;
    return TRAP_OK;
fail:
    error = errno;
    if (fd != -1)
        (void)close(fd);
    errno = error;
    err_text_set(why, "cannot listen for HTTP on %s port %u: %s; see web { listen = … }", ip_text(e.ip, text),
                 (unsigned)e.port, log_errno_text());
    return listen_error(error);
}
