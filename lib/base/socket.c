#include <base/socket.h>

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
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

/* ---- paths ---- */

static void close_keeping_errno(int fd)
{
    const int saved = errno;

    (void)close(fd);
    errno = saved;
}

/* Somebody listens there. */
static bool is_answered(const struct sockaddr_un *sa)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool answered;

    if (fd == -1)
        return true;
    answered = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno != ECONNREFUSED;
    (void)close(fd);
    return answered;
}

/* What a daemon that was killed left behind. */
static void remove_stale(const struct sockaddr_un *sa)
{
    struct stat st;

    if (lstat(sa->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && !is_answered(sa))
        (void)unlink(sa->sun_path);
}

static bool set_group(const char *path, const char *group, struct err_text *why)
{
    struct group found, *g = NULL;
    char text[4096];

    if (group[0] == '\0')
        return true;
    if (getgrnam_r(group, &found, text, sizeof(text), &g) != 0 || g == NULL) {
        err_text_set(why, "there is no group \"%s\"", group);
        return false;
    }
    if (chown(path, (uid_t)-1, g->gr_gid) == 0)
        return true;
    err_text_set(why, "cannot give %s to group \"%s\": %s; start as root, or make the daemon's user a member",
                 path, group, log_errno_text());
    return false;
}

static int bound_path(const struct sockaddr_un *sa)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const mode_t old = umask(0117); /* never open to others, not even for a moment */
    const bool bound = fd != -1 && bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;

    (void)umask(old);
    if (bound && listen(fd, SOMAXCONN) == 0)
        return fd;
    if (fd != -1)
        close_keeping_errno(fd);
    return -1;
}

enum trap_err socket_listen_path(const char *key, const char *path, const char *group, int *fd_out,
                                 struct err_text *why)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    const struct bytes text = bytes_str(path);
    struct err_text detail;
    int fd;

    if (text.n >= sizeof(sa.sun_path)) {
        err_text_set(why, "%s: the path is longer than %zu bytes", key, sizeof(sa.sun_path) - 1);
        return TRAP_EINVAL;
    }
    memcpy(sa.sun_path, text.p, text.n);
    remove_stale(&sa);
    fd = bound_path(&sa);
    if (fd == -1) {
        const enum trap_err err = errno == EADDRINUSE ? TRAP_EBUSY : errno == EACCES ? TRAP_EPERM : TRAP_EIO;

        err_text_set(why, "%s %s: %s", key, path,
                     err == TRAP_EBUSY ? "the path is in use; end the other program or choose another path"
                                       : log_errno_text());
        return err;
    }
    if (!set_group(path, group, &detail)) {
        (void)unlink(path);
        (void)close(fd);
        err_text_set(why, "%s: %s", key, detail.text);
        return TRAP_EPERM;
    }
    *fd_out = fd;
    return TRAP_OK;
}
