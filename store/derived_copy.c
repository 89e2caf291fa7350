#include "db.h"

#include <store/evidence.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* All pages in one step: one read transaction, so one state. It holds back checkpoints of derived.db alone,
 * for the time of a plain copy. */
static enum trap_err copy_pages(struct store_db *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from->sq, "main");
    int rc;

    if (backup == NULL)
        return db_error(from, sqlite3_errcode(to));
    rc = sqlite3_backup_step(backup, -1);
    (void)sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? TRAP_OK : db_error(from, rc);
}

static enum trap_err fill(struct store_db *from, const char *path)
{
    sqlite3 *to = NULL;
    enum trap_err err = db_connect(path, SQLITE_OPEN_READWRITE, &to);

    if (err != TRAP_OK)
        return err;
    /* A scratch file: lost with the power, and made again. */
    err = db_error(from,
                   sqlite3_exec(to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", NULL, NULL, NULL));
    if (err == TRAP_OK)
        err = copy_pages(from, to);
    (void)sqlite3_close(to);
    return err;
}

enum trap_err derived_copy(const char *dir, const char *scratch_dir, struct store_db **out,
                           struct err_text *why)
{
    char name[64], path[PATH_TEXT_MAX];
    struct store_db *from = NULL;
    uint64_t nonce = 0;
    int fd = -1;
    enum trap_err err = store_open(dir, STORE_DERIVED, STORE_READ, &from, why);

    if (err != TRAP_OK)
        return err;
    nonce = (uint64_t)wall_now().us;
    (void)snprintf(name, sizeof name, "derived-%ld-%llx.db", (long)getpid(), (unsigned long long)nonce);
    err = path_join(scratch_dir, name, path);
    if (err == TRAP_OK) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        err = fd == -1 ? TRAP_EIO : fill(from, path);
    }
    if (fd != -1)
        (void)close(fd);
    store_close(&from);
    if (err != TRAP_OK) {
        err_text_set(why, "%s/%s: a copy of the evidence cannot be made", scratch_dir, name);
        if (fd != -1)
            (void)unlink(path);
        return err;
    }
    return db_open_private(path, STORE_DERIVED, out, why);
}
