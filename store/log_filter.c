#include "log_filter_read.h"

#include <store/log_filter.h>

#include <stdlib.h>
#include <string.h>

enum {
    PLACE_BITS = 16,
    BLOCK_BITS = 6, /* places in a row: 512 bytes, so that it fits a page of the tree with others */
    PLACES = 1 << PLACE_BITS,
    BLOCKS = PLACES >> BLOCK_BITS,
    BLOCK_BYTES = 8 << BLOCK_BITS,
    GROUP_STRETCHES = 64,
    GROUP_BITS = 18 /* records in a group */
};

/* ---- places ---- */

struct places {
    uint32_t v[2];
};

/* splitmix64's last step: all bits of the key in all bits of the place. Who chooses keys that meet others' makes
 * queries look in vain, no more. */
static struct places places_of(uint64_t key)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    key ^= key >> 31;
    return (struct places){ { (uint32_t)(key % PLACES), (uint32_t)(key >> 32) % PLACES } };
}

/* The network of an address as the logs hold it, 4 or 16 bytes. */
static uint64_t network_key(const uint8_t *ip, size_t n)
{
    const size_t take = n == 4 ? 3 : 6;
    uint64_t key = n;

    for (size_t i = 0; i < take; i++)
        key = key << 8 | ip[i];
    return key;
}

/* ---- making ---- */

/* Columns of a statement: the stretch, the key. ?1 and ?2: the first and the last stretch. */
struct source {
    enum log_filter_kind kind;
    bool address; /* the key is a number */
    const char *sql;
};
static const struct source visit_sources[] = {
    { FILTER_VISIT_CLIENT, false,
      "SELECT seq >> 12, client FROM visit INDEXED BY visit_by_client "
      "WHERE seq >> 12 BETWEEN ?1 AND ?2 AND client IS NOT NULL" },
};
static const struct source hit_sources[] = {
    { FILTER_HIT_SENDER, false,
      "SELECT seq >> 12, sender FROM hit INDEXED BY hit_by_sender WHERE seq >> 12 BETWEEN ?1 AND ?2" },
    { FILTER_HIT_ADDRESS, true,
      "SELECT seq >> 12, address_key FROM hit INDEXED BY hit_by_address WHERE seq >> 12 BETWEEN ?1 AND ?2" },
    { FILTER_HIT_ADDRESS, true,
      "SELECT hit >> 12, address_key FROM hit_rcpt INDEXED BY hit_rcpt_by_address "
      "WHERE hit >> 12 BETWEEN ?1 AND ?2" },
};
static const struct source session_sources[] = {
    { FILTER_SESSION_CLIENT, false,
      "SELECT seq >> 12, client FROM session INDEXED BY session_by_client WHERE seq >> 12 BETWEEN ?1 AND ?2" },
};
struct filtered_log {
    const struct source *source;
    size_t count;
    const char *sql_last;
    const struct db_log *bounds;
};
static const struct filtered_log visit_log = { visit_sources, 1, "SELECT max(seq) FROM visit", &db_log_visit };
static const struct filtered_log hit_log = { hit_sources, 3, "SELECT max(seq) FROM hit", &db_log_hit };
static const struct filtered_log session_log = { session_sources, 1, "SELECT max(seq) FROM session",
                                                 &db_log_session };

static const char sql_groups[] = "SELECT max(grp) FROM log_filter WHERE kind = ?1 AND block = 0";
static const char sql_put[] = "INSERT OR REPLACE INTO log_filter (kind, block, grp, words) VALUES (?1, ?2, ?3, ?4)";
static const char sql_words[] = "SELECT grp, words FROM log_filter WHERE kind = ?1 AND block = ?2 ORDER BY grp";

/* How many groups are written. */
static enum trap_err groups_of(struct store_db *derived, enum log_filter_kind kind, uint64_t *out)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(derived, sql_groups, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, kind);
    err = db_step(derived, st);
    if (err == TRAP_OK)
        *out = sqlite3_column_type(st, 0) == SQLITE_NULL ? 0 : (uint64_t)sqlite3_column_int64(st, 0) + 1;
    (void)sqlite3_reset(st);
    return err;
}

