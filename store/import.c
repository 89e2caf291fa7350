#include "act_row.h"
#include "erasure_row.h"
#include "hit_row.h"
#include "visit_row.h"

#include <store/act_log.h>
#include <store/epochs.h>
#include <store/hit_log.h>
#include <store/import.h>

#include <stdlib.h>

enum { IMPORT_TRANSACTION = 20000 };
enum import_db { IMPORT_VISITS, IMPORT_HITS, IMPORT_ACTS, IMPORT_DBS };
static const enum store_file files[IMPORT_DBS] = { STORE_VISITS, STORE_HITS, STORE_ACTS };

struct store_import {
    struct store_db *db[IMPORT_DBS];
    struct visit_texts texts;
    uint64_t next[RECORD_ACT + 1]; /* by enum record_log */
    uint32_t epoch;                /* the newest, and its first visit */
    uint64_t first_seq;
    uint32_t in_transaction;
    bool open; /* a transaction */
};

static enum trap_err begin(struct store_import *i)
{
    enum trap_err err = TRAP_OK;

    for (size_t k = 0; k < IMPORT_DBS && err == TRAP_OK; k++)
        err = db_exec(i->db[k], "BEGIN IMMEDIATE");
    i->open = err == TRAP_OK;
    i->in_transaction = 0;
    return err;
}

/* Visits before hits: what is cut off between them lacks mail, never the visit of a mail. */
static enum trap_err end(struct store_import *i)
{
    enum trap_err err = TRAP_OK;

    for (size_t k = 0; k < IMPORT_DBS && err == TRAP_OK; k++)
        err = db_exec(i->db[k], "COMMIT");
    i->open = false;
    return err;
}

/* After each record. */
static enum trap_err count(struct store_import *i)
{
    enum trap_err err = TRAP_OK;

    if (++i->in_transaction < IMPORT_TRANSACTION)
        return err;
    err = end(i);
    return err == TRAP_OK ? begin(i) : err;
}

/* The sequence of a record, or the next one. */
static enum trap_err take_seq(struct store_import *i, enum record_log log, uint64_t seq, uint64_t *out)
{
    if (seq > INT64_MAX || (seq != 0 && seq < i->next[log]))
        return TRAP_EINVAL;
    *out = seq != 0 ? seq : i->next[log];
    return TRAP_OK;
}

/* ---- open and close ---- */

static enum trap_err load(struct store_import *i)
{
    struct visit_epoch *epochs = NULL;
    uint64_t last[RECORD_ACT + 1] = { 0 }, erased = 0;
    size_t n = 0;
    enum trap_err err = visit_bounds(i->db[IMPORT_VISITS], &last[RECORD_VISIT], &erased);

    if (err == TRAP_OK)
        err = hit_bounds(i->db[IMPORT_HITS], &last[RECORD_HIT], &erased);
    if (err == TRAP_OK)
        err = session_bounds(i->db[IMPORT_HITS], &last[RECORD_SESSION], &erased);
    if (err == TRAP_OK)
        err = act_last(i->db[IMPORT_ACTS], &last[RECORD_ACT]);
    if (err == TRAP_OK)
        err = visit_epochs(i->db[IMPORT_VISITS], &epochs, &n);
    if (err != TRAP_OK)
        return err;
    for (size_t log = RECORD_VISIT; log <= RECORD_ACT; log++)
        i->next[log] = last[log] + 1;
    i->epoch = epochs[n - 1].epoch;
    i->first_seq = epochs[n - 1].first_seq;
    free(epochs);
    return TRAP_OK;
}

enum trap_err store_import_open(const char *dir, struct store_import **out, struct err_text *why)
{
    struct store_import *i = calloc(1, sizeof *i);
    struct err_text ignored;
    enum trap_err err = i == NULL ? TRAP_ENOMEM : visit_texts_init(&i->texts);

    if (err != TRAP_OK)
        err_text_set(why, "%s: out of memory", dir);
    for (size_t k = 0; k < IMPORT_DBS && err == TRAP_OK; k++)
        err = store_open(dir, files[k], STORE_WRITE, &i->db[k], why);
    if (err == TRAP_OK) {
        err = load(i);
        if (err == TRAP_OK)
            err = begin(i);
        if (err != TRAP_OK)
            err_text_set(why, "%s: the logs cannot be read: %s", dir, err_name(err));
    }
    if (err == TRAP_OK) {
        *out = i;
        return TRAP_OK;
    }
    if (store_import_close(&i, false, &ignored) != TRAP_OK)
        err_text_set(why, "%s", ignored.text);
    return err;
}

enum trap_err store_import_close(struct store_import **ip, bool commit, struct err_text *why)
{
    struct store_import *i = *ip;
    enum trap_err err = TRAP_OK;

    *ip = NULL;
    if (i == NULL)
        return TRAP_OK;
    if (i->open && commit) {
        err = end(i);
        if (err != TRAP_OK)
            err_text_set(why, "%s: cannot be written: %s", i->db[0]->dir, err_name(err));
    }
    for (size_t k = 0; k < IMPORT_DBS; k++)
        store_close(&i->db[k]); /* an open transaction is rolled back */
    visit_texts_free(&i->texts);
    free(i);
    return err;
}

uint8_t store_import_node(const struct store_import *i)
{
    return i->db[IMPORT_VISITS]->node;
}

