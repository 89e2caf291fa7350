/* file.h - files and directories that survive a power cut.
 *
 * Why:     a reader sees the old content or the new one, never a part: temporary file, fsync, rename, fsync
 *          of the directory. SQLite's files are not touched here.
 * Owner:   what root makes belongs to whom its directory belongs to: the command line may run as root, the
 *          daemons that must read it do not.
 * Errors:  TRAP_ENOENT, TRAP_EEXIST, TRAP_EPERM, TRAP_EFULL (disk or quota), TRAP_ENOMEM, else TRAP_EIO;
 *          errno is set, and the text goes to `why` (may be NULL).
 * Threads: any; two writers of one path are the caller's mistake (use file_lock).
 * Tests:   tests/unit/base/test_file.c
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <base/buf.h>
#include <base/err.h>

#include <sys/types.h>

/* Replaces path by data, atomically and durably. */
TRAP_NODISCARD enum trap_err file_replace(const char *path, struct bytes data, mode_t mode,
                                          struct err_text *why);
/* Creates path with data; TRAP_EEXIST where there is one already. Durable. */
TRAP_NODISCARD enum trap_err file_create(const char *path, struct bytes data, mode_t mode,
                                         struct err_text *why);
/* Makes the symlink `path` point to `target`, atomically and durably. */
TRAP_NODISCARD enum trap_err file_symlink_swap(const char *path, const char *target, struct err_text *why);
/* Whole file; more than max_bytes: TRAP_ERANGE. *out is initialised by the call and freed by the caller. */
TRAP_NODISCARD enum trap_err file_slurp(const char *path, size_t max_bytes, struct buf *out,
                                        struct err_text *why);
/* mkdir -p of the last component only; an existing directory is fine (its mode stays). Durable. */
TRAP_NODISCARD enum trap_err dir_make(const char *path, mode_t mode, struct err_text *why);
TRAP_NODISCARD enum trap_err dir_sync(const char *path, struct err_text *why);
/* For files that are made elsewhere (see Owner); fd is path's. */
TRAP_NODISCARD enum trap_err file_own_as_dir(int fd, const char *path, struct err_text *why);
/* Removes a directory and what is in it (plain files and directories; never follows a symlink). */
TRAP_NODISCARD enum trap_err dir_remove(const char *path, struct err_text *why);

/* "dir/name" into out; TRAP_ERANGE where it does not fit. */
enum { PATH_TEXT_MAX = 1024 };
TRAP_NODISCARD enum trap_err path_join(const char *dir, const char *name, char out[PATH_TEXT_MAX]);

/* Exclusive lock on path (created 0600), held until file_unlock or the end of the process. TRAP_EBUSY names
 * the holder's pid. */
TRAP_NODISCARD enum trap_err file_lock(const char *path, int *fd_out, struct err_text *why);
void file_unlock(int fd);

#endif