static enum trap_err set_bits(struct store_db *log, const struct source *s, uint64_t stretch, uint8_t *words)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(log, s->sql, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)stretch);
    db_bind_int(st, 2, (int64_t)stretch);
    while ((err = db_step(log, st)) == TRAP_OK) {
        const struct bytes ip = s->address ? (struct bytes){ NULL, 0 } : db_column_bytes(st, 1);
        const struct places p = places_of(s->address ? (uint64_t)sqlite3_column_int64(st, 1)
                                                     : network_key(ip.p, ip.n));

        if (s->address || ip.n == 4 || ip.n == 16)
            for (unsigned i = 0; i < 2; i++)
                words[p.v[i] * 8 + stretch % GROUP_STRETCHES / 8] |= (uint8_t)(1u << stretch % 8);
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static enum trap_err put_group(struct store_db *derived, enum log_filter_kind kind, uint64_t group,
                               const uint8_t *words)
{
    enum trap_err err = db_exec(derived, "BEGIN IMMEDIATE");

    for (unsigned block = 0; block < BLOCKS && err == TRAP_OK; block++) {
        sqlite3_stmt *st = NULL;

        err = db_statement(derived, sql_put, &st);
        if (err != TRAP_OK)
            break;
        db_bind_int(st, 1, kind);
        db_bind_int(st, 2, block);
        db_bind_int(st, 3, (int64_t)group);
        db_bind_bytes(st, 4, bytes_of(words + (size_t)block * BLOCK_BYTES, BLOCK_BYTES));
        err = db_run(derived, st);
    }
    if (err == TRAP_OK)
        err = db_exec(derived, "COMMIT");
    if (err != TRAP_OK && sqlite3_get_autocommit(derived->sq) == 0)
        (void)sqlite3_exec(derived->sq, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* One kind; several sources of a kind stand beside each other. */
static enum trap_err make_groups(struct store_db *derived, struct store_db *log, const struct source *s,
                                 size_t count, uint64_t full, uint8_t *words)
{
    uint64_t group = 0;
    enum trap_err err = groups_of(derived, s->kind, &group);

    for (; err == TRAP_OK && group < full; group++) {
        memset(words, 0, (size_t)PLACES * 8);
        for (size_t i = 0; i < count && err == TRAP_OK; i++)
            for (unsigned k = 0; k < GROUP_STRETCHES && err == TRAP_OK; k++)
                err = set_bits(log, &s[i], group * GROUP_STRETCHES + k, words);
        if (err == TRAP_OK)
            err = put_group(derived, s->kind, group, words);
    }
    return err;
}

static enum trap_err advance(struct store_db *derived, struct store_db *log, const struct filtered_log *l,
                             uint64_t groups_max)
{
    uint64_t last = 0, erased = 0, known = 0;
    uint8_t *words;
    enum trap_err err = db_bounds(log, l->sql_last, l->bounds, &last, &erased);
    const uint64_t full = (last + 1) >> GROUP_BITS; /* of which every record is there */

    if (err == TRAP_OK && full > 0)
        err = groups_of(derived, l->source[l->count - 1].kind, &known);
    if (err != TRAP_OK || known >= full)
        return err;
    words = malloc((size_t)PLACES * 8);
    if (words == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0, n; i < l->count && err == TRAP_OK; i += n) {
        for (n = 1; i + n < l->count && l->source[i + n].kind == l->source[i].kind;)
            n++;
        err = make_groups(derived, log, &l->source[i], n, full - known > groups_max ? known + groups_max : full,
                          words);
    }
    free(words);
    return err;
}

enum trap_err log_filter_advance(struct store_db *derived, struct store_db *visits, struct store_db *hits,
                                 uint64_t groups_max)
{
    enum trap_err err = advance(derived, visits, &visit_log, groups_max);

    if (err == TRAP_OK)
        err = advance(derived, hits, &hit_log, groups_max);
    return err == TRAP_OK ? advance(derived, hits, &session_log, groups_max) : err;
}

/* ---- asking ---- */

void log_filter_use(struct store_db *log, struct store_db *derived)
{
    log->filter = derived;
}

static uint64_t word_at(struct bytes words, uint32_t place)
{
    const uint8_t *p = words.p + (size_t)(place % (1u << BLOCK_BITS)) * 8;
    uint64_t w = 0;

    for (unsigned i = 8; i-- > 0;)
        w = w << 8 | p[i];
    return w;
}

/* The groups that have a row, without a gap from the first. */
static enum trap_err read_place(struct store_db *derived, enum log_filter_kind kind, uint32_t place,
                                struct stretch_set *s)
{
    sqlite3_stmt *st = NULL;
    size_t n = 0;
    enum trap_err err = db_statement(derived, sql_words, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, kind);
    db_bind_int(st, 2, place >> BLOCK_BITS);
    while (n < s->groups && (err = db_step(derived, st)) == TRAP_OK) {
        const struct bytes words = db_column_bytes(st, 1);

        if ((uint64_t)sqlite3_column_int64(st, 0) != n || words.n != BLOCK_BYTES)
            break;
        s->word[n++] &= word_at(words, place);
    }
    (void)sqlite3_reset(st);
    if (n < s->groups)
        s->groups = n;
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static enum trap_err set_of(struct store_db *log, enum log_filter_kind kind, uint64_t key, struct stretch_set *out)
{
    const struct places p = places_of(key);
    uint64_t groups = 0;
    struct stretch_set s;
    enum trap_err err = groups_of(log->filter, kind, &groups);

    if (err != TRAP_OK || groups == 0)
        return err;
    s = (struct stretch_set){ reallocarray(NULL, groups, sizeof *s.word), groups };
    if (s.word == NULL)
        return TRAP_ENOMEM;
    memset(s.word, 0xff, groups * sizeof *s.word);
    for (unsigned i = 0; i < 2 && err == TRAP_OK; i++)
        err = read_place(log->filter, kind, p.v[i], &s);
    if (err == TRAP_OK)
        *out = s;
    else
        stretch_set_free(&s);
    return err;
}

enum trap_err stretch_set_of_key(struct store_db *log, enum log_filter_kind kind, int64_t key,
                                 struct stretch_set *out)
{
    *out = (struct stretch_set){ NULL, 0 };
    return log->filter == NULL ? TRAP_OK : set_of(log, kind, (uint64_t)key, out);
}

enum trap_err stretch_set_of_range(struct store_db *log, enum log_filter_kind kind, const struct db_range *range,
                                   struct stretch_set *out)
{
    const uint64_t low = network_key(range->low, range->low_n);

    *out = (struct stretch_set){ NULL, 0 };
    if (log->filter == NULL || range->length == 0 || low != network_key(range->high, range->high_n))
        return TRAP_OK;
    return set_of(log, kind, low, out);
}

void stretch_set_free(struct stretch_set *s)
{
    free(s->word);
    *s = (struct stretch_set){ NULL, 0 };
}
