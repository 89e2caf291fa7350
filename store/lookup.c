/* lookup.c - words of look-ups, and reading them by subject. */
#include "act_row.h"

#include <store/lookup.h>

/* ---- words ---- */

static bool is_plain(uint8_t c)
{
    return ascii_is_alnum(c) || (c != '\0' && strchr("-._:/,+", c) != NULL);
}

void lookup_word_add(struct buf *detail, const char *key, struct bytes value)
{
    static const char hex[] = "0123456789ABCDEF";

    if (detail->n > 0)
        buf_add_byte(detail, ' ');
    buf_add_str(detail, key);
    buf_add_byte(detail, '=');
    for (size_t i = 0; i < value.n; i++) {
        const uint8_t c = value.p[i];

        if (is_plain(c)) {
            buf_add_byte(detail, c);
        } else {
            buf_add_byte(detail, '%');
            buf_add_byte(detail, (uint8_t)hex[c >> 4]);
            buf_add_byte(detail, (uint8_t)hex[c & 15]);
        }
    }
}

bool lookup_word(struct bytes detail, const char *key, struct bytes *raw_out)
{
    const struct bytes name = bytes_str(key);
    struct bytes word;

    while (bytes_split(&detail, ' ', &word)) {
        if (word.n > name.n && word.p[name.n] == '=' && bytes_has_prefix(word, name)) {
            *raw_out = bytes_skip(word, name.n + 1);
            return true;
        }
    }
    return false;
}

bool lookup_word_text(struct bytes detail, const char *key, struct buf *out)
{
    struct bytes raw;

    if (!lookup_word(detail, key, &raw))
        return false;
    for (size_t i = 0; i < raw.n; i++) {
        const int high = i + 2 < raw.n ? ascii_hex_value(raw.p[i + 1]) : -1;
        const int low = i + 2 < raw.n ? ascii_hex_value(raw.p[i + 2]) : -1;

        if (raw.p[i] != '%' || high < 0 || low < 0) {
            buf_add_byte(out, raw.p[i]);
        } else {
            buf_add_byte(out, (uint8_t)(high << 4 | low));
            i += 2;
        }
    }
    return out->err == TRAP_OK;
}

bool lookup_word_is(struct bytes detail, const char *key, const char *value)
{
    struct bytes raw;

    return lookup_word(detail, key, &raw) && bytes_eq(raw, bytes_str(value));
}

/* ---- reading ---- */

enum { SUBJECT_BEGIN_MAX = 32 };

static const char sql_range[] =
    "SELECT seq, at_us, until_us, kind, subject, detail, who, why FROM act "
    "WHERE kind = 12 AND (subject, seq) > (?1, ?2) AND subject < ?3 ORDER BY subject, seq LIMIT 1000";
static const char sql_newest[] = "SELECT seq, at_us, until_us, kind, subject, detail, who, why FROM act "
                                 "WHERE kind = 12 AND subject = ?1 AND at_us <= ?2 ORDER BY seq DESC LIMIT 1";
static const char sql_last[] = "SELECT max(seq) FROM act WHERE kind = 12 AND subject >= ?1 AND subject < ?2";

/* The first text behind all that begin so: its last octet is one of ours, never 0xff. */
static struct bytes range_end(const char *begin, uint8_t out[SUBJECT_BEGIN_MAX])
{
    const size_t n = strlen(begin);

    TRAP_BUG_ON(n == 0 || n > SUBJECT_BEGIN_MAX);
    memcpy(out, begin, n);
    out[n - 1]++;
    return bytes_of(out, n);
}

/* Where the walk stands: behind this row. */
struct place {
    uint64_t seq;
    size_t n;
    uint8_t subject[LOOKUP_SUBJECT_MAX];
};

/* TRAP_ENOENT: there was no further row. */
static enum trap_err walk_page(struct store_db *db, struct place *at, struct bytes end, act_fn *fn, void *arg)
{
    const struct place from = *at; /* bound, so it stays as it is until the reset */
    sqlite3_stmt *st = NULL;
    struct db_walk walk;
    enum trap_err err = db_statement(db, sql_range, &st);
    bool more = err == TRAP_OK;
    size_t rows = 0;

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, bytes_of(from.subject, from.n));
    db_bind_int(st, 2, (int64_t)from.seq);
    db_bind_bytes(st, 3, end);
    db_walk_begin(&walk);
    while (more && (err = db_step(db, st)) == TRAP_OK) {
        const struct act a = act_of_row(st);
        struct place next = { .seq = a.seq, .n = a.subject.n };

        if (a.subject.n > sizeof next.subject) {
            err = TRAP_ECORRUPT;
            break;
        }
        memcpy(next.subject, a.subject.p, a.subject.n);
        err = fn(&a, arg);
        *at = next;
        rows++;
        more = err == TRAP_OK && !db_walk_is_due(&walk);
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT && rows > 0 ? TRAP_OK : err;
}

enum trap_err lookup_each(struct store_db *acts, const char *begin, act_fn *fn, void *arg)
{
    struct place at = { .n = strlen(begin) };
    uint8_t text[SUBJECT_BEGIN_MAX];
    const struct bytes end = range_end(begin, text);
    enum trap_err err = TRAP_OK;

    memcpy(at.subject, begin, at.n);
    while (err == TRAP_OK)
        err = walk_page(acts, &at, end, fn, arg);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err lookup_newest(struct store_db *acts, struct bytes subject, act_fn *fn, void *arg)
{
    return lookup_as_of(acts, subject, (wall_t){ INT64_MAX }, fn, arg);
}

enum trap_err lookup_as_of(struct store_db *acts, struct bytes subject, wall_t as_of, act_fn *fn, void *arg)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(acts, sql_newest, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, subject);
    db_bind_int(st, 2, as_of.us);
    err = db_step(acts, st);
    if (err == TRAP_OK) {
        const struct act a = act_of_row(st);

        err = fn(&a, arg);
    }
    (void)sqlite3_reset(st);
    return err;
}

enum trap_err lookup_last(struct store_db *acts, const char *begin, uint64_t *seq_out)
{
    sqlite3_stmt *st = NULL;
    uint8_t text[SUBJECT_BEGIN_MAX];
    enum trap_err err = db_statement(acts, sql_last, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, bytes_str(begin));
    db_bind_bytes(st, 2, range_end(begin, text));
    err = db_step(acts, st);
    if (err == TRAP_OK)
        *seq_out = (uint64_t)sqlite3_column_int64(st, 0); /* NULL is 0 */
    (void)sqlite3_reset(st);
    return err;
}
