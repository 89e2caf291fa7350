#include "sample_file.h"

#include <mail/smtp_eod.h>
#include <store/sample.h>

#include <zstd.h>

static const char sql_by_hit[] = "SELECT hit, at_us, digest, form, data FROM sample WHERE hit = ?1";
static const char sql_by_digest[] = "SELECT hit, at_us, digest, form, data FROM sample WHERE digest = ?1";
static const char sql_count[] = "SELECT count(*) FROM sample";
static const char sql_pages[] = "PRAGMA page_count";

static enum trap_err unpack(struct bytes data, struct buf *out)
{
    const unsigned long long size = ZSTD_getFrameContentSize(data.p, data.n);
    uint8_t *room;
    size_t n;

    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > SAMPLE_RAW_MAX)
        return TRAP_ECORRUPT;
    room = buf_reserve(out, (size_t)size);
    if (room == NULL)
        return TRAP_ENOMEM;
    n = ZSTD_decompress(room, (size_t)size, data.p, data.n);
    if (ZSTD_isError(n) || n != size)
        return TRAP_ECORRUPT;
    buf_commit(out, n);
    return TRAP_OK;
}

static enum trap_err read_one(struct store_db *samples, const char *sql, uint64_t key, struct sample *out)
{
    struct sample s = { .hit = 0 };
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(samples, sql, &st);

    if (err != TRAP_OK)
        return err;
    buf_init(&s.data, SAMPLE_RAW_MAX);
    db_bind_int(st, 1, (int64_t)key);
    err = db_step(samples, st);
    if (err == TRAP_OK) {
        const unsigned form = (unsigned)sqlite3_column_int(st, 3);

        s.hit = (uint64_t)sqlite3_column_int64(st, 0);
        s.at = (wall_t){ sqlite3_column_int64(st, 1) };
        s.digest = (uint64_t)sqlite3_column_int64(st, 2);
        s.header_only = (form & SAMPLE_HEADER_ONLY) != 0;
        s.form = (uint8_t)(form & ~(unsigned)SAMPLE_HEADER_ONLY);
        err = s.form > SAMPLE_CHUNKS ? TRAP_ECORRUPT : unpack(db_column_bytes(st, 4), &s.data);
    }
    (void)sqlite3_reset(st);
    if (err == TRAP_OK)
        *out = s;
    else
        sample_free(&s);
    return err;
}

enum trap_err sample_get(struct store_db *samples, uint64_t hit_seq, struct sample *out)
{
    return read_one(samples, sql_by_hit, hit_seq, out);
}

enum trap_err sample_by_digest(struct store_db *samples, uint64_t digest, struct sample *out)
{
    return read_one(samples, sql_by_digest, digest, out);
}

enum trap_err sample_of(struct store_db *samples, uint64_t hit_seq, uint64_t digest, struct sample *out)
{
    const enum trap_err err = sample_get(samples, hit_seq, out);

    return err == TRAP_ENOENT ? sample_by_digest(samples, digest, out) : err;
}

void sample_free(struct sample *s)
{
    buf_free(&s->data);
}

static void add_content(struct bytes content, void *arg)
{
    buf_add(arg, content);
}

enum trap_err sample_content(const struct sample *s, struct buf *out)
{
    struct bytes in = buf_bytes(&s->data);
    struct smtp_eod eod;

    if (s->form != SAMPLE_DATA) {
        buf_add(out, in);
        return out->err;
    }
    smtp_eod_init(&eod);
    while (in.n > 0 && smtp_eod_feed(&eod, &in, add_content, out) == SMTP_EOD_DONE)
        continue; /* never in a sample that trapsmtp made */
    return out->err;
}

enum trap_err sample_count(struct store_db *samples, uint64_t *count_out, uint64_t *bytes_out)
{
    int64_t count = 0, pages = 0;
    enum trap_err err = db_int(samples, sql_count, &count);

    if (err == TRAP_OK)
        err = db_int(samples, sql_pages, &pages);
    if (err != TRAP_OK)
        return err;
    *count_out = (uint64_t)count;
    *bytes_out = (uint64_t)pages * FILE_PAGE_BYTES;
    return TRAP_OK;
}
