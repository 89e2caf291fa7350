/* Descriptors of files: open, write, cut, sync, map, close. */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ---- open ---- */

static bool is_there(int dir_fd, const char *path)
{
    struct stat st;

    return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void opened(int fd, bool created, bool cut)
{
    const struct record r = { .kind = RECORD_OPEN, .fd = fd, .offset = (created ? 1 : 0) | (cut ? 2 : 0) };
    char path[RECORD_PATH_MAX];

    if (fd == -1 || !path_of_fd(fd, path))
        return;
    fd_set_kind(fd, FD_FILE);
    record_put(&r, path, NULL);
}

static int open_any(int dir_fd, const char *path, int flags, mode_t mode)
{
    bool creates;
    int fd;

    if (!recorder_on())
        return NEXT(openat)(dir_fd, path, flags, mode);
    recorder_lock();
    creates = (flags & O_CREAT) != 0 && !is_there(dir_fd, path);
    fd = NEXT(openat)(dir_fd, path, flags, mode);
    opened(fd, creates, (flags & O_TRUNC) != 0 && (flags & O_ACCMODE) != O_RDONLY);
    recorder_unlock();
    return fd;
}

#define MODE_OF(flags, last)                                    \
    mode_t mode = 0;                                            \
    if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list ap;                                             \
        va_start(ap, last);                                     \
        mode = (mode_t)va_arg(ap, unsigned);                    \
        va_end(ap);                                             \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return open_any(dir_fd, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* What programs built with _FORTIFY_SOURCE call. */
int __open_2(const char *path, int flags);
int __openat_2(int dir_fd, const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir_fd, const char *path, int flags)
{
    return open_any(dir_fd, path, flags, 0);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir_fd, const char *path, int flags, ...) __attribute__((alias("openat")));
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));
int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
int __openat64_2(int dir_fd, const char *path, int flags) __attribute__((alias("__openat_2")));

int mkostemps(char *template, int suffix, int flags)
{
    int fd;

    recorder_lock();
    fd = NEXT(mkostemps)(template, suffix, flags);
    if (recorder_on())
        opened(fd, true, false);
    recorder_unlock();
    return fd;
}

int mkostemp(char *template, int flags)
{
    return mkostemps(template, 0, flags);
}

int mkstemps(char *template, int suffix)
{
    return mkostemps(template, suffix, 0);
}

int mkstemp(char *template)
{
    return mkostemps(template, 0, 0);
}

int mkstemp64(char *template) __attribute__((alias("mkstemp")));
int mkostemp64(char *template, int flags) __attribute__((alias("mkostemp")));
int mkstemps64(char *template, int suffix) __attribute__((alias("mkstemps")));
int mkostemps64(char *template, int suffix, int flags) __attribute__((alias("mkostemps")));

/* ---- close, copies of descriptors ---- */

int close(int fd)
{
    if (fd_kind(fd) != FD_OTHER) {
        const struct record r = { .kind = RECORD_CLOSE, .fd = fd };

        /* Before it is done: the number may be used again at once. */
        record_put(&r, NULL, NULL);
        fd_set_kind(fd, FD_OTHER);
    }
    return NEXT(close)(fd);
}

static int copied(int fd, int copy)
{
    if (copy != -1 && fd_kind(fd) != FD_OTHER) {
        const struct record r = { .kind = RECORD_DUP, .fd = fd, .value = copy };

        fd_set_kind(copy, fd_kind(fd));
        record_put(&r, NULL, NULL);
    }
    return copy;
}

int dup(int fd)
{
    return copied(fd, NEXT(dup)(fd));
}

int dup2(int fd, int to)
{
    return copied(fd, NEXT(dup2)(fd, to));
}

int dup3(int fd, int to, int flags)
{
    return copied(fd, NEXT(dup3)(fd, to, flags));
}

/* ---- size ---- */

static int resized(enum record_kind kind, int fd, off_t size, int rc)
{
    const struct record r = { .kind = kind, .fd = fd, .offset = size };

    if (rc == 0)
        record_put(&r, NULL, NULL);
    return rc;
}

int ftruncate(int fd, off_t size)
{
    int rc;

    if (fd_kind(fd) != FD_FILE)
        return NEXT(ftruncate)(fd, size);
    recorder_lock();
    rc = resized(RECORD_SIZE, fd, size, NEXT(ftruncate)(fd, size));
    recorder_unlock();
    return rc;
}

int truncate(const char *path, off_t size)
{
    const struct record r = { .kind = RECORD_SIZE, .fd = -1, .offset = size };
    char below[RECORD_PATH_MAX];
    int rc;

    if (!recorder_on() || !path_below(AT_FDCWD, path, below))
        return NEXT(truncate)(path, size);
    recorder_lock();
    rc = NEXT(truncate)(path, size);
    if (rc == 0)
        record_put(&r, below, NULL);
    recorder_unlock();
    return rc;
}

static void unseen(int fd)
{
    const struct record r = { .kind = RECORD_UNSEEN, .fd = fd };
    char path[RECORD_PATH_MAX];

    if (path_of_fd(fd, path))
        record_put(&r, path, NULL);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    int rc;

    if (fd_kind(fd) != FD_FILE)
        return NEXT(fallocate)(fd, mode, offset, len);
    recorder_lock();
    rc = NEXT(fallocate)(fd, mode, offset, len);
    if (mode == 0)
        (void)resized(RECORD_GROW, fd, offset + len, rc);
    else
        unseen(fd); /* holes and the like: nobody here makes them */
    recorder_unlock();
    return rc;
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    int rc;

    if (fd_kind(fd) != FD_FILE)
        return NEXT(posix_fallocate)(fd, offset, len);
    recorder_lock();
    rc = resized(RECORD_GROW, fd, offset + len, NEXT(posix_fallocate)(fd, offset, len));
    recorder_unlock();
    return rc;
}

int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));
int truncate64(const char *path, off64_t size) __attribute__((alias("truncate")));
int fallocate64(int fd, int mode, off64_t offset, off64_t len) __attribute__((alias("fallocate")));
int posix_fallocate64(int fd, off64_t offset, off64_t len) __attribute__((alias("posix_fallocate")));

void *mmap(void *address, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (fd_kind(fd) == FD_FILE && (protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0)
        unseen(fd);
    return NEXT(mmap)(address, n, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t n, int protection, int flags, int fd, off64_t offset) __attribute__((alias("mmap")));

/* ---- sync ---- */

static int sync_any(int fd, int (*next)(int))
{
    static long numbers;
    struct record r = { .kind = RECORD_SYNC_BEGIN, .fd = fd };
    const struct timespec slow = { recorder_sync_ms() / 1000, recorder_sync_ms() % 1000 * 1000000L };
    int rc;

    if (fd_kind(fd) != FD_FILE)
        return next(fd);
    if (recorder_drops(fd)) {
        r.kind = RECORD_SYNC_DROP;
        record_put(&r, NULL, NULL);
        return 0;
    }
    if (recorder_fails(fd)) {
        r.kind = RECORD_SYNC_FAIL;
        record_put(&r, NULL, NULL);
        errno = EIO;
        return -1;
    }
    r.value = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
    record_put(&r, NULL, NULL);
    if (recorder_sync_ms() > 0)
        (void)nanosleep(&slow, NULL);
    rc = next(fd);
    r.kind = RECORD_SYNC_END;
    if (rc == 0)
        record_put(&r, NULL, NULL);
    return rc;
}

int fsync(int fd)
{
    return sync_any(fd, NEXT(fsync));
}

int fdatasync(int fd)
{
    return sync_any(fd, NEXT(fdatasync));
}