/* ---- records ---- */

enum trap_err store_import_visit(struct store_import *i, struct visit *v)
{
    struct store_db *db = i->db[IMPORT_VISITS];
    uint64_t seq = 0;
    enum trap_err err = take_seq(i, RECORD_VISIT, v->seq, &seq);

    if (err == TRAP_OK && seq - i->first_seq >= MINT_EPOCH_SERIALS)
        err = TRAP_EINVAL; /* the next epoch has not been told */
    if (err == TRAP_OK)
        err = visit_row_insert(db, &i->texts, seq, v);
    if (err == TRAP_OK && (v->flags & VISIT_NOT_SHOWN) != 0)
        err = visit_row_not_shown(db, seq);
    if (err != TRAP_OK)
        return err;
    v->seq = seq;
    v->epoch = i->epoch;
    v->serial = (uint32_t)(seq - i->first_seq);
    i->next[RECORD_VISIT] = seq + 1;
    return count(i);
}

enum trap_err store_import_hit(struct store_import *i, const struct hit *h)
{
    uint64_t seq = 0;
    enum trap_err err = take_seq(i, RECORD_HIT, h->seq, &seq);

    if (err == TRAP_OK)
        err = hit_row_insert(i->db[IMPORT_HITS], seq, h);
    if (err != TRAP_OK)
        return err;
    i->next[RECORD_HIT] = seq + 1;
    return count(i);
}

enum trap_err store_import_session(struct store_import *i, const struct session_record *s)
{
    uint64_t seq = 0;
    enum trap_err err = take_seq(i, RECORD_SESSION, s->seq, &seq);

    if (err == TRAP_OK)
        err = session_row_insert(i->db[IMPORT_HITS], seq, s);
    if (err != TRAP_OK)
        return err;
    i->next[RECORD_SESSION] = seq + 1;
    return count(i);
}

enum trap_err store_import_counter(struct store_import *i, const struct counter_row *c)
{
    const enum trap_err err = counter_row_add(i->db[IMPORT_HITS], c);

    return err == TRAP_OK ? count(i) : err;
}

enum trap_err store_import_act(struct store_import *i, const struct act *a)
{
    uint64_t seq = 0;
    enum trap_err err = take_seq(i, RECORD_ACT, a->seq, &seq);

    if (err == TRAP_OK)
        err = act_row_insert(i->db[IMPORT_ACTS], seq, a);
    if (err != TRAP_OK)
        return err;
    i->next[RECORD_ACT] = seq + 1;
    return count(i);
}

/* The epoch of a new file is there already: then only when it began. */
enum trap_err store_import_epoch(struct store_import *i, const struct visit_epoch *e)
{
    static const char sql_begins[] = "UPDATE epoch SET started_us = ?2 WHERE epoch = ?1";
    struct store_db *db = i->db[IMPORT_VISITS];
    const uint64_t first = e->first_seq != 0 ? e->first_seq : i->next[RECORD_VISIT];
    struct err_text why;
    sqlite3_stmt *st = NULL;
    enum trap_err err;

    if (e->epoch == i->epoch && first == i->first_seq) {
        err = db_statement(db, sql_begins, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, e->epoch);
        db_bind_int(st, 2, e->started.us);
        return db_run(db, st);
    }
    if (e->epoch <= i->epoch || first < i->next[RECORD_VISIT] || first > INT64_MAX)
        return TRAP_EINVAL;
    err = epochs_announce(db->dir, db->node, e->epoch, &why);
    if (err == TRAP_OK)
        err = epoch_row_insert(db, e->epoch, first, e->started);
    if (err != TRAP_OK)
        return err;
    i->epoch = e->epoch;
    i->first_seq = first;
    if (i->next[RECORD_VISIT] < first)
        i->next[RECORD_VISIT] = first;
    return TRAP_OK;
}

enum trap_err store_import_erased(struct store_import *i, enum record_log log, uint64_t upto, uint64_t last)
{
    static const struct db_log *const logs[] = {
        [RECORD_VISIT] = &db_log_visit, [RECORD_HIT] = &db_log_hit, [RECORD_SESSION] = &db_log_session
    };
    struct store_db *db = i->db[log == RECORD_VISIT ? IMPORT_VISITS : IMPORT_HITS];
    const uint64_t above = (upto > last ? upto : last) + 1;
    enum trap_err err;

    if (log < RECORD_VISIT || log > RECORD_SESSION || above > INT64_MAX)
        return TRAP_EINVAL;
    err = upto > 0 ? erasure_floor(db, logs[log]->erased, upto) : TRAP_OK;
    if (err == TRAP_OK && last > 0)
        err = erasure_floor(db, logs[log]->given, last);
    if (err == TRAP_OK && i->next[log] < above)
        i->next[log] = above;
    return err;
}

enum trap_err store_import_erasure(struct store_import *i, enum record_log log, const struct erasure *e)
{
    struct store_db *db = i->db[log == RECORD_VISIT ? IMPORT_VISITS : IMPORT_HITS];
    uint64_t id = 0;
    const enum trap_err err = erasure_put(db, e, &id);

    return err == TRAP_OK ? erasure_changed(db) : err;
}

enum trap_err store_import_find(struct store_import *i, uint64_t seq, struct visit *out)
{
    return visit_facts(i->db[IMPORT_VISITS], seq, out);
}
