#include "snapshot.h"

#include <base/file.h>

#include <sys/stat.h>

bool snapshot_changed(const char *path, struct snapshot_stamp *stamp)
{
    struct snapshot_stamp now = { 0 };
    struct stat st;

    if (stat(path, &st) == 0)
        now = (struct snapshot_stamp){ st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec, st.st_ino,
                                       (uint64_t)st.st_size };
    if (now.mtime_ns == stamp->mtime_ns && now.inode == stamp->inode && now.size == stamp->size)
        return false;
    *stamp = now;
    return true;
}

enum trap_err snapshot_path(const char *dir, const char *name, bool make, char *out, struct err_text *why)
{
    char folder[PATH_TEXT_MAX];
    enum trap_err err = path_join(dir, "snap", folder);

    if (err == TRAP_OK && make)
        err = dir_make(folder, 0700, why);
    else if (err != TRAP_OK)
        err_text_set(why, "%s: the path is too long", dir);
    if (err != TRAP_OK)
        return err;
    err = path_join(folder, name, out);
    if (err != TRAP_OK)
        err_text_set(why, "%s: the path is too long", dir);
    return err;
}
