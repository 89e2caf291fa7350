/* Opening a file, in the order that lets a refusal leave no trace:
 *   1. the lock (writers), 2. the first 100 bytes, read without a connection, 3. quick_check on a connection
 *   that cannot write,
 *   4. the connection itself, still told not to checkpoint when it closes, 5. version once more, now through
 *   the WAL,
 *   6. only then settings and migrations.
 *
 * quick_check reads the whole file: done by a writer for files up to CHECK_MAX_BYTES (docs/adr/0003 has the
 * figures). In a larger one SQLite finds damage where it meets it, and says so to that one query or batch. */
#include "file_parts.h"
#include "schema.h"

#include <base/log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADER_BYTES = FILE_HEADER_BYTES,
    HEADER_USER_VERSION = 60,
    HEADER_APPLICATION_ID = 68
};
static const int64_t CHECK_MAX_BYTES = 256LL << 20;

static const char damaged[] = "keep the file and restore a backup";
static const char missing[] = "if state_dir is right, restore a backup; `trapline init` makes a new installation";
static const struct file_facts {
    const char *name, *lock, *made_by, *remedy, *missing;
    int cache_kib;
} facts[STORE_FILES] = {
    [STORE_VISITS] = { "visits.db", "visits.lock", "trapweb", damaged, missing, 16384 },
    [STORE_HITS] = { "hits.db", "hits.lock", "trapsmtp", damaged, missing, 16384 },
    [STORE_SAMPLES] = { "samples.db", "samples.lock", "trapsmtp",
                        "restore a backup, or move it away: trapsmtp begins an empty one", "start trapsmtp: it makes one", 4096 },
    [STORE_ACTS] = { "acts.db", NULL, "trapline", damaged, missing, 2048 },
    [STORE_DERIVED] = { "derived.db", "derived.lock", "trapexport",
                        "move it away and run `trapline rebuild`: all of it is made from the log",
                        "`trapline rebuild` makes it from the log", 65536 },
    [STORE_PUBLISHED] = { "published.db", "published.lock", "trapexport", damaged, missing, 4096 },
};

const char *store_file_name(enum store_file f)
{
    return facts[f].name;
}

int schema_newest(enum store_file f)
{
    int newest = 0;

    for (const struct migration *m = schema_migrations[f]; m->version != 0; m++)
        newest = m->version;
    return newest;
}

uint8_t store_node(const struct store_db *db)
{
    return db->node;
}

static enum trap_err say_damaged(const struct store_db *db, const char *detail, struct err_text *why)
{
    err_text_set(why, "%s: damaged (%s); %s", db->path, detail, facts[db->file].remedy);
    return TRAP_ECORRUPT;
}

static enum trap_err say_failed(struct store_db *db, enum trap_err err, struct err_text *why)
{
    if (err == TRAP_ECORRUPT)
        return say_damaged(db, db_error_text(db), why);
    err_text_set(why, "%s: %s", db->path, db_error_text(db));
    return err;
}

static enum trap_err refuse_newer(const struct store_db *db, int version, struct err_text *why)
{
    const int newest = schema_newest(db->file);

    if (version <= newest)
        return TRAP_OK;
    err_text_set(why,
                 "%s: made by a newer Trapline (schema %d, this one knows %d); install that version, or "
                 "restore a backup "
                 "made by this one",
                 db->path, version, newest);
    return TRAP_ENEWER;
}

static enum trap_err check_version(const struct store_db *db, int version, struct err_text *why)
{
    const int newest = schema_newest(db->file);

    if (version < newest && db->mode == STORE_READ) {
        err_text_set(
            why,
            "%s: made by an older Trapline (schema %d, not %d); start %s once, it brings the file up to date",
            db->path, version, newest, facts[db->file].made_by);
        return TRAP_EBUSY;
    }
    return refuse_newer(db, version, why);
}

static uint32_t big_endian_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* By the functions under SQLite: a connection would make its -shm file beside a stranger's database, and a
 * close(2) of our own would take away the locks of every connection that this process has to the file already
 * (fcntl(2)): the next program that closes it would remove the WAL from under them, commits that are nowhere
 * else included. */
