#include <base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says what failed on which path, and turns errno into our code. errno is left as it was. */
static enum trap_err fail(struct err_text *why, const char *what, const char *path)
{
    static const struct {
        int number;
        enum trap_err err;
    } map[] = { { ENOENT, TRAP_ENOENT }, { EEXIST, TRAP_EEXIST }, { EACCES, TRAP_EPERM },
                { EPERM, TRAP_EPERM },   { ENOSPC, TRAP_EFULL },  { EDQUOT, TRAP_EFULL },
                { ENOMEM, TRAP_ENOMEM } };
    const int saved = errno;
    enum trap_err err = TRAP_EIO;

    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (map[i].number == saved)
            err = map[i].err;
    if (why != NULL) {
        char text[128];
        err_text_set(why, "cannot %s %s: %s", what, path, strerror_r(saved, text, sizeof text));
    }
    errno = saved;
    return err;
}

static enum trap_err too_long(struct err_text *why, const char *path)
{
    errno = ENAMETOOLONG;
    return fail(why, "use", path);
}

static int close_keeping_errno(int fd)
{
    const int saved = errno;
    const int rc = close(fd);

    if (rc == 0)
        errno = saved;
    return rc;
}

enum trap_err path_join(const char *dir, const char *name, char out[PATH_TEXT_MAX])
{
    const size_t n = strlen(dir);
    char text[PATH_TEXT_MAX];
    const int len = snprintf(text, sizeof text, "%s%s%s", dir, n > 0 && dir[n - 1] != '/' ? "/" : "", name);

    if (len < 0 || len >= PATH_TEXT_MAX)
        return TRAP_ERANGE;
    memcpy(out, text, (size_t)len + 1);
    return TRAP_OK;
}

/* The directory that holds path: "." for a plain name. */
static enum trap_err parent_of(const char *path, char out[PATH_TEXT_MAX])
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n >= PATH_TEXT_MAX)
        return TRAP_ERANGE;
    if (n == 0)
        return path_join(".", "", out);
    memcpy(out, path, n);
    out[n] = '\0';
    return TRAP_OK;
}

enum trap_err dir_sync(const char *path, struct err_text *why)
{
    enum trap_err err = TRAP_OK;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1)
        return fail(why, "open the directory", path);
    if (fsync(fd) == -1)
        err = fail(why, "sync the directory", path);
    (void)close_keeping_errno(fd);
    return err;
}

static enum trap_err parent_sync(const char *path, struct err_text *why)
{
    char dir[PATH_TEXT_MAX];

    if (parent_of(path, dir) != TRAP_OK)
        return too_long(why, path);
    return dir_sync(dir, why);
}

enum trap_err file_own_as_dir(int fd, const char *path, struct err_text *why)
{
    char dir[PATH_TEXT_MAX];
    struct stat st;

    if (geteuid() != 0)
        return TRAP_OK;
    if (parent_of(path, dir) != TRAP_OK)
        return too_long(why, path);
    if (stat(dir, &st) == -1)
        return fail(why, "look at", dir);
    if ((st.st_uid != 0 || st.st_gid != 0) && fchown(fd, st.st_uid, st.st_gid) == -1)
        return fail(why, "set the owner of", path);
    return TRAP_OK;
}

static enum trap_err write_all(int fd, struct bytes data)
{
    while (data.n > 0) {
        const ssize_t n = write(fd, data.p, data.n);
        if (n == -1) {
            if (errno == EINTR)
                continue;
            return TRAP_EIO;
        }
        data = bytes_skip(data, (size_t)n);
    }
    return TRAP_OK;
}

/* A new file beside path, with the data in it, synced. Its name goes to temp_out. */
static enum trap_err temp_write(const char *path, struct bytes data, mode_t mode,
                                char temp_out[PATH_TEXT_MAX], struct err_text *why)
{
    enum trap_err err = TRAP_OK;
    const int len = snprintf(temp_out, PATH_TEXT_MAX, "%s.tmp.XXXXXX", path);
    int fd;

    if (len < 0 || len >= PATH_TEXT_MAX)
        return too_long(why, path);
    fd = mkostemp(temp_out, O_CLOEXEC);
    if (fd == -1)
        return fail(why, "create", temp_out);
    err = file_own_as_dir(fd, path, why);
    if (err == TRAP_OK && fchmod(fd, mode) == -1)
        err = fail(why, "set the mode of", temp_out);
    else if (err == TRAP_OK && write_all(fd, data) != TRAP_OK)
        err = fail(why, "write", temp_out);
    else if (err == TRAP_OK && fsync(fd) == -1)
        err = fail(why, "sync", temp_out);
    if (close_keeping_errno(fd) == -1 && err == TRAP_OK)
        err = fail(why, "close", temp_out);
    if (err != TRAP_OK)
        (void)unlink(temp_out);
    return err;
}

