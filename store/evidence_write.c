/* A batch collects rows as they come; at commit each kind is sorted, equal keys are joined, and the rows go
 * in by key: the pages of the tree are visited in order, and each once. */
#include "evidence_batch.h"
#include "row_key.h"

#include <stdlib.h>

struct pending_key {
    uint8_t hit_node;
    uint64_t hit;
    uint32_t n;
};

/* While all is made anew: so many pending rows are kept in memory. */
enum { BULK_PENDING_MAX = 1 << 18 };

/* ---- collecting ---- */

enum trap_err derived_batch_new(struct derived_batch **out)
{
    struct derived_batch *b = calloc(1, sizeof *b);

    if (b == NULL)
        return TRAP_ENOMEM;
    *out = b;
    return TRAP_OK;
}

void derived_batch_free(struct derived_batch **bp)
{
    struct derived_batch *b = *bp;

    *bp = NULL;
    if (b == NULL)
        return;
    bulk_free(&b->bulk);
    free(b->evidence.v);
    free(b->links.v);
    free(b->visitors.v);
    free(b->networks.v);
    free(b->pending.v);
    free(b->dropped.v);
    free(b->marks.v);
    free(b);
}

size_t derived_batch_rows(const struct derived_batch *b)
{
    return b->evidence.n + b->links.n + b->visitors.n + b->pending.n + b->dropped.n + b->marks.n;
}

void batch_add(struct derived_batch *b, struct rows *rows, const void *row, size_t size)
{
    if (b->err != TRAP_OK)
        return;
    if (rows->n == rows->room) {
        const size_t room = rows->room == 0 ? 256 : rows->room * 2;
        void *more = reallocarray(rows->v, room, size);

        if (more == NULL) {
            b->err = TRAP_ENOMEM;
            return;
        }
        rows->v = more;
        rows->room = room;
    }
    memcpy((uint8_t *)rows->v + rows->n++ * size, row, size);
}

void derived_see(struct derived_batch *b, wall_t at)
{
    if (at.us > b->newest.us)
        b->newest = at;
}

void derived_add_evidence(struct derived_batch *b, const struct evidence_row *r)
{
    if (b->bulk != NULL)
        bulk_add_evidence(b->bulk, r);
    else
        batch_add(b, &b->evidence, r, sizeof *r);
    derived_see(b, r->last);
}

void derived_add_link(struct derived_batch *b, const struct link_row *r)
{
    if (b->bulk != NULL)
        bulk_add_link(b->bulk, r);
    else
        batch_add(b, &b->links, r, sizeof *r);
    derived_see(b, r->last);
}

void derived_add_visitor(struct derived_batch *b, const struct visitor_row *r)
{
    const struct network net = { source_of_network(r->client.ip), r->first };

    derived_see(b, r->last);
    if (b->bulk != NULL) {
        bulk_add_visitor(b->bulk, r);
        return;
    }
    batch_add(b, &b->visitors, r, sizeof *r);
    batch_add(b, &b->networks, &net, sizeof net);
}

void derived_add_pending(struct derived_batch *b, const struct pending_row *r)
{
    batch_add(b, &b->pending, r, sizeof *r);
    derived_see(b, r->at);
    if (b->bulk != NULL && bulk_scratch(b->bulk) != NULL && b->pending.n >= BULK_PENDING_MAX &&
        b->err == TRAP_OK)
        b->err = derived_commit(bulk_scratch(b->bulk), b);
}

void batch_take_pending(struct derived_batch *into, const struct derived_batch *from)
{
    const struct pending_row *rows = from->pending.v;
    const struct network *networks = from->networks.v;

    for (size_t i = 0; i < from->pending.n; i++)
        derived_add_pending(into, &rows[i]);
    for (size_t i = 0; i < from->networks.n; i++)
        batch_add_network(into, &networks[i]);
    derived_see(into, from->newest);
    if (into->err == TRAP_OK)
        into->err = from->err;
}

void derived_drop_pending(struct derived_batch *b, uint8_t hit_node, uint64_t hit, uint32_t n)
{
    const struct pending_key key = { hit_node, hit, n };

    batch_add(b, &b->dropped, &key, sizeof key);
}

