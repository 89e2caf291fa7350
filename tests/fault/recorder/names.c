/* Names: rename, link, symlink, unlink, mkdir, rmdir. */
#include "recorder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* One name, one call: `call` is made and logged under the lock where the name lies below the directory. */
#define ONE_NAME(kind, dir_fd, path, second, call)             \
    char below[RECORD_PATH_MAX];                               \
    int rc;                                                    \
    if (!recorder_on() || !path_below(dir_fd, path, below))    \
        return (call);                                         \
    recorder_lock();                                           \
    rc = (call);                                               \
    if (rc == 0)                                               \
        record_name(kind, below, second);                      \
    recorder_unlock();                                         \
    return rc;

int unlinkat(int dir_fd, const char *path, int flags)
{
    ONE_NAME((flags & AT_REMOVEDIR) != 0 ? RECORD_RMDIR : RECORD_UNLINK, dir_fd, path, NULL,
             NEXT(unlinkat)(dir_fd, path, flags))
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    struct stat st;

    return unlinkat(AT_FDCWD, path, lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    ONE_NAME(RECORD_MKDIR, dir_fd, path, NULL, NEXT(mkdirat)(dir_fd, path, mode))
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int symlinkat(const char *target, int dir_fd, const char *path)
{
    ONE_NAME(RECORD_SYMLINK, dir_fd, path, target, NEXT(symlinkat)(target, dir_fd, path))
}

int symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

/* A name that comes from outside, or leaves, is a change that the log cannot show. */
static void put_two(enum record_kind kind, const char *from, const char *to)
{
    if (from != NULL && to != NULL)
        record_name(kind, from, to);
    else
        record_name(RECORD_UNSEEN, from != NULL ? from : to, NULL);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    char below_from[RECORD_PATH_MAX], below_to[RECORD_PATH_MAX];
    const char *a = NULL, *b = NULL;
    int rc;

    if (recorder_on()) {
        a = path_below(from_fd, from, below_from) ? below_from : NULL;
        b = path_below(to_fd, to, below_to) ? below_to : NULL;
    }
    if (a == NULL && b == NULL)
        return NEXT(renameat2)(from_fd, from, to_fd, to, flags);
    recorder_lock();
    rc = NEXT(renameat2)(from_fd, from, to_fd, to, flags);
    if (rc == 0)
        put_two((flags & RENAME_EXCHANGE) != 0 ? RECORD_UNSEEN : RECORD_RENAME, a, b);
    recorder_unlock();
    return rc;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    char below_from[RECORD_PATH_MAX], below_to[RECORD_PATH_MAX];
    const char *a = NULL, *b = NULL;
    int rc;

    if (recorder_on()) {
        a = path_below(from_fd, from, below_from) ? below_from : NULL;
        b = path_below(to_fd, to, below_to) ? below_to : NULL;
    }
    if (b == NULL)
        return NEXT(linkat)(from_fd, from, to_fd, to, flags);
    recorder_lock();
    rc = NEXT(linkat)(from_fd, from, to_fd, to, flags);
    if (rc == 0)
        put_two(RECORD_LINK, a, b);
    recorder_unlock();
    return rc;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