int file_header_read(const char *path, uint8_t head[FILE_HEADER_BYTES], int64_t *size_out)
{
    sqlite3_vfs *const vfs = sqlite3_vfs_find(NULL);
    sqlite3_file *const file = vfs != NULL ? calloc(1, (size_t)vfs->szOsFile) : NULL; /* none: no memory */
    sqlite3_int64 size = 0;
    int rc = SQLITE_NOMEM;

    if (file == NULL)
        return rc;
    rc = vfs->xOpen(vfs, path, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);
    if (rc == SQLITE_OK)
        rc = file->pMethods->xFileSize(file, &size);
    if (rc == SQLITE_OK && size >= HEADER_BYTES)
        rc = file->pMethods->xRead(file, head, HEADER_BYTES, 0);
    if (file->pMethods != NULL)
        (void)file->pMethods->xClose(file);
    free(file);
    *size_out = size;
    return rc;
}

/* Step 2. */
static enum trap_err check_header(const struct store_db *db, int64_t *size_out, struct err_text *why)
{
    uint8_t head[HEADER_BYTES];
    int rc;

    if (access(db->path, F_OK) == -1 && errno == ENOENT) {
        err_text_set(why, "%s: not there; %s", db->path, facts[db->file].missing);
        return TRAP_ENOENT;
    }
    errno = 0;
    rc = file_header_read(db->path, head, size_out);
    if (rc != SQLITE_OK) {
        err_text_set(why, "%s: cannot be read: %s", db->path,
                     errno != 0 ? log_errno_text() : sqlite3_errstr(rc));
        return TRAP_EIO;
    }
    if (*size_out < HEADER_BYTES || memcmp(head, "SQLite format 3", 16) != 0)
        return say_damaged(db, "not a database", why);
    if (big_endian_32(head + HEADER_APPLICATION_ID) != (uint32_t)FILE_APPLICATION_ID + (uint32_t)db->file)
        return say_damaged(db, "a database, but not this one", why);
    /* An older number means nothing here: the last migration may still be in the WAL. */
    return refuse_newer(db, (int)big_endian_32(head + HEADER_USER_VERSION), why);
}

