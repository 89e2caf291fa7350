/* Making a file: complete, or not there. */
#include "file_parts.h"

#include <base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* What an attempt left that was cut off. A stale journal or WAL would be taken for the new file's. */
static void remove_temp(const char *temp)
{
    static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
    char path[PATH_TEXT_MAX + 64];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", temp, suffixes[i]);
        (void)unlink(path);
    }
}

/* The new file is complete before it has its name. */
static enum trap_err fill_new(struct store_db *db, const char *temp, uint8_t node, struct err_text *why)
{
    char pragma[128];
    enum trap_err err = db_connect(temp, SQLITE_OPEN_READWRITE, &db->sq);
    const wall_t now = wall_now();

    (void)snprintf(pragma, sizeof pragma,
                   "PRAGMA page_size = %d; PRAGMA application_id = %d; PRAGMA synchronous = FULL",
                   FILE_PAGE_BYTES, FILE_APPLICATION_ID + (int)db->file);
    if (err == TRAP_OK)
        err = db_exec(db, pragma);
    if (err == TRAP_OK)
        err = file_migrate(db, 0);
    if (err == TRAP_OK)
        err = db_meta_set(db, "node", node);
    if (err == TRAP_OK && db->file == STORE_VISITS) {
        (void)snprintf(pragma, sizeof pragma, "INSERT INTO epoch VALUES (1, 1, %lld)", (long long)now.us);
        err = db_exec(db, pragma);
    }
    if (err == TRAP_OK)
        err = db_exec(db, "PRAGMA journal_mode = WAL");
    if (err == TRAP_OK && sqlite3_db_config(db->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL) != SQLITE_OK)
        err = TRAP_EIO;
    if (err != TRAP_OK)
        err_text_set(why, "%s: cannot be made: %s", db->path, db_error_text(db));
    return err;
}

static enum trap_err sync_and_name(const char *temp, const struct store_db *db, struct err_text *why)
{
    const int fd = open(temp, O_RDONLY | O_CLOEXEC);
    bool ok = fd != -1 && fsync(fd) == 0;

    if (fd != -1)
        (void)close(fd);
    /* link, not rename: of two who make acts.db at once, the first one's stays. */
    ok = ok && (link(temp, db->path) == 0 || errno == EEXIST);
    if (!ok) {
        err_text_set(why, "%s: cannot be made: %s", db->path, log_errno_text());
        return TRAP_EIO;
    }
    return dir_sync(db->dir, why);
}

/* The node of a new file is that of its neighbours. */
static uint8_t node_of_neighbours(const char *dir)
{
    uint8_t node = 0;

    for (unsigned f = 0; f < STORE_FILES && node == 0; f++) {
        struct store_db *db = NULL;
        struct err_text ignored;

        if (store_open(dir, (enum store_file)f, STORE_READ, &db, &ignored) == TRAP_OK)
            node = db->node;
        store_close(&db);
    }
    return node;
}

enum trap_err file_make(const char *dir, enum store_file f, int node, struct err_text *why)
{
    const uint8_t own = node == -1 ? node_of_neighbours(dir) : (uint8_t)node;
    char temp[PATH_TEXT_MAX + 32];
    struct store_db *db = file_db_new(dir, f, STORE_CREATE);
    enum trap_err err;
    int fd;

    if (db == NULL)
        return TRAP_ENOMEM;
    /* acts.db has no lock: two may make it at once, each under its own name. */
    if (f == STORE_ACTS)
        (void)snprintf(temp, sizeof temp, "%s.%ld.new", db->path, (long)getpid());
    else
        (void)snprintf(temp, sizeof temp, "%s.new", db->path);
    remove_temp(temp);
    /* Made here for its mode: SQLite gives the -wal and -shm files that of the database. */
    fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -1) {
        err_text_set(why, "%s: cannot be made: %s", temp, log_errno_text());
        err = TRAP_EIO;
        goto out;
    }
    err = file_own_as_dir(fd, temp, why);
    (void)close(fd);
    if (err == TRAP_OK)
        err = fill_new(db, temp, own, why);
    store_close(&db);
    db = file_db_new(dir, f, STORE_CREATE);
    if (err == TRAP_OK)
        err = db == NULL ? TRAP_ENOMEM : sync_and_name(temp, db, why);
    remove_temp(temp);
out:
    store_close(&db);
    return err;
}

enum trap_err store_create_all(const char *dir, uint8_t node, struct err_text *why)
{
    for (unsigned f = 0; f < STORE_FILES; f++) {
        struct store_db *db = file_db_new(dir, (enum store_file)f, STORE_CREATE);
        enum trap_err err;

        if (db == NULL)
            return TRAP_ENOMEM;
        err = file_take_lock(db, why);
        if (err == TRAP_OK && access(db->path, F_OK) == -1)
            err = file_make(dir, (enum store_file)f, node, why);
        store_close(&db);
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}