void derived_mark(struct derived_batch *b, struct record_id upto)
{
    batch_add(b, &b->marks, &upto, sizeof upto);
}

/* ---- sorting and joining ---- */

#define COMPARE(a, b)                  \
    do {                               \
        if ((a) != (b))                \
            return (a) < (b) ? -1 : 1; \
    } while (0)

static int evidence_cmp(const void *pa, const void *pb)
{
    const struct evidence_row *a = pa, *b = pb;
    const int c = row_key_cmp(a->sender, b->sender);

    if (c != 0)
        return c;
    COMPARE(a->source, b->source);
    COMPARE(a->klass, b->klass);
    COMPARE(a->hour, b->hour);
    COMPARE(a->node, b->node);
    return 0;
}

static int link_cmp(const void *pa, const void *pb)
{
    const struct link_row *a = pa, *b = pb;
    int c = row_key_cmp(a->harvester, b->harvester);

    if (c == 0)
        c = row_key_cmp(a->sender, b->sender);
    if (c != 0)
        return c;
    COMPARE(a->node, b->node);
    COMPARE(a->visit, b->visit);
    COMPARE(a->slot, b->slot);
    COMPARE(a->day, b->day);
    return 0;
}

static int visitor_cmp(const void *pa, const void *pb)
{
    const struct visitor_row *a = pa, *b = pb;

    return row_key_cmp(a->client, b->client);
}

static uint32_t sum_32(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void widen(wall_t *first, wall_t *last, wall_t more_first, wall_t more_last)
{
    if (more_first.us < first->us)
        *first = more_first;
    if (more_last.us > last->us)
        *last = more_last;
}

static void evidence_join(void *pa, const void *pb)
{
    struct evidence_row *a = pa;
    const struct evidence_row *b = pb;

    a->count = sum_32(a->count, b->count);
    widen(&a->first, &a->last, b->first, b->last);
}

static void link_join(void *pa, const void *pb)
{
    struct link_row *a = pa;
    const struct link_row *b = pb;

    a->count = sum_32(a->count, b->count);
    widen(&a->first, &a->last, b->first, b->last);
}

static void visitor_join(void *pa, const void *pb)
{
    struct visitor_row *a = pa;
    const struct visitor_row *b = pb;

    a->count += b->count;
    widen(&a->first, &a->last, b->first, b->last);
}

struct kind {
    size_t size;
    int (*cmp)(const void *, const void *);
    void (*join)(void *, const void *);
    enum trap_err (*put)(struct store_db *db, const void *row);
};

static void sort_and_join(struct rows *rows, const struct kind *k)
{
    uint8_t *v = rows->v;
    size_t kept = 0;

    if (rows->n < 2)
        return;
    qsort(v, rows->n, k->size, k->cmp);
    for (size_t i = 1; i < rows->n; i++) {
        if (k->cmp(v + kept * k->size, v + i * k->size) == 0)
            k->join(v + kept * k->size, v + i * k->size);
        else if (++kept != i)
            memcpy(v + kept * k->size, v + i * k->size, k->size);
    }
    rows->n = kept + 1;
}

/* ---- writing ---- */

#define ADD_UP                                                                                             \
    "count = count + excluded.count, first_us = min(first_us, excluded.first_us), last_us = max(last_us, " \
    "excluded.last_us)"

static const char sql_evidence[] = "INSERT INTO evidence (sender, source, class, hour, node, count, "
                                   "first_us, last_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                                   "ON CONFLICT DO UPDATE SET " ADD_UP;
static const char sql_link[] =
    "INSERT INTO link (harvester, sender, node, visit, slot, day, technique, count, first_us, last_us, "
    "visited_us, visit_flags) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO UPDATE SET " ADD_UP;
static const char sql_visitor[] =
    "INSERT INTO visitor (client, count, first_us, last_us) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT DO UPDATE SET " ADD_UP;
static const char sql_pending[] =
    "INSERT OR REPLACE INTO pending (hit_node, hit, n, sender, at_us, node, epoch, serial, slot, sender_ip, class) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
static const char sql_drop[] = "DELETE FROM pending WHERE hit_node = ?1 AND hit = ?2 AND n = ?3";
static const char sql_whose[] = "SELECT sender FROM pending WHERE hit_node = ?1 AND hit = ?2 AND n = ?3";
static const char sql_mark[] = "INSERT OR REPLACE INTO mark (node, log, seq) VALUES (?1, ?2, ?3)";

static enum trap_err put_evidence(struct store_db *db, const void *row)
{
    const struct evidence_row *r = row;
    const struct row_key sender = row_key_of(r->sender);
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_evidence, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, row_key_bytes(&sender));
    db_bind_int(st, 2, (int64_t)r->source);
    db_bind_int(st, 3, r->klass);
    db_bind_int(st, 4, r->hour);
    db_bind_int(st, 5, r->node);
    db_bind_int(st, 6, r->count);
    db_bind_int(st, 7, r->first.us);
    db_bind_int(st, 8, r->last.us);
    return db_run(db, st);
}

