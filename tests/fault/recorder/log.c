#include "recorder.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 65536 };

static pthread_mutex_t order;
static bool on;
static int log_fd = -1;
static int sync_ms;
static const char *drop, *fail;
static char top[PATH_MAX];
static size_t top_len;
static unsigned char kinds[FDS];

/* The recorder's own calls must not come back to it. */
static long raw_write(const struct iovec *parts, int n)
{
    return syscall(SYS_writev, log_fd, parts, n);
}

static void die(const char *what)
{
    const struct iovec parts[] = { { (void *)(uintptr_t)"recorder: ", 10 },
                                   { (void *)(uintptr_t)what, strlen(what) },
                                   { (void *)(uintptr_t)"\n", 1 } };

    (void)syscall(SYS_writev, 2, parts, 3);
    _exit(126);
}

void next_function(const char *name, void *out)
{
    void *const p = dlsym(RTLD_NEXT, name);

    if (p == NULL)
        die(name);
    memcpy(out, &p, sizeof p); /* no cast leads from an object pointer to a function pointer */
}

static void forked(void)
{
    on = false;
}

static void start_log(const char *prefix)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s.%s.%ld", prefix, program_invocation_short_name, (long)getpid());

    if (n < 0 || (size_t)n >= sizeof name)
        die("TRAPLINE_RECORD_LOG is too long");
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd == -1)
        die("TRAPLINE_RECORD_LOG cannot be opened");
    /* Out of the way of programs that count their descriptors. */
    n = (int)syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
    if (n != -1) {
        (void)syscall(SYS_close, log_fd);
        log_fd = n;
    }
}

__attribute__((constructor)) static void start(void)
{
    const char *dir = getenv("TRAPLINE_RECORD_DIR"), *prefix = getenv("TRAPLINE_RECORD_LOG");
    const char *ms = getenv("TRAPLINE_FSYNC_MS");
    pthread_mutexattr_t attr;

    if (dir == NULL || prefix == NULL)
        return;
    if (realpath(dir, top) == NULL)
        die("TRAPLINE_RECORD_DIR is not there");
    top_len = strlen(top);
    for (; ms != NULL && *ms >= '0' && *ms <= '9'; ms++)
        sync_ms = sync_ms * 10 + (*ms - '0');
    drop = getenv("TRAPLINE_FSYNC_DROP");
    fail = getenv("TRAPLINE_FSYNC_FAIL");
    (void)pthread_mutexattr_init(&attr);
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&order, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    (void)pthread_atfork(NULL, NULL, forked);
    start_log(prefix);
    on = true;
}

bool recorder_on(void)
{
    return on;
}

int recorder_sync_ms(void)
{
    return sync_ms;
}

static bool ends_with(int fd, const char *end)
{
    char path[RECORD_PATH_MAX];
    size_t n, m;

    if (!path_of_fd(fd, path))
        return false;
    n = strlen(path);
    m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

bool recorder_drops(int fd)
{
    return drop != NULL && drop[0] != '\0' && (strcmp(drop, "1") == 0 || ends_with(fd, drop));
}

bool recorder_fails(int fd)
{
    static int failed;

    return fail != NULL && fail[0] != '\0' && ends_with(fd, fail) && __atomic_exchange_n(&failed, 1, __ATOMIC_ACQ_REL) == 0;
}

void recorder_lock(void)
{
    (void)pthread_mutex_lock(&order);
}

void recorder_unlock(void)
{
    const int saved = errno;

    (void)pthread_mutex_unlock(&order);
    errno = saved;
}

enum fd_kind fd_kind(int fd)
{
    if (!on || fd < 0 || fd >= FDS)
        return FD_OTHER;
    return (enum fd_kind)__atomic_load_n(&kinds[fd], __ATOMIC_ACQUIRE);
}

void fd_set_kind(int fd, enum fd_kind kind)
{
    if (fd >= FDS && kind != FD_OTHER)
        die("more file descriptors than the recorder knows");
    if (fd >= 0 && fd < FDS)
        __atomic_store_n(&kinds[fd], (unsigned char)kind, __ATOMIC_RELEASE);
}

/* Strips the directory; "." for itself. */
static bool strip_top(const char *path, char out[RECORD_PATH_MAX])
{
    const char *rest = path + top_len;

    if (strncmp(path, top, top_len) != 0 || (*rest != '/' && *rest != '\0'))
        return false;
    if (*rest == '\0')
        rest = "/.";
    if (strlen(rest + 1) >= RECORD_PATH_MAX)
        die("a path is too long");
    memcpy(out, rest + 1, strlen(rest));
    return true;
}

bool path_of_fd(int fd, char out[RECORD_PATH_MAX])
{
    char link[64], path[PATH_MAX];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return strip_top(path, out);
}

/* Absolute form of (dir_fd, path), with the directory part not yet resolved. */
static bool absolute(int dir_fd, const char *path, char out[PATH_MAX])
{
    char link[64];
    ssize_t n = 0;
    int len;

    if (path[0] != '/') {
        if (dir_fd == AT_FDCWD)
            (void)snprintf(link, sizeof link, "/proc/self/cwd");
        else
            (void)snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
        n = readlink(link, out, PATH_MAX - 1);
        if (n <= 0)
            return false;
    }
    len = snprintf(out + n, PATH_MAX - (size_t)n, "%s%s", n == 0 ? "" : "/", path);
    if (len < 0 || (size_t)(n + len) >= PATH_MAX)
        die("a path is too long");
    for (size_t end = (size_t)(n + len); end > 1 && out[end - 1] == '/'; end--)
        out[end - 1] = '\0';
    return true;
}

bool path_below(int dir_fd, const char *path, char out[RECORD_PATH_MAX])
{
    const int saved = errno;
    char whole[PATH_MAX], parent[PATH_MAX];
    char *slash;
    bool below = false;

    if (path != NULL && path[0] != '\0' && absolute(dir_fd, path, whole) && (slash = strrchr(whole, '/')) != NULL) {
        const char *last = slash + 1;
        char name[NAME_MAX + 1];

        (void)snprintf(name, sizeof name, "%s", last);
        slash[slash == whole ? 1 : 0] = '\0';
        if (realpath(whole, parent) != NULL) {
            const int n = snprintf(whole, sizeof whole, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
            below = n > 0 && (size_t)n < sizeof whole && strip_top(whole, out);
        }
    }
    errno = saved;
    return below;
}

void record_put(const struct record *r, const char *path, const void *data)
{
    const int saved = errno;
    struct record head = *r;
    struct timespec now;
    struct iovec parts[3];
    ssize_t want;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    head.time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    head.path_bytes = path == NULL ? 0 : (uint32_t)strlen(path);
    parts[0] = (struct iovec){ &head, sizeof head };
    parts[1] = (struct iovec){ (void *)(uintptr_t)path, head.path_bytes };
    parts[2] = (struct iovec){ (void *)(uintptr_t)data, head.data_bytes };
    want = (ssize_t)(sizeof head + head.path_bytes + head.data_bytes);
    recorder_lock();
    if (on && raw_write(parts, 3) != want)
        die("the log cannot be written");
    recorder_unlock();
    errno = saved;
}

void record_name(enum record_kind kind, const char *path, const char *second)
{
    const struct record r = { .kind = kind, .fd = -1, .data_bytes = second == NULL ? 0 : (uint32_t)strlen(second) };

    record_put(&r, path, second);
}
