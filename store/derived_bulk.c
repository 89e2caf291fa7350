/* derived_bulk.c - derived.db made anew: rows are sorted outside of the database (spool.h), its pages are written in
 * order into a scratch file beside it (bulk_tree.h), and the scratch file is copied in by one transaction. */
#include "derived_rows.h"
#include "evidence_batch.h"
#include "file_parts.h"
#include "temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS_MAX = 1 << 20, READER_WAIT_MS = 200 };
static const char scratch_name[] = "derived.rebuild";

struct derived_bulk {
    struct spool *evidence, *links, *by_sender, *visitors;
    struct store_db *scratch;
};

/* ---- rows ---- */

void bulk_add_evidence(struct derived_bulk *b, const struct evidence_row *r)
{
    uint8_t row[E_BYTES];

    row_pack_evidence(r, row);
    spool_add(b->evidence, row);
}

void bulk_add_link(struct derived_bulk *b, const struct link_row *r)
{
    uint8_t row[L_BYTES];

    row_pack_link(r, row);
    spool_add(b->links, row);
}

void bulk_add_visitor(struct derived_bulk *b, const struct visitor_row *r)
{
    uint8_t row[V_BYTES];

    row_pack_visitor(r, row);
    spool_add(b->visitors, row);
}

/* ---- the scratch file ---- */

static void remove_scratch(const char *path)
{
    char journal[PATH_TEXT_MAX + 16];

    (void)unlink(path);
    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    (void)unlink(journal);
}

static enum trap_err scratch_fill(struct store_db *s)
{
    char pragmas[256];
    enum trap_err err = db_connect(s->path, SQLITE_OPEN_READWRITE, &s->sq);

    /* Lost with the power, and made again. */
    (void)snprintf(pragmas, sizeof pragmas,
                   "PRAGMA page_size = %d; PRAGMA application_id = %d; PRAGMA synchronous = OFF;"
                   "PRAGMA journal_mode = MEMORY",
                   FILE_PAGE_BYTES, FILE_APPLICATION_ID + (int)STORE_DERIVED);
    if (err == TRAP_OK)
        err = db_exec(s, pragmas);
    if (err == TRAP_OK)
        err = file_migrate(s, 0);
    return err == TRAP_OK ? db_meta_set(s, "node", s->node) : err;
}

static enum trap_err scratch_make(const struct store_db *live, struct store_db **out)
{
    struct store_db *s = calloc(1, sizeof *s);
    enum trap_err err = s == NULL ? TRAP_ENOMEM : path_join(live->dir, scratch_name, s->path);
    int fd = -1;

    if (err != TRAP_OK)
        goto out;
    s->file = STORE_DERIVED;
    s->mode = STORE_WRITE;
    s->node = live->node;
    s->lock_fd = -1;
    s->remove_on_close = true;
    remove_scratch(
        s->path); /* of a rebuild that was cut off; the lock of derived.db says that nobody else is at it */
    fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    err = fd != -1 ? TRAP_OK : errno == ENOSPC || errno == EDQUOT ? TRAP_EFULL : TRAP_EIO;
    if (fd != -1)
        (void)close(fd);
    if (err == TRAP_OK)
        err = scratch_fill(s);
    if (err == TRAP_OK) {
        *out = s;
        s = NULL;
    }
out:
    store_close(&s);
    return err;
}

struct store_db *bulk_scratch(struct derived_bulk *b)
{
    return b->scratch;
}

static const char sql_root[] = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";

static enum trap_err root_of(struct store_db *s, const char *name, uint32_t *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(s, sql_root, &st);

    if (err != TRAP_OK)
        return err;
    TRAP_BUG_ON(sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) != SQLITE_OK);
    err = db_step(s, st);
    if (err == TRAP_OK)
        *out = (uint32_t)sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_ECORRUPT : err;
}

enum root { ROOT_EVIDENCE, ROOT_LINK, ROOT_BY_SENDER, ROOT_VISITOR, ROOT_NETWORK, ROOTS };
static const char *const root_names[ROOTS] = { "evidence", "link", "link_by_sender", "visitor", "network" };