static enum trap_err put_link(struct store_db *db, const void *row)
{
    const struct link_row *r = row;
    const struct row_key harvester = row_key_of(r->harvester), sender = row_key_of(r->sender);
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_link, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, row_key_bytes(&harvester));
    db_bind_bytes(st, 2, row_key_bytes(&sender));
    db_bind_int(st, 3, r->node);
    db_bind_int(st, 4, (int64_t)r->visit);
    db_bind_int(st, 5, r->slot);
    db_bind_int(st, 6, r->day);
    db_bind_int(st, 7, r->technique);
    db_bind_int(st, 8, r->count);
    db_bind_int(st, 9, r->first.us);
    db_bind_int(st, 10, r->last.us);
    db_bind_int(st, 11, r->visited.us);
    db_bind_int(st, 12, r->visit_flags);
    return db_run(db, st);
}

static enum trap_err put_visitor(struct store_db *db, const void *row)
{
    const struct visitor_row *r = row;
    const struct row_key client = row_key_of(r->client);
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_visitor, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_bytes(st, 1, row_key_bytes(&client));
    db_bind_int(st, 2, (int64_t)r->count);
    db_bind_int(st, 3, r->first.us);
    db_bind_int(st, 4, r->last.us);
    return db_run(db, st);
}

static enum trap_err put_pending(struct store_db *db, const void *row)
{
    const struct pending_row *r = row;
    const struct row_key sender = row_key_of(r->sender);
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_pending, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, r->hit_node);
    db_bind_int(st, 2, (int64_t)r->hit);
    db_bind_int(st, 3, r->n);
    db_bind_bytes(st, 4, row_key_bytes(&sender));
    db_bind_int(st, 5, r->at.us);
    db_bind_int(st, 6, r->node);
    db_bind_int(st, 7, r->epoch);
    db_bind_int(st, 8, r->serial);
    db_bind_int(st, 9, r->slot);
    db_bind_ip(st, 10, r->sender_ip);
    db_bind_int(st, 11, r->klass);
    return db_run(db, st);
}

/* Whose it is stands in the row alone. */
static enum trap_err tell_dropped(struct store_db *db, const struct pending_key *r)
{
    sqlite3_stmt *st = NULL;
    struct prefix sender;
    enum trap_err err = TRAP_OK;

    if (db->changes == NULL)
        return err;
    err = db_statement(db, sql_whose, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, r->hit_node);
    db_bind_int(st, 2, (int64_t)r->hit);
    db_bind_int(st, 3, r->n);
    err = db_step(db, st);
    if (err == TRAP_OK)
        err = row_key_get(db_column_bytes(st, 0), &sender);
    if (err == TRAP_OK)
        watch_sender(db, sender);
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static enum trap_err put_drop(struct store_db *db, const void *row)
{
    const struct pending_key *r = row;
    sqlite3_stmt *st = NULL;
    enum trap_err err = tell_dropped(db, r);

    if (err == TRAP_OK)
        err = db_statement(db, sql_drop, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, r->hit_node);
    db_bind_int(st, 2, (int64_t)r->hit);
    db_bind_int(st, 3, r->n);
    return db_run(db, st);
}

static enum trap_err put_mark(struct store_db *db, const void *row)
{
    const struct record_id *r = row;
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_mark, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, r->node);
    db_bind_int(st, 2, r->log);
    db_bind_int(st, 3, (int64_t)r->seq);
    return db_run(db, st);
}