enum trap_err db_connect(const char *path, int flags, sqlite3 **out)
{
    sqlite3 *sq = NULL;
    const int rc = sqlite3_open_v2(path, &sq, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc != SQLITE_OK || sqlite3_db_config(sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(sq, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(sq, DB_BUSY_MS) != SQLITE_OK) {
        (void)sqlite3_close(sq);
        return rc == SQLITE_NOMEM ? TRAP_ENOMEM : TRAP_EIO;
    }
    *out = sq;
    return TRAP_OK;
}

/* "file:" form of a path: the three characters that mean something there are escaped. */
static bool immutable_uri(const char *path, char *out, size_t max)
{
    size_t n = (size_t)snprintf(out, max, "file:");

    for (; *path != '\0' && n + 32 < max; path++) {
        if (*path == '?' || *path == '#' || *path == '%')
            n += (size_t)snprintf(out + n, max - n, "%%%02X", (unsigned char)*path);
        else
            out[n++] = *path;
    }
    (void)snprintf(out + n, max - n, "?immutable=1");
    return *path == '\0';
}

static int first_text(void *arg, int columns, char **values, char **names)
{
    struct err_text *text = arg;
    const char *line = columns > 0 && values[0] != NULL ? values[0] : "";
    const char *end = strchr(line, '\n');

    (void)names;
    /* Damage comes under a heading: "*** in database main ***", newline, what it is. */
    if (text->text[0] == '\0')
        err_text_set(text, "%s", end == NULL ? line : end + 1);
    return 0;
}

/* Step 3. Nothing waits in a WAL: the file is read as if on a CD, without lock and -shm. acts.db has other
 * writers: never so. */
static enum trap_err check_content(struct store_db *db, int64_t size, struct err_text *why)
{
    char name[PATH_TEXT_MAX * 3 + 32];
    struct err_text found = { "" };
    struct stat st;
    int flags = SQLITE_OPEN_READONLY;
    enum trap_err err;
    int rc;

    (void)snprintf(name, sizeof name, "%s-wal", db->path);
    if (db->file != STORE_ACTS && (stat(name, &st) == -1 || st.st_size == 0) &&
        immutable_uri(db->path, name, sizeof name)) {
        flags |= SQLITE_OPEN_URI;
        /* SQLite would read the missing part of the last page as zeros. */
        if (size % FILE_PAGE_BYTES != 0)
            return say_damaged(db, "cut short", why);
    } else {
        (void)snprintf(name, sizeof name, "%s", db->path);
    }
    err = db_connect(name, flags, &db->sq);
    if (err != TRAP_OK)
        return say_failed(db, err, why);
    rc = sqlite3_exec(db->sq, "PRAGMA quick_check(1)", first_text, &found, NULL);
    err = db_error(db, rc);
    if (rc == SQLITE_ERROR)
        err = TRAP_ECORRUPT;
    if (err != TRAP_OK)
        err = say_failed(db, err, why);
    else if (strcmp(found.text, "ok") != 0)
        err = say_damaged(db, found.text, why);
    (void)sqlite3_close(db->sq);
    db->sq = NULL;
    return err;
}

enum trap_err file_migrate(struct store_db *db, int from)
{
    char pragma[64];
    enum trap_err err = db_exec(db, "BEGIN IMMEDIATE");

    if (err != TRAP_OK)
        return err;
    for (const struct migration *m = schema_migrations[db->file]; m->version != 0 && err == TRAP_OK; m++) {
        if (m->version <= from)
            continue;
        err = db_exec(db, m->sql);
        (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", m->version);
        if (err == TRAP_OK)
            err = db_exec(db, pragma);
    }
    if (err == TRAP_OK)
        err = db_exec(db, "COMMIT");
    if (err != TRAP_OK && sqlite3_get_autocommit(db->sq) == 0)
        (void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static enum trap_err settings(struct store_db *db)
{
    char pragmas[256];

    (void)snprintf(pragmas, sizeof pragmas,
                   "PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA mmap_size = 0; PRAGMA "
                   "temp_store = MEMORY;"
                   "PRAGMA cache_size = -%d",
                   facts[db->file].cache_kib);
    return db_exec(db, pragmas);
}

static const char sql_version[] = "PRAGMA user_version";

/* Steps 4 to 6. */
static enum trap_err connect_to(struct store_db *db, struct err_text *why)
{
    const bool write = db->mode != STORE_READ;
    int64_t version = 0, node = 0;
    enum trap_err err = db_connect(db->path, write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, &db->sq);

    if (err == TRAP_OK)
        err = db_int(db, sql_version, &version);
    if (err != TRAP_OK)
        return say_failed(db, err, why);
    err = check_version(db, (int)version, why);
    if (err != TRAP_OK)
        return err;
    err = settings(db);
    if (err == TRAP_OK && write && db->file == STORE_DERIVED) /* a rebuild that was cut off may have left another */
        err = db_exec(db, "PRAGMA journal_mode = WAL");
    if (err == TRAP_OK && write && version < schema_newest(db->file))
        err = file_migrate(db, (int)version);
    if (err == TRAP_OK)
        err = db_meta_get(db, "node", 0, &node);
    if (err == TRAP_OK && write &&
        sqlite3_db_config(db->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL) != SQLITE_OK)
        err = TRAP_EIO;
    if (err != TRAP_OK)
        return say_failed(db, err, why);
    db->node = (uint8_t)node;
    return TRAP_OK;
}

struct store_db *file_db_new(const char *dir, enum store_file f, enum store_mode mode)
{
    struct store_db *db = calloc(1, sizeof *db);

    if (db == NULL)
        return NULL;
    db->file = f;
    db->mode = mode;
    db->lock_fd = -1;
    if (path_join(dir, facts[f].name, db->path) != TRAP_OK ||
        (size_t)snprintf(db->dir, sizeof db->dir, "%s", dir) >= sizeof db->dir) {
        free(db);
        return NULL;
    }
    return db;
}

enum trap_err file_take_lock(struct store_db *db, struct err_text *why)
{
    char path[PATH_TEXT_MAX];

    if (db->mode == STORE_READ || facts[db->file].lock == NULL)
        return TRAP_OK;
    if (path_join(db->dir, facts[db->file].lock, path) != TRAP_OK)
        return TRAP_ERANGE;
    return file_lock(path, &db->lock_fd, why);
}

/* derived.db is put in place with a rollback journal (derived_bulk.c). Cut off, the file is what it was before once
 * SQLite has opened it for writing; read as it is, it would seem damaged. */
static enum trap_err roll_back(struct store_db *db, struct err_text *why)
{
    char journal[PATH_TEXT_MAX + 16];
    int64_t version = 0;
    enum trap_err err;

    (void)snprintf(journal, sizeof journal, "%s-journal", db->path);
    if (db->file != STORE_DERIVED || db->mode == STORE_READ || access(journal, F_OK) == -1)
        return TRAP_OK;
    err = db_connect(db->path, SQLITE_OPEN_READWRITE, &db->sq);
    if (err == TRAP_OK)
        err = db_int(db, sql_version, &version);
    if (err != TRAP_OK)
        err = say_failed(db, err, why);
    for (size_t i = 0; i < db->statement_count; i++)
        (void)sqlite3_finalize(db->statements[i].st);
    db->statement_count = 0;
    (void)sqlite3_close(db->sq);
    db->sq = NULL;
    return err;
}

/* ---- interface ---- */

enum trap_err store_open(const char *dir, enum store_file f, enum store_mode mode, struct store_db **out,
                         struct err_text *why)
{
    struct store_db *db = file_db_new(dir, f, mode);
    int64_t size = 0;
    enum trap_err err;

    if (db == NULL) {
        err_text_set(why, "%s/%s: out of memory, or the path is too long", dir, facts[f].name);
        return TRAP_ENOMEM;
    }
    err = file_take_lock(db, why);
    if (err == TRAP_OK && mode == STORE_CREATE && access(db->path, F_OK) == -1)
        err = file_make(dir, f, -1, why);
    if (err == TRAP_OK)
        err = check_header(db, &size, why);
    if (err == TRAP_OK)
        err = roll_back(db, why);
    if (err == TRAP_OK && mode != STORE_READ && size <= CHECK_MAX_BYTES)
        err = check_content(db, size, why);
    if (err == TRAP_OK)
        err = connect_to(db, why);
    if (err == TRAP_OK) {
        *out = db;
        db = NULL;
    }
    store_close(&db);
    return err;
}

enum trap_err store_open_again(const struct store_db *db, struct store_db **out, struct err_text *why)
{
    return store_open(db->dir, db->file, STORE_READ, out, why);
}

enum trap_err db_open_private(const char *path, enum store_file f, struct store_db **out,
                              struct err_text *why)
{
    char uri[PATH_TEXT_MAX * 3 + 32];
    struct store_db *db = calloc(1, sizeof *db);
    int64_t node = 0;
    enum trap_err err = TRAP_ENOMEM;

    if (db == NULL) {
        err_text_set(why, "%s: out of memory", path);
        (void)unlink(path);
        return err;
    }
    db->file = f;
    db->mode = STORE_READ;
    db->lock_fd = -1;
    db->remove_on_close = true;
    (void)snprintf(db->path, sizeof db->path, "%s", path);
    if (immutable_uri(path, uri, sizeof uri))
        err = db_connect(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &db->sq);
    if (err == TRAP_OK)
        err = settings(db);
    if (err == TRAP_OK)
        err = db_meta_get(db, "node", 0, &node);
    if (err != TRAP_OK) {
        err = say_failed(db, err, why);
        store_close(&db);
        return err;
    }
    db->node = (uint8_t)node;
    *out = db;
    return TRAP_OK;
}

void store_close(struct store_db **dbp)
{
    struct store_db *db = *dbp;

    *dbp = NULL;
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->statement_count; i++)
        (void)sqlite3_finalize(db->statements[i].st);
    (void)sqlite3_close(db->sq);
    free(db->epochs.v);
    watch_end(&db->changes);
    if (db->remove_on_close)
        (void)unlink(db->path);
    if (db->lock_fd != -1)
        file_unlock(db->lock_fd);
    free(db);
}
