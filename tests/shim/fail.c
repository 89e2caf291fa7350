/* fail.c - calls that fail when a test says so (LD_PRELOAD).
 *
 * The file $TRAPLINE_FAIL holds struct control. While `first` is not 0 the calls of the wanted kinds are
 * counted; those from number `first` on, `count` of them, fail with `error`, or write only half where `half`
 * is set. Standard error is never touched. Calls of the kinds in `hold` do not come back while they stand
 * there: a disk that hangs.
 */
#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { ALLOC = 1 << 0, WRITE = 1 << 1, SYNC = 1 << 2, SIZE = 1 << 3, SEND = 1 << 4, RECV = 1 << 5, ACCEPT = 1 << 6, EPOLL = 1 << 7 };

struct control {
    uint64_t kinds;
    int64_t first, count;
    int32_t error, half;
    int64_t calls, failed; /* ours */
    uint64_t hold;
    int64_t held; /* ours: calls that hang now */
};

static struct control none, *control = &none;

__attribute__((constructor)) static void start(void)
{
    struct control *mapped = control_map("TRAPLINE_FAIL");

    if (mapped != NULL)
        control = mapped;
}

/* control_looking comes last: before a test asks for something it may not be there yet. */
static bool is_held(enum kind kind)
{
    return (__atomic_load_n(&control->hold, __ATOMIC_ACQUIRE) & (uint64_t)kind) != 0 && control_looking == 0;
}

static void hang(enum kind kind)
{
    const struct timespec nap = { .tv_nsec = 1000000 };

    if (!is_held(kind))
        return;
    (void)__atomic_add_fetch(&control->held, 1, __ATOMIC_RELAXED);
    while (is_held(kind))
        (void)nanosleep(&nap, NULL);
    (void)__atomic_sub_fetch(&control->held, 1, __ATOMIC_RELAXED);
}

/* True: this call is one of those that fail; errno is set. */
static bool fails(enum kind kind)
{
    const int64_t first = __atomic_load_n(&control->first, __ATOMIC_ACQUIRE);
    int64_t number;

    hang(kind);
    if (first == 0 || control_looking != 0 || (control->kinds & (uint64_t)kind) == 0)
        return false;
    number = __atomic_add_fetch(&control->calls, 1, __ATOMIC_RELAXED);
    if (number < first || number - first >= control->count)
        return false;
    (void)__atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
    errno = control->error;
    return true;
}

/* ---- memory ---- */

/* A sanitizer's own, under a name that is also there while it sets itself up: dlsym is its own by then, and
 * not ready yet. */
#define SANITIZER(name) __interceptor_##name
#define OWN(name) (SANITIZER(name) != NULL ? SANITIZER(name) : NEXT(name))
__attribute__((weak)) extern __typeof__(malloc) SANITIZER(malloc);
__attribute__((weak)) extern __typeof__(calloc) SANITIZER(calloc);
__attribute__((weak)) extern __typeof__(realloc) SANITIZER(realloc);
__attribute__((weak)) extern __typeof__(reallocarray) SANITIZER(reallocarray);
__attribute__((weak)) extern __typeof__(aligned_alloc) SANITIZER(aligned_alloc);
__attribute__((weak)) extern __typeof__(posix_memalign) SANITIZER(posix_memalign);

void *malloc(size_t n)
{
    return fails(ALLOC) ? NULL : OWN(malloc)(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(ALLOC) ? NULL : OWN(calloc)(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(ALLOC) ? NULL : OWN(realloc)(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
    return fails(ALLOC) ? NULL : OWN(reallocarray)(p, n, size);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails(ALLOC) ? NULL : OWN(aligned_alloc)(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    return fails(ALLOC) ? ENOMEM : OWN(posix_memalign)(out, alignment, n);
}

/* ---- output ---- */

/* What this call writes to, and whether it fails: -1; else how many bytes it may write. */
static ssize_t allowed(enum kind kind, size_t n)
{
    if (!fails(kind))
        return (ssize_t)n;
    return control->half != 0 && n > 1 ? (ssize_t)(n / 2) : -1;
}

static enum kind kind_of(int fd)
{
    struct stat st;

    if (fd == 2 || fstat(fd, &st) == -1)
        return 0;
    return S_ISREG(st.st_mode) ? WRITE : S_ISSOCK(st.st_mode) ? SEND : 0;
}

ssize_t write(int fd, const void *p, size_t n)
{
    const ssize_t most = allowed(kind_of(fd), n);

    return most == -1 ? -1 : NEXT(write)(fd, p, (size_t)most);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    const ssize_t most = allowed(WRITE, n);

    return most == -1 ? -1 : NEXT(pwrite)(fd, p, (size_t)most, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) __attribute__((alias("pwrite")));

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    return fails(kind_of(fd)) ? -1 : NEXT(writev)(fd, parts, n);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    const ssize_t most = allowed(SEND, n);

    return most == -1 ? -1 : NEXT(send)(fd, p, (size_t)most, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    return fails(SEND) ? -1 : NEXT(sendmsg)(fd, m, flags);
}

int fsync(int fd)
{
    return fails(SYNC) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails(SYNC) ? -1 : NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t n)
{
    return fails(SIZE) ? -1 : NEXT(ftruncate)(fd, n);
}

int ftruncate64(int fd, off64_t n) __attribute__((alias("ftruncate")));

int posix_fallocate(int fd, off_t at, off_t n)
{
    return fails(SIZE) ? control->error : NEXT(posix_fallocate)(fd, at, n);
}

int posix_fallocate64(int fd, off64_t at, off64_t n) __attribute__((alias("posix_fallocate")));

/* ---- connections ---- */

/* OpenSSL's way. */
ssize_t read(int fd, void *p, size_t n)
{
    return kind_of(fd) == SEND && fails(RECV) ? -1 : NEXT(read)(fd, p, n);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    return fails(RECV) ? -1 : NEXT(recv)(fd, p, n, flags);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    return fails(ACCEPT) ? -1 : NEXT(accept4)(fd, address, len, flags);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    return fails(EPOLL) ? -1 : NEXT(epoll_ctl)(epoll, what, fd, event);
}