static const struct kind kind_evidence = { sizeof(struct evidence_row), evidence_cmp, evidence_join,
                                           put_evidence };
static const struct kind kind_link = { sizeof(struct link_row), link_cmp, link_join, put_link };
static const struct kind kind_visitor = { sizeof(struct visitor_row), visitor_cmp, visitor_join,
                                          put_visitor };
/* In the order in which they came: a pending row that is dropped in the same batch goes in first. */
static const struct kind kind_pending = { sizeof(struct pending_row), NULL, NULL, put_pending };
static const struct kind kind_drop = { sizeof(struct pending_key), NULL, NULL, put_drop };
static const struct kind kind_mark = { sizeof(struct record_id), NULL, NULL, put_mark };

static enum trap_err put_all(struct store_db *db, struct rows *rows, const struct kind *k)
{
    enum trap_err err = TRAP_OK;

    if (k->cmp != NULL)
        sort_and_join(rows, k);
    for (size_t i = 0; i < rows->n && err == TRAP_OK; i++)
        err = k->put(db, (const uint8_t *)rows->v + i * k->size);
    return err;
}

static enum trap_err put_newest(struct store_db *db, wall_t newest)
{
    wall_t before;
    const enum trap_err err = derived_newest(db, &before);

    if (err != TRAP_OK || newest.us <= before.us)
        return err;
    return db_meta_set(db, "newest_us", newest.us);
}

static enum trap_err put_batch(struct store_db *db, struct derived_batch *b)
{
    const struct {
        struct rows *rows;
        const struct kind *kind;
    } steps[] = { { &b->evidence, &kind_evidence }, { &b->links, &kind_link },
                  { &b->visitors, &kind_visitor },
                  { &b->pending, &kind_pending },   { &b->dropped, &kind_drop },
                  { &b->marks, &kind_mark } };
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && err == TRAP_OK; i++)
        err = put_all(db, steps[i].rows, steps[i].kind);
    if (err == TRAP_OK && b->bulk == NULL)
        err = batch_put_networks(db, b);
    return err == TRAP_OK ? put_newest(db, b->newest) : err;
}

static enum trap_err end_transaction(struct store_db *db, enum trap_err err)
{
    if (err == TRAP_OK)
        err = db_exec(db, "COMMIT");
    if (err != TRAP_OK && sqlite3_get_autocommit(db->sq) == 0)
        (void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

enum trap_err derived_commit(struct store_db *db, struct derived_batch *b)
{
    enum trap_err err = b->err;

    if (err == TRAP_OK)
        err = db_exec(db, "BEGIN IMMEDIATE");
    if (err == TRAP_OK)
        err = end_transaction(db, put_batch(db, b));
    if (err != TRAP_OK)
        return err;
    watch_batch(db, b);
    b->evidence.n = b->links.n = b->visitors.n = b->pending.n = b->dropped.n = b->marks.n = 0;
    if (b->bulk == NULL)
        b->networks.n = 0;
    b->newest = (wall_t){ 0 };
    return TRAP_OK;
}

enum trap_err derived_clear(struct store_db *db)
{
    enum trap_err err = db_exec(db, "BEGIN IMMEDIATE");

    if (err != TRAP_OK)
        return err;
    watch_all(db);
    err = db_exec(
        db,
        "DELETE FROM mark; DELETE FROM evidence; DELETE FROM link; DELETE FROM visitor; DELETE FROM network; "
        "DELETE FROM log_filter; DELETE FROM pending; DELETE FROM meta WHERE name = 'newest_us'");
    return end_transaction(db, err);
}
