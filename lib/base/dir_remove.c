/* dir_remove.c - removes a tree by directory descriptors: a symlink put there meanwhile leads nowhere. */
#include <base/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ours are two deep; a deeper tree was not made by us. */
enum { DEPTH_MAX = 16 };

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int remove_content(int dir_fd, unsigned depth);

static int remove_entry(int dir_fd, const char *name, unsigned depth)
{
    int fd;
    int rc;

    if (unlinkat(dir_fd, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (depth == DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1)
        return -1;
    rc = remove_content(fd, depth + 1);
    return rc == -1 ? -1 : unlinkat(dir_fd, name, AT_REMOVEDIR);
}

/* Takes dir_fd over. */
static int remove_content(int dir_fd, unsigned depth)
{
    DIR *const dir = fdopendir(dir_fd);
    const struct dirent *entry;
    int rc = 0;

    if (dir == NULL) {
        (void)close(dir_fd);
        return -1;
    }
    while (rc == 0) {
        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            rc = errno == 0 ? 0 : -1;
            break;
        }
        if (!is_dots(entry->d_name))
            rc = remove_entry(dir_fd, entry->d_name, depth);
    }
    {
        const int saved = errno;
        (void)closedir(dir);
        errno = saved;
    }
    return rc;
}

enum trap_err dir_remove(const char *path, struct err_text *why)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd != -1 && remove_content(fd, 0) == 0 && rmdir(path) == 0)
        return TRAP_OK;
    if (why != NULL) {
        const int saved = errno;
        char text[128];
        err_text_set(why, "cannot remove the directory %s: %s", path, strerror_r(saved, text, sizeof text));
        errno = saved;
    }
    return errno == ENOENT ? TRAP_ENOENT : TRAP_EIO;
}
