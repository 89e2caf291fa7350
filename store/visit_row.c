/* Rows of visits.db, as they go in: by its writer, and by an import. */
#include "visit_row.h"

static const char sql_insert[] =
    "INSERT INTO visit (seq, at_us, client, page, agent, recipe, flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
static const char sql_not_shown[] = "INSERT OR IGNORE INTO not_shown (seq) VALUES (?1)";
static const char sql_epoch_insert[] = "INSERT INTO epoch (epoch, first_seq, started_us) VALUES (?1, ?2, ?3)";

static const char sql_site_find[] = "SELECT id FROM site WHERE text = ?1";
static const char sql_site_add[] = "INSERT INTO site (text) VALUES (?1)";
static const char sql_page_find[] = "SELECT id FROM page WHERE text = ?1 AND site = ?2";
static const char sql_page_add[] = "INSERT INTO page (text, site) VALUES (?1, ?2)";
static const char sql_agent_find[] = "SELECT id FROM agent WHERE text = ?1";
static const char sql_agent_add[] = "INSERT INTO agent (text) VALUES (?1)";

enum trap_err visit_texts_init(struct visit_texts *t)
{
    enum trap_err err = intern_init(&t->sites, sql_site_find, sql_site_add);

    if (err == TRAP_OK)
        err = intern_init(&t->pages, sql_page_find, sql_page_add);
    return err == TRAP_OK ? intern_init(&t->agents, sql_agent_find, sql_agent_add) : err;
}

void visit_texts_clear(struct visit_texts *t)
{
    intern_clear(&t->sites);
    intern_clear(&t->pages);
    intern_clear(&t->agents);
}

void visit_texts_free(struct visit_texts *t)
{
    intern_free(&t->sites);
    intern_free(&t->pages);
    intern_free(&t->agents);
}

static enum trap_err intern_visit(struct store_db *db, struct visit_texts *t, const struct visit *v,
                                  int64_t *page_out, int64_t *agent_out)
{
    int64_t site = 0;
    enum trap_err err = intern_id(&t->sites, db, bytes_take(v->site, VISIT_TEXT_MAX), 0, &site);

    if (err == TRAP_OK)
        err = intern_id(&t->pages, db, bytes_take(v->page, VISIT_TEXT_MAX), site, page_out);
    if (err == TRAP_OK && (v->flags & VISIT_NO_AGENT) == 0)
        err = intern_id(&t->agents, db, bytes_take(v->agent, VISIT_TEXT_MAX), 0, agent_out);
    return err;
}

size_t visit_client_put(const struct visit *v, uint8_t out[16])
{
    const size_t n = ip_put(v->client, out);

    if ((v->flags & VISIT_TRUNCATED) == 0)
        return n;
    return n == 4 ? 3 : 6;
}

enum trap_err visit_client_get(struct bytes blob, struct visit *v)
{
    uint8_t whole[16] = { 0 };

    if (blob.n != 3 && blob.n != 6)
        return ip_get(blob, &v->client) == TRAP_OK ? TRAP_OK : TRAP_ECORRUPT;
    memcpy(whole, blob.p, blob.n);
    v->flags |= VISIT_TRUNCATED;
    return ip_get(bytes_of(whole, blob.n == 3 ? 4 : 16), &v->client) == TRAP_OK ? TRAP_OK : TRAP_ECORRUPT;
}

enum trap_err visit_row_insert(struct store_db *db, struct visit_texts *t, uint64_t seq,
                               const struct visit *v)
{
    sqlite3_stmt *st = NULL;
    int64_t page = 0, agent = 0;
    uint8_t client[16];
    size_t n;
    enum trap_err err = intern_visit(db, t, v, &page, &agent);

    if (err == TRAP_OK)
        err = db_statement(db, sql_insert, &st);
    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    db_bind_int(st, 2, v->at.us);
    n = visit_client_put(v, client);
    if (v->flags & VISIT_BATCH)
        (void)sqlite3_bind_null(st, 3);
    else
        db_bind_bytes(st, 3, bytes_of(client, n));
    db_bind_int(st, 4, page);
    if (agent == 0)
        (void)sqlite3_bind_null(st, 5);
    else
        db_bind_int(st, 5, agent);
    db_bind_int(st, 6, (int64_t)v->recipe);
    db_bind_int(st, 7, v->flags & ~(uint32_t)(VISIT_NOT_SHOWN | VISIT_TRUNCATED));
    return db_run(db, st);
}

enum trap_err epoch_row_insert(struct store_db *db, uint32_t epoch, uint64_t first_seq, wall_t started)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_epoch_insert, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, epoch);
    db_bind_int(st, 2, (int64_t)first_seq);
    db_bind_int(st, 3, started.us);
    return db_run(db, st);
}

enum trap_err visit_row_not_shown(struct store_db *db, uint64_t seq)
{
    sqlite3_stmt *st = NULL;
    const enum trap_err err = db_statement(db, sql_not_shown, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, (int64_t)seq);
    return db_run(db, st);
}
