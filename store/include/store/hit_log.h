/* hit_log.h - hits.db and samples.db: the writer's side (trapsmtp) and the reader's side (fold, command
 * line).
 *
 * Order:   a hit is durable in hits.db before done(); its sample goes to samples.db after that, by a thread
 *          of its own, and may be lost in a crash: a sample is a convenience, the hit is the promise.
 * Samples: which are kept: <store/sample.h>.
 * Calls:   a reader's callback must not call the function that called it (one statement runs once at a
 *          time); any other is fine.
 * Errors:  submitting: those of commit_submit(); done() says the rest. TRAP_EINVAL there: a hit without
 *          recipient. Reading: as visit_log.h.
 * Size:    <= 220 bytes a hit with one recipient and its indexes, samples apart.
 * Threads: writer: open and close on one, submit on any; done and batch_done run on the writer's and must
 *          not block. Reads: as visit_log.h.
 * Tests:   tests/unit/store/test_hit_log.c, test_session_log.c, test_commit.c
 */
#ifndef STORE_HIT_LOG_H
#define STORE_HIT_LOG_H

#include <store/commit.h>
#include <store/record.h>

/* ---- writer ---- */
struct hit_job {
    struct commit_job job; /* first member; the caller sets job.done */
    struct hit hit;        /* seq is filled in before done(); what it points to stays valid until then */
};
struct session_job {
    struct commit_job job;
    struct session_record session;
};
/* n messages that are no rows of their own any more. done(TRAP_OK): the count is on disk. */
struct counter_job {
    struct commit_job job;
    struct ip sender;
    wall_t at;
    uint32_t n;
};
struct hit_log;
TRAP_NODISCARD enum trap_err hit_log_open(const char *dir, const struct conf_store *conf,
                                          void (*batch_done)(void *), void *batch_arg, struct hit_log **out,
                                          struct err_text *why);
TRAP_NODISCARD enum trap_err hit_log_submit(struct hit_log *l, struct hit_job *job);
TRAP_NODISCARD enum trap_err hit_log_submit_session(struct hit_log *l, struct session_job *job);
TRAP_NODISCARD enum trap_err hit_log_submit_counter(struct hit_log *l, struct counter_job *job);
void hit_log_close(struct hit_log **l);
/* For commit_expect() and commit_stats(). */
struct commit *hit_log_commit(struct hit_log *l);

/* ---- reader ---- */
typedef enum trap_err hit_fn(const struct hit *h, void *arg);
typedef enum trap_err session_fn(const struct session_record *s, void *arg);
TRAP_NODISCARD enum trap_err hit_bounds(struct store_db *db, uint64_t *last_out, uint64_t *erased_out);
TRAP_NODISCARD enum trap_err hit_each(struct store_db *db, uint64_t after, uint32_t limit, hit_fn *fn,
                                      void *arg, uint64_t *last_out);
/* As hit_each, but only seq, at, sender, flags and the recipients without dsn: what the fold asks for. */
TRAP_NODISCARD enum trap_err hit_traps_each(struct store_db *db, uint64_t after, uint32_t limit, hit_fn *fn, void *arg,
                                            uint64_t *last_out);
TRAP_NODISCARD enum trap_err hit_get(struct store_db *db, uint64_t seq, hit_fn *fn, void *arg);
/* Newest first. */
TRAP_NODISCARD enum trap_err hit_by_sender(struct store_db *db, struct prefix p, uint32_t limit, hit_fn *fn,
                                           void *arg);
TRAP_NODISCARD enum trap_err hit_by_rcpt(struct store_db *db, struct bytes address, uint32_t limit,
                                         hit_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err session_bounds(struct store_db *db, uint64_t *last_out, uint64_t *erased_out);
TRAP_NODISCARD enum trap_err session_each(struct store_db *db, uint64_t after, uint32_t limit, session_fn *fn,
                                          void *arg, uint64_t *last_out);
/* Newest first. */
TRAP_NODISCARD enum trap_err session_by_client(struct store_db *db, struct prefix p, uint32_t limit,
                                               session_fn *fn, void *arg);
typedef enum trap_err counter_fn(const struct counter_row *c, void *arg);
/* Newest hour first. */
TRAP_NODISCARD enum trap_err counter_by_sender(struct store_db *db, struct prefix p, uint32_t limit,
                                               counter_fn *fn, void *arg);
/* All, in the order of key and hour. */
TRAP_NODISCARD enum trap_err counter_each(struct store_db *db, counter_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err counter_total(struct store_db *db, uint64_t *rows_out, uint64_t *messages_out);
#endif
