/* visit_log.h - visits.db: the writer's side (trapweb) and the reader's side (fold, command line).
 *
 * Serial:  serial = seq - first_seq of its epoch (table epoch): no column for it; a visit takes <= 80 bytes
 *          with its index. An epoch ends after MINT_EPOCH_SERIALS visits. The next epoch is announced
 *          (epochs.h) before it is used.
 * Not shown: a visit whose commit was too late for its page is marked by a later job (VISIT_NOT_SHOWN when
 * read).
 * Threads: writer: any thread submits, done() comes on the commit thread. Readers: one thread per struct
 *          store_db.
 * Reads:   every call ends its read transaction before it returns; callbacks get at most `limit` records (<=
 *          10,000 a call). A walk ends the transaction every 50 ms and goes on behind the record just given.
 *          A callback must not call the function that called it (one statement runs once at a time); any
 *          other is fine.
 * Tests:   tests/unit/store/test_visit_log.c, test_visit_epochs.c
 */
#ifndef STORE_VISIT_LOG_H
#define STORE_VISIT_LOG_H

#include <store/commit.h>
#include <store/record.h>

/* ---- writer ---- */
struct visit_job {
    struct commit_job job; /* first member; the caller sets job.done, visit_log_submit sets job.apply */
    struct visit visit;    /* seq, epoch, serial are filled in before done(); what it points to stays valid until then */
};
struct visit_log;
TRAP_NODISCARD enum trap_err visit_log_open(const char *dir, const struct conf_store *conf, void (*batch_done)(void *),
                                            void *batch_arg, struct visit_log **out, struct err_text *why);
TRAP_NODISCARD enum trap_err visit_log_submit(struct visit_log *l, struct visit_job *job);
/* Marks a visit as not shown, with a later batch; nobody waits for it. */
TRAP_NODISCARD enum trap_err visit_log_not_shown(struct visit_log *l, uint64_t seq);
void visit_log_close(struct visit_log **l);
struct commit *visit_log_commit(struct visit_log *l);

/* Begins the next epoch (a restored store, an operator's wish); trapweb must not run. Announces it, too. */
TRAP_NODISCARD enum trap_err visit_epoch_raise(const char *dir, uint32_t *epoch_out, struct err_text *why);

/* ---- reader ---- */
typedef enum trap_err visit_fn(const struct visit *v, void *arg); /* other than TRAP_OK ends the walk with that result */
struct visit_epoch {
    uint32_t epoch;
    uint64_t first_seq;
    wall_t started;
};
/* Ascending; the caller frees *list_out with free(). */
TRAP_NODISCARD enum trap_err visit_epochs(struct store_db *db, struct visit_epoch **list_out, size_t *n_out);
/* The highest sequence on record, and the highest that retention erased (0 = none). */
TRAP_NODISCARD enum trap_err visit_bounds(struct store_db *db, uint64_t *last_out, uint64_t *erased_out);
/* Records with seq > after, ascending; *last_out = the last one seen (= after when there was none). */
TRAP_NODISCARD enum trap_err visit_each(struct store_db *db, uint64_t after, uint32_t limit, visit_fn *fn, void *arg,
                                        uint64_t *last_out);
/* TRAP_ENOENT where there is none. */
TRAP_NODISCARD enum trap_err visit_get(struct store_db *db, uint64_t seq, visit_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err visit_by_serial(struct store_db *db, uint32_t epoch, uint32_t serial, visit_fn *fn, void *arg);
/* A visit without its texts (site, page and agent are empty): one row instead of four, for the fold. */
TRAP_NODISCARD enum trap_err visit_facts(struct store_db *db, uint64_t seq, struct visit *out);
/* As visit_each, without texts. */
TRAP_NODISCARD enum trap_err visit_facts_each(struct store_db *db, uint64_t after, uint32_t limit, visit_fn *fn, void *arg,
                                              uint64_t *last_out);
/* Newest first. */
TRAP_NODISCARD enum trap_err visit_by_client(struct store_db *db, struct prefix p, uint32_t limit, visit_fn *fn, void *arg);

#endif
