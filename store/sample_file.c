#include "sample_file.h"

#include <store/sample.h>

#include <stdio.h>
#include <zstd.h>

enum {
    ZSTD_LEVEL = 1,
    PAGES_BESIDE = 24,   /* of a transaction with one row: three trees that split, free list, first page */
    PAGES_A_REMOVAL = 8, /* the same for one of several rows that are removed */
    TRIES_MAX = 64,
    SMALLEST_FILE = 32, /* pages: an empty file has 7 */
    WAIT_FOR_READERS_MS = 200,
    FIT_TRIES_MAX = 10
};

static const char sql_insert[] = "INSERT OR REPLACE INTO sample (hit, at_us, digest, data, form, sender) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char sql_pages[] = "PRAGMA page_count";
static const char sql_free_pages[] = "PRAGMA freelist_count";
static const char sql_form[] = "SELECT form FROM sample WHERE digest = ?1";
static const char sql_of_day[] =
    "SELECT count(*) FROM sample WHERE sender = ?1 AND at_us >= ?2 AND at_us < ?3";
static const char sql_remove_oldest[] =
    "DELETE FROM sample WHERE hit IN (SELECT hit FROM sample ORDER BY hit LIMIT ?1) RETURNING digest";

/* ---- room ---- */

static uint64_t frames(uint64_t pages)
{
    return pages * (FILE_PAGE_BYTES + 24) + 32;
}

static int on_wal(void *arg, sqlite3 *sq, const char *name, int pages)
{
    struct sample_file *f = arg;

    (void)sq;
    (void)name;
    f->wal_bytes = frames((uint64_t)pages);
    return SQLITE_OK;
}

/* All of it is in the file, the next transaction begins at its head. */
static bool restart_wal(struct sample_file *f, int mode)
{
    int log = 0;

    if (sqlite3_wal_checkpoint_v2(f->db->sq, NULL, mode, &log, NULL) == SQLITE_OK) {
        f->wal_bytes = 0;
        return true;
    }
    f->wal_bytes = frames(log > 0 ? (uint64_t)log : 0);
    return false;
}

/* Room in the WAL for so many pages. False: a reader holds it. */
static bool wal_has_room(struct sample_file *f, uint64_t pages)
{
    return f->wal_bytes + frames(pages) <= f->wal_max || restart_wal(f, SQLITE_CHECKPOINT_RESTART);
}

static enum trap_err pages_used(struct sample_file *f, uint64_t *out)
{
    int64_t pages = 0, unused = 0;
    enum trap_err err = db_int(f->db, sql_pages, &pages);

    if (err == TRAP_OK)
        err = db_int(f->db, sql_free_pages, &unused);
    if (err == TRAP_OK)
        *out = (uint64_t)(pages - unused);
    return err;
}

/* TRAP_ENOENT: there are no more. TRAP_EBUSY: no room in the WAL. */
static enum trap_err remove_oldest(struct sample_file *f)
{
    const uint64_t at_once = f->wal_max / frames(PAGES_A_REMOVAL) / 2;
    sqlite3_stmt *st = NULL;
    bool some = false;
    enum trap_err err;

    if (!wal_has_room(f, PAGES_BESIDE + at_once * PAGES_A_REMOVAL))
        return TRAP_EBUSY;
    err = db_statement(f->db, sql_remove_oldest, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, at_once > 64 ? 64 : (int64_t)at_once);
    while ((err = db_step(f->db, st)) == TRAP_OK) {
        some = true;
        f->gone(f->arg, (uint64_t)sqlite3_column_int64(st, 0));
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT && some ? TRAP_OK : err;
}

/* Until `pages` more fit. TRAP_ERANGE: never. */
static enum trap_err make_room(struct sample_file *f, uint64_t pages)
{
    for (;;) {
        uint64_t used = 0;
        enum trap_err err = pages_used(f, &used);

        if (err != TRAP_OK || used + pages <= f->pages_max)
            return err;
        err = remove_oldest(f);
        if (err != TRAP_OK)
            return err == TRAP_ENOENT ? TRAP_ERANGE : err;
    }
}

/* ---- rows ---- */

static enum trap_err one_int(struct sample_file *f, sqlite3_stmt *st, int64_t *out)
{
    const enum trap_err err = db_step(f->db, st);

    if (err == TRAP_OK)
        *out = sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st);
    return err;
}

