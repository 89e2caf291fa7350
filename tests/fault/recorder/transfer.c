/* Bytes: into files (made and logged in one step) and on accepted sockets (logged before they go, after they
 * came). */
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SOCKET_BYTES_MAX = 1 << 20 };

/* ---- gather ---- */

static size_t parts_bytes(const struct iovec *parts, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += parts[i].iov_len;
    return sum;
}

/* The first n bytes of the parts, for the caller to free. */
static void *parts_copy(const struct iovec *parts, size_t count, size_t n)
{
    char *copy = malloc(n + 1);
    size_t at = 0;

    if (copy == NULL)
        abort();
    for (size_t i = 0; i < count && at < n; i++) {
        const size_t take = parts[i].iov_len < n - at ? parts[i].iov_len : n - at;

        memcpy(copy + at, parts[i].iov_base, take);
        at += take;
    }
    return copy;
}

/* ---- files ---- */

/* After `n` bytes were written; offset -1: at the descriptor's own place. */
static void wrote(int fd, const struct iovec *parts, size_t count, off_t offset, ssize_t n)
{
    struct record r = { .kind = RECORD_WRITE, .fd = fd, .offset = offset };
    void *copy;

    if (n <= 0)
        return;
    if (offset == -1)
        r.offset = lseek(fd, 0, SEEK_CUR) - n;
    r.data_bytes = (uint32_t)n;
    copy = parts_copy(parts, count, (size_t)n);
    record_put(&r, NULL, copy);
    free(copy);
}

/* ---- sockets ---- */

static void told(enum record_kind kind, int fd, const struct iovec *parts, size_t count, size_t n)
{
    const size_t keep = n < SOCKET_BYTES_MAX ? n : SOCKET_BYTES_MAX;
    const struct record r = { .kind = kind, .fd = fd, .value = (int64_t)n, .data_bytes = (uint32_t)keep };
    const int saved = errno;
    void *copy = parts_copy(parts, count, keep);

    record_put(&r, NULL, copy);
    free(copy);
    errno = saved;
}

static void sending(int fd, const struct iovec *parts, size_t count)
{
    if (fd_kind(fd) == FD_SOCKET)
        told(RECORD_SEND, fd, parts, count, parts_bytes(parts, count));
}

static ssize_t received(int fd, const struct iovec *parts, size_t count, ssize_t n)
{
    if (n > 0 && fd_kind(fd) == FD_SOCKET)
        told(RECORD_RECEIVE, fd, parts, count, (size_t)n);
    return n;
}

int accept4(int fd, struct sockaddr *address, socklen_t *n, int flags)
{
    const int s = NEXT(accept4)(fd, address, n, flags);
    const struct record r = { .kind = RECORD_ACCEPT, .fd = s };

    if (s != -1 && recorder_on()) {
        fd_set_kind(s, FD_SOCKET);
        record_put(&r, NULL, NULL);
    }
    return s;
}

int accept(int fd, struct sockaddr *address, socklen_t *n)
{
    return accept4(fd, address, n, 0);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    const struct iovec part = { (void *)(uintptr_t)p, n };

    sending(fd, &part, 1);
    return NEXT(send)(fd, p, n, flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t to_n)
{
    const struct iovec part = { (void *)(uintptr_t)p, n };

    sending(fd, &part, 1);
    return NEXT(sendto)(fd, p, n, flags, to, to_n);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    sending(fd, m->msg_iov, m->msg_iovlen);
    return NEXT(sendmsg)(fd, m, flags);
}

/* What it carries is not looked at: a length without bytes, which the checker refuses where it matters. */
ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
    const struct record r = { .kind = RECORD_SEND, .fd = out, .value = (int64_t)n };
    char path[RECORD_PATH_MAX];

    if (fd_kind(out) == FD_SOCKET)
        record_put(&r, NULL, NULL);
    else if (fd_kind(out) == FD_FILE && path_of_fd(out, path))
        record_name(RECORD_UNSEEN, path, NULL);
    return NEXT(sendfile)(out, in, offset, n);
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t n) __attribute__((alias("sendfile")));

ssize_t recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *from, socklen_t *from_n)
{
    const struct iovec part = { p, n };
    const ssize_t got = NEXT(recvfrom)(fd, p, n, flags, from, from_n);

    return (flags & MSG_PEEK) != 0 ? got : received(fd, &part, 1, got);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    const struct iovec part = { p, n };
    const ssize_t got = NEXT(recv)(fd, p, n, flags);

    return (flags & MSG_PEEK) != 0 ? got : received(fd, &part, 1, got);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    const ssize_t got = NEXT(recvmsg)(fd, m, flags);

    return (flags & MSG_PEEK) != 0 ? got : received(fd, m->msg_iov, m->msg_iovlen, got);
}

ssize_t read(int fd, void *p, size_t n)
{
    const struct iovec part = { p, n };

    return received(fd, &part, 1, NEXT(read)(fd, p, n));
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    return received(fd, parts, (size_t)count, NEXT(readv)(fd, parts, count));
}

/* What programs built with _FORTIFY_SOURCE call. */
ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
ssize_t __read_chk(int fd, void *p, size_t n, size_t room)
{
    if (n > room)
        abort();
    return read(fd, p, n);
}

ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
    if (n > room)
        abort();
    return recv(fd, p, n, flags);
}

/* ---- write(2) and friends: either ---- */

ssize_t write(int fd, const void *p, size_t n)
{
    const struct iovec part = { (void *)(uintptr_t)p, n };
    ssize_t done;

    sending(fd, &part, 1);
    if (fd_kind(fd) != FD_FILE)
        return NEXT(write)(fd, p, n);
    recorder_lock();
    done = NEXT(write)(fd, p, n);
    wrote(fd, &part, 1, -1, done);
    recorder_unlock();
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t done;

    sending(fd, parts, (size_t)count);
    if (fd_kind(fd) != FD_FILE)
        return NEXT(writev)(fd, parts, count);
    recorder_lock();
    done = NEXT(writev)(fd, parts, count);
    wrote(fd, parts, (size_t)count, -1, done);
    recorder_unlock();
    return done;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
    const struct iovec part = { (void *)(uintptr_t)p, n };
    ssize_t done;

    if (fd_kind(fd) != FD_FILE)
        return NEXT(pwrite)(fd, p, n, offset);
    recorder_lock();
    done = NEXT(pwrite)(fd, p, n, offset);
    wrote(fd, &part, 1, offset, done);
    recorder_unlock();
    return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    ssize_t done;

    if (fd_kind(fd) != FD_FILE)
        return NEXT(pwritev)(fd, parts, count, offset);
    recorder_lock();
    done = NEXT(pwritev)(fd, parts, count, offset);
    wrote(fd, parts, (size_t)count, offset, done);
    recorder_unlock();
    return done;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t offset) __attribute__((alias("pwrite")));
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) __attribute__((alias("pwritev")));