static enum trap_err write_tree(struct row_writer *w, uint32_t root, struct spool *rows, spool_fn *fn)
{
    enum trap_err err = bulk_tree_new(w->file, root, false, &w->tree);

    if (err == TRAP_OK)
        err = spool_each(rows, fn, w);
    bulk_tree_end(&w->tree);
    return err;
}

/* The evidence is written by a thread of its own, beside all the rest. */
struct evidence_job {
    struct row_writer writer;
    uint32_t root;
    struct spool *rows;
    enum trap_err err;
};

static void *evidence_thread(void *arg)
{
    struct evidence_job *job = arg;

    job->err = write_tree(&job->writer, job->root, job->rows, row_write_evidence);
    return NULL;
}

static enum trap_err write_others(struct derived_bulk *b, struct bulk_file *file, const uint32_t root[ROOTS])
{
    struct row_writer w = { .file = file, .by_sender = b->by_sender };
    enum trap_err err = bulk_tree_new(file, root[ROOT_NETWORK], true, &w.networks);

    if (err == TRAP_OK)
        err = write_tree(&w, root[ROOT_VISITOR], b->visitors, row_write_visitor);
    if (err == TRAP_OK)
        row_write_network(&w);
    bulk_tree_end(&w.networks);
    if (err == TRAP_OK)
        err = write_tree(&w, root[ROOT_LINK], b->links, row_write_link);
    if (err == TRAP_OK)
        err = write_tree(&w, root[ROOT_BY_SENDER], b->by_sender, row_write_by_sender);
    return err;
}

static enum trap_err write_trees(struct derived_bulk *b, int fd, const uint32_t root[ROOTS])
{
    struct bulk_file file;
    enum trap_err err = bulk_file_begin(&file, fd), end;
    struct evidence_job job = { .writer.file = &file, .root = root[ROOT_EVIDENCE], .rows = b->evidence };
    pthread_t thread;
    bool beside;

    if (err != TRAP_OK)
        return err;
    beside = pthread_create(&thread, NULL, evidence_thread, &job) == 0;
    if (!beside)
        (void)evidence_thread(&job);
    err = write_others(b, &file, root);
    if (beside)
        (void)pthread_join(thread, NULL);
    end = bulk_file_end(&file);
    return err != TRAP_OK ? err : job.err != TRAP_OK ? job.err : end;
}

/* Nobody has the scratch file open while its pages are written: closing a descriptor of our own would take away the
 * locks of SQLite's (fcntl(2)). */
static enum trap_err fill_pages(struct derived_bulk *b)
{
    struct store_db *s = b->scratch;
    uint32_t root[ROOTS] = { 0 };
    enum trap_err err = TRAP_OK;
    int fd;

    for (size_t i = 0; i < ROOTS && err == TRAP_OK; i++)
        err = root_of(s, root_names[i], &root[i]);
    for (size_t i = 0; i < s->statement_count; i++)
        (void)sqlite3_finalize(s->statements[i].st);
    s->statement_count = 0;
    (void)sqlite3_close(s->sq);
    s->sq = NULL;
    if (err != TRAP_OK)
        return err;
    fd = open(s->path, O_RDWR | O_CLOEXEC);
    if (fd == -1)
        return TRAP_EIO;
    err = write_trees(b, fd, root);
    (void)close(fd);
    return err == TRAP_OK ? db_connect(s->path, SQLITE_OPEN_READWRITE, &s->sq) : err;
}

/* Behind the trees: that of the networks was made of the visitors. */
static enum trap_err add_networks(struct store_db *s, struct derived_batch *batch)
{
    enum trap_err err;

    if (batch->networks.n == 0)
        return TRAP_OK;
    err = db_exec(s, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN");
    if (err == TRAP_OK)
        err = batch_put_networks(s, batch);
    return err == TRAP_OK ? db_exec(s, "COMMIT") : err;
}

/* ---- into place ---- */

static enum trap_err copy_pages(struct store_db *live, struct store_db *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(live->sq, "main", from->sq, "main");
    int rc;

    if (backup == NULL)
        return db_error(live, sqlite3_errcode(live->sq));
    rc = sqlite3_backup_step(backup, -1);
    (void)sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? TRAP_OK : db_error(live, rc);
}

/* With a rollback journal new pages are written once, and the old file is nearly empty: nothing to keep in the
 * journal. Where somebody reads just now the file stays in WAL mode, and they are written twice. */
static enum trap_err put_in_place(struct store_db *live, struct store_db *from)
{
    enum trap_err err = derived_clear(live); /* tells that all changes, too */