static enum trap_err decide(struct sample_file *f, const struct sample_row *row, enum sample_fate *fate_out)
{
    const int64_t midnight = (int64_t)wall_day(row->at) * WALL_US_PER_DAY;
    sqlite3_stmt *st = NULL;
    int64_t form = 0, of_day = 0;
    enum trap_err err = db_statement(f->db, sql_form, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)row->digest);
    err = one_int(f, st, &form);
    if (err == TRAP_OK && ((form & SAMPLE_HEADER_ONLY) == 0 || (row->form & SAMPLE_HEADER_ONLY) != 0)) {
        *fate_out = SAMPLE_KNOWN;
        return TRAP_OK;
    }
    if (err == TRAP_OK || err == TRAP_ENOENT)
        err = db_statement(f->db, sql_of_day, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, row->sender);
    db_bind_int(st, 2, midnight);
    db_bind_int(st, 3, midnight + WALL_US_PER_DAY);
    err = one_int(f, st, &of_day);
    *fate_out = of_day >= SAMPLES_PER_SENDER_DAY ? SAMPLE_ENOUGH : SAMPLE_KEPT;
    return err;
}

static enum trap_err pack(struct sample_file *f, struct bytes data)
{
    const size_t bound = ZSTD_compressBound(data.n);
    uint8_t *room;
    size_t n;

    buf_reset(&f->packed);
    room = buf_reserve(&f->packed, bound);
    if (room == NULL)
        return TRAP_ENOMEM;
    n = ZSTD_compress(room, bound, data.p, data.n, ZSTD_LEVEL);
    if (ZSTD_isError(n))
        return TRAP_ENOMEM;
    buf_commit(&f->packed, n);
    return TRAP_OK;
}

static enum trap_err insert(struct sample_file *f, const struct sample_row *row)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(f->db, sql_insert, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)row->hit);
    db_bind_int(st, 2, row->at.us);
    db_bind_int(st, 3, (int64_t)row->digest);
    db_bind_bytes(st, 4, buf_bytes(&f->packed));
    db_bind_int(st, 5, row->form);
    db_bind_bytes(st, 6, row->sender);
    return db_run(f->db, st);
}

/* Packed already. */
static enum trap_err insert_with_room(struct sample_file *f, const struct sample_row *row, uint64_t pages)
{
    enum trap_err err = TRAP_EFULL;

    /* max_page_count is the bound that holds; the estimate may be a row short of it. */
    for (unsigned i = 0; i < TRIES_MAX && err == TRAP_EFULL; i++) {
        err = i == 0 ? make_room(f, pages) : remove_oldest(f);
        if (err == TRAP_OK)
            err = wal_has_room(f, pages) ? insert(f, row) : TRAP_EBUSY;
    }
    return err;
}

enum trap_err sample_file_put(struct sample_file *f, const struct sample_row *row, enum sample_fate *fate_out)
{
    enum sample_fate fate = SAMPLE_HAS_NO_ROOM;
    enum trap_err err = f->pages_max == 0 ? TRAP_ERANGE : decide(f, row, &fate);

    if (err == TRAP_OK && fate == SAMPLE_KEPT)
        err = pack(f, row->data);
    if (err == TRAP_OK && fate == SAMPLE_KEPT) {
        const uint64_t pages = f->packed.n / (FILE_PAGE_BYTES - 4) + PAGES_BESIDE;

        err = frames(pages) > f->wal_max ? TRAP_ERANGE : insert_with_room(f, row, pages);
    }
    if (err == TRAP_ERANGE) {
        fate = SAMPLE_HAS_NO_ROOM;
        err = TRAP_OK;
    }
    *fate_out = fate;
    return err;
}

/* ---- by age and by order ---- */

static const char sql_remove_old[] =
    "DELETE FROM sample WHERE at_us < ?2 AND hit IN (SELECT hit FROM sample ORDER BY hit LIMIT ?1) RETURNING digest";
static const char sql_remove_one[] = "DELETE FROM sample WHERE hit = ?1 RETURNING digest";