enum trap_err file_replace(const char *path, struct bytes data, mode_t mode, struct err_text *why)
{
    char temp[PATH_TEXT_MAX];
    enum trap_err err = temp_write(path, data, mode, temp, why);

    if (err != TRAP_OK)
        return err;
    if (rename(temp, path) == -1) {
        err = fail(why, "replace", path);
        (void)unlink(temp);
        return err;
    }
    return parent_sync(path, why);
}

enum trap_err file_create(const char *path, struct bytes data, mode_t mode, struct err_text *why)
{
    char temp[PATH_TEXT_MAX];
    enum trap_err err = temp_write(path, data, mode, temp, why);

    if (err != TRAP_OK)
        return err;
    if (link(temp, path) == -1) /* not rename: that would replace */
        err = fail(why, "create", path);
    (void)unlink(temp);
    return err != TRAP_OK ? err : parent_sync(path, why);
}

enum trap_err file_symlink_swap(const char *path, const char *target, struct err_text *why)
{
    char temp[PATH_TEXT_MAX];
    const int len = snprintf(temp, sizeof temp, "%s.tmp.%ld", path, (long)getpid());
    enum trap_err err;

    if (len < 0 || len >= PATH_TEXT_MAX)
        return too_long(why, path);
    (void)unlink(temp); /* of an earlier process with this number */
    if (symlink(target, temp) == -1)
        return fail(why, "create the symlink", temp);
    if (rename(temp, path) == -1) {
        err = fail(why, "replace the symlink", path);
        (void)unlink(temp);
        return err;
    }
    return parent_sync(path, why);
}

static enum trap_err read_all(int fd, const char *path, size_t max_bytes, struct buf *out,
                              struct err_text *why)
{
    enum { CHUNK = 64 * 1024 };

    for (;;) {
        const size_t left = max_bytes + 1 - out->n; /* one more than allowed: that tells "too long" */
        const size_t want = left < CHUNK ? left : CHUNK;
        uint8_t *const room = buf_reserve(out, want);
        ssize_t n;

        if (room == NULL) {
            errno = ENOMEM;
            return fail(why, "read", path);
        }
        n = read(fd, room, want);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return fail(why, "read", path);
        if (n == 0)
            return TRAP_OK;
        buf_commit(out, (size_t)n);
        if (out->n > max_bytes) {
            if (why != NULL)
                err_text_set(why, "%s is longer than %zu bytes", path, max_bytes);
            return TRAP_ERANGE;
        }
    }
}

enum trap_err file_slurp(const char *path, size_t max_bytes, struct buf *out, struct err_text *why)
{
    enum trap_err err;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    TRAP_BUG_ON(max_bytes == SIZE_MAX);
    buf_init(out, max_bytes + 1);
    if (fd == -1)
        return fail(why, "open", path);
    err = read_all(fd, path, max_bytes, out, why);
    (void)close_keeping_errno(fd);
    if (err != TRAP_OK)
        buf_free(out);
    return err;
}

enum trap_err dir_make(const char *path, mode_t mode, struct err_text *why)
{
    struct stat st;

    if (mkdir(path, mode) == 0)
        return parent_sync(path, why);
    if (errno != EEXIST)
        return fail(why, "create the directory", path);
    if (stat(path, &st) == -1)
        return fail(why, "look at", path);
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return fail(why, "create the directory", path);
    }
    return TRAP_OK;
}

enum trap_err file_lock(const char *path, int *fd_out, struct err_text *why)
{
    char text[24];
    int len;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd == -1)
        return fail(why, "open", path);
    if (file_own_as_dir(fd, path, why) != TRAP_OK) {
        (void)close_keeping_errno(fd);
        return TRAP_EPERM;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
        enum trap_err err = TRAP_EBUSY;
        if (errno == EWOULDBLOCK) {
            const ssize_t n = read(fd, text, sizeof text - 1);
            const struct bytes holder = bytes_of(text, n > 0 ? (size_t)n : 0);
            if (why != NULL)
                err_text_set(why, "%s is held by process %.*s; stop that one first", path,
                             (int)bytes_find(holder, '\n'), text);
            errno = EWOULDBLOCK;
        } else {
            err = fail(why, "lock", path);
        }
        (void)close_keeping_errno(fd);
        return err;
    }
    /* The number is a hint for people only; the lock itself is the kernel's. */
    len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == -1 || write_all(fd, bytes_of(text, (size_t)len)) != TRAP_OK) {
        const enum trap_err err = fail(why, "write", path);
        (void)close_keeping_errno(fd);
        return err;
    }
    *fd_out = fd;
    return TRAP_OK;
}

void file_unlock(int fd)
{
    (void)close(fd);
}