    if (err != TRAP_OK)
        return err;
    (void)sqlite3_busy_timeout(live->sq, READER_WAIT_MS);
    (void)sqlite3_exec(live->sq, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    (void)sqlite3_exec(live->sq, "VACUUM", NULL, NULL,
                       NULL); /* where it cannot be done, the journal is longer */
    (void)sqlite3_busy_timeout(live->sq, DB_BUSY_MS);
    err = copy_pages(live, from);
    (void)sqlite3_exec(live->sq, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    (void)sqlite3_wal_checkpoint_v2(live->sq, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return err;
}

/* ---- interface ---- */

void bulk_free(struct derived_bulk **bp)
{
    struct derived_bulk *b = *bp;

    *bp = NULL;
    if (b == NULL)
        return;
    spool_free(&b->evidence);
    spool_free(&b->links);
    spool_free(&b->by_sender);
    spool_free(&b->visitors);
    store_close(&b->scratch);
    free(b);
}

static enum trap_err bulk_new(const struct store_db *db, size_t rows_max, struct derived_bulk **out)
{
    const size_t rows = rows_max == 0 ? ROWS_MAX : rows_max;
    struct derived_bulk *b = calloc(1, sizeof *b);
    enum trap_err err = TRAP_ENOMEM;

    if (b == NULL)
        return err;
    err = spool_new(&row_kind_evidence, db->dir, rows, &b->evidence);
    if (err == TRAP_OK)
        err = spool_new(&row_kind_link, db->dir, rows, &b->links);
    if (err == TRAP_OK)
        err = spool_new(&row_kind_by_sender, db->dir, rows, &b->by_sender);
    if (err == TRAP_OK)
        err = spool_new(&row_kind_visitor, db->dir, rows, &b->visitors);
    if (err == TRAP_OK)
        *out = b;
    else
        bulk_free(&b);
    return err;
}

enum trap_err derived_bulk_new(struct store_db *db, size_t rows_max, struct derived_batch **out)
{
    struct derived_batch *batch = NULL;
    enum trap_err err = derived_bulk_part(db, rows_max, &batch);

    if (err == TRAP_OK)
        err = scratch_make(db, &batch->bulk->scratch);
    if (err == TRAP_OK)
        *out = batch;
    else
        derived_batch_free(&batch);
    return err;
}

enum trap_err derived_bulk_part(const struct store_db *db, size_t rows_max, struct derived_batch **out)
{
    struct derived_batch *batch = NULL;
    enum trap_err err = derived_batch_new(&batch);

    if (err != TRAP_OK)
        return err;
    err = bulk_new(db, rows_max, &batch->bulk);
    if (err != TRAP_OK)
        derived_batch_free(&batch);
    else
        *out = batch;
    return err;
}

void derived_bulk_take(struct derived_batch *into, struct derived_batch **part)
{
    struct derived_bulk *a = into->bulk, *b = (*part)->bulk;

    spool_take(a->evidence, &b->evidence);
    spool_take(a->links, &b->links);
    spool_take(a->visitors, &b->visitors);
    batch_take_pending(into, *part);
    derived_batch_free(part);
}

enum trap_err derived_temp_file(const struct store_db *db, int *fd_out)
{
    return temp_file_open(db->dir, fd_out);
}

enum trap_err derived_bulk_commit(struct store_db *db, struct derived_batch *batch)
{
    struct derived_bulk *b = batch->bulk;
    enum trap_err err = derived_commit(b->scratch, batch); /* what is not sorted outside: pending, marks */

    if (err == TRAP_OK)
        err = fill_pages(b);
    if (err == TRAP_OK)
        err = add_networks(b->scratch, batch);
    return err == TRAP_OK ? put_in_place(db, b->scratch) : err;
}