/* *some_out: at least one was removed. */
static enum trap_err remove_some(struct sample_file *f, const char *sql, int64_t first, int64_t second, bool *some_out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(f->db, sql, &st);

    *some_out = false;
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, first);
    if (sql == sql_remove_old)
        db_bind_int(st, 2, second);
    while ((err = db_step(f->db, st)) == TRAP_OK) {
        *some_out = true;
        f->gone(f->arg, (uint64_t)sqlite3_column_int64(st, 0));
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err sample_file_shrink(struct sample_file *f)
{
    uint64_t used = 0, goal;
    enum trap_err err = pages_used(f, &used);

    goal = used - used / 8;
    while (err == TRAP_OK) {
        err = remove_oldest(f);
        if (err == TRAP_OK)
            err = pages_used(f, &used);
        if (err == TRAP_OK && used <= goal)
            break;
    }
    /* What is in the WAL is room that is taken, and what it frees is not free yet. */
    (void)restart_wal(f, SQLITE_CHECKPOINT_TRUNCATE);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err sample_file_erase(struct sample_file *f, wall_t before, const uint64_t *hits, size_t n)
{
    const uint64_t fits = f->wal_max / frames(PAGES_A_REMOVAL) / 2;
    const uint64_t at_once = fits == 0 ? 1 : fits > 64 ? 64 : fits;
    bool some = before.us > 0;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < n && err == TRAP_OK; i++)
        err = wal_has_room(f, PAGES_BESIDE + PAGES_A_REMOVAL)
                  ? remove_some(f, sql_remove_one, (int64_t)hits[i], 0, &(bool){ false })
                  : TRAP_EBUSY;
    while (some && err == TRAP_OK)
        err = wal_has_room(f, PAGES_BESIDE + at_once * PAGES_A_REMOVAL)
                  ? remove_some(f, sql_remove_old, (int64_t)at_once, before.us, &some)
                  : TRAP_EBUSY;
    return err;
}

/* ---- open and close ---- */

static enum trap_err limit_pages(struct sample_file *f)
{
    char pragma[96];

    (void)snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %llu",
                   (unsigned long long)(f->pages_max == 0 ? SMALLEST_FILE : f->pages_max));
    return db_exec(f->db, pragma);
}

enum trap_err sample_file_fit(struct sample_file *f)
{
    const uint64_t limit = f->pages_max == 0 ? SMALLEST_FILE : f->pages_max;
    int64_t pages = 0;
    enum trap_err err = db_int(f->db, sql_pages, &pages);

    if (err != TRAP_OK || (uint64_t)pages <= limit)
        return err;
    /* An eighth less than allowed: otherwise the next start would do it again. */
    err = TRAP_EBUSY;
    for (unsigned i = 0; i < FIT_TRIES_MAX && err == TRAP_EBUSY; i++)
        err = make_room(f, f->pages_max / 8);
    if (err != TRAP_OK && err != TRAP_ERANGE)
        return err;
    err = db_exec(f->db, "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY");
    (void)restart_wal(f, SQLITE_CHECKPOINT_TRUNCATE);
    return err == TRAP_OK ? limit_pages(f) : err;
}

enum trap_err sample_file_open(struct sample_file *f, const char *dir, const struct conf_store *conf,
                               struct err_text *why)
{
    const uint64_t budget = conf->samples_max_bytes;
    const uint64_t wal_max = SAMPLE_WAL_MAX + conf->sample_max_bytes / 2 * 3;
    enum trap_err err = store_open(dir, STORE_SAMPLES, STORE_CREATE, &f->db, why);

    if (err != TRAP_OK)
        return err;
    f->wal_max = SAMPLE_BUDGET_MIN / 4;
    if (budget >= SAMPLE_BUDGET_MIN) {
        f->wal_max = budget / 4 < wal_max ? budget / 4 : wal_max;
        f->pages_max = (budget - f->wal_max) / FILE_PAGE_BYTES;
    }
    buf_init(&f->packed, SAMPLE_RAW_MAX + SAMPLE_RAW_MAX / 128);
    (void)sqlite3_busy_timeout(f->db->sq, WAIT_FOR_READERS_MS);
    err = db_exec(f->db, "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
    if (err == TRAP_OK)
        err = limit_pages(f);
    if (err != TRAP_OK) {
        err_text_set(why, "%s: %s", f->db->path, db_error_text(f->db));
        sample_file_close(f);
        return err;
    }
    (void)sqlite3_wal_hook(f->db->sq, on_wal, f); /* not before: wal_autocheckpoint takes its place */
    (void)restart_wal(f, SQLITE_CHECKPOINT_TRUNCATE);
    return TRAP_OK;
}

void sample_file_close(struct sample_file *f)
{
    store_close(&f->db);
    buf_free(&f->packed);
}
