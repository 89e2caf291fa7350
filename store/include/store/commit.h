/* commit.h - group commit: many producers, one writer thread, one transaction for whatever waits.
 *
 * Why:     one fsync serves every waiter: 5,700 commits/s of one row, 960,000 rows/s in batches of 1,000
 *          (docs/adr/0005).
 * Use:     embed struct commit_job as the first member of the request, fill `apply` and `done`,
 *          commit_submit(). The writer drains the queue, calls apply() for each in one transaction, commits
 *          (fsync), then done() for each with its result, in order of submission; then batch_done() once, so
 *          that a consumer is woken once a batch. apply() may be called twice for one job: when another one
 *          of its batch was refused, all are undone and done again.
 * Owns:    the job belongs to the queue from submit to done(); done() gives it back.
 * Errors:  done(job, TRAP_OK) only after the commit is durable. An apply() that fails is undone alone and
 *          reported to its own job; a failed commit fails every job of the batch (TRAP_EFULL: disk full or
 *          less than free_min_bytes, or total_max_bytes reached; else TRAP_EIO). The writer stays and tries again with the next batch.
 *          commit_submit: TRAP_EFULL when queue_max jobs wait, TRAP_ECLOSED after commit_stop began; then
 *          done() is not called.
 * Gather:  where records come in numbers the writer lets some come together first: at most gather_us since
 *          the last batch began, and until half of what commit_expect() said waits.
 * WAL:     checkpoints are PASSIVE, by a thread of its own with a connection of its own, when the WAL is
 *          longer than wal_max_bytes; beyond twice that the writer waits between two batches (<= 100 ms and
 *          the copying) until it can begin a new WAL. A busy writer lengthens it ahead (wal_room.h).
 * Threads: submit on any thread; apply, done, batch_done on the writer thread (done and batch_done must not
 *          block).
 * Tests:   tests/unit/store/test_commit.c, test_commit_disk.c, tests/fault/
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include <base/err.h>
#include <base/mpsc.h>
#include <store/file.h>

struct commit_job {
    struct mpsc_node node; /* first member */
    enum trap_err (*apply)(struct commit_job *job, void *log);
    void (*done)(struct commit_job *job, enum trap_err result);
    bool frees;           /* takes records away: done though there is no room for more */
    enum trap_err result; /* the writer's own */
};

struct commit_options {
    uint32_t queue_max, batch_max;
    uint32_t gather_us; /* records that come in numbers may wait so long for others; 0: never */
    uint64_t wal_max_bytes;
    uint64_t free_min_bytes, total_max_bytes; /* <store/budget.h> */
    void *log; /* given to apply() */
    /* Each may be NULL. */
    void (*before_commit)(void *log); /* inside the transaction, after the last apply */
    void (*rolled_back)(void *log); /* what apply() remembered may not be in the file: read it again */
    void (*batch_done)(void *arg);
    void *batch_arg;
};

struct commit;
/* db (opened with STORE_WRITE in dir) is used by the writer thread until commit_stop; the caller closes it
 * afterwards. */
TRAP_NODISCARD enum trap_err commit_start(struct store_db *db, const struct commit_options *o,
                                          struct commit **out, struct err_text *why);
TRAP_NODISCARD enum trap_err commit_submit(struct commit *c, struct commit_job *job);
/* n records are under way, those that were submitted included: what a busy writer may wait for (gather_us).
 * Any thread. */
void commit_expect(struct commit *c, size_t n);
/* Commits what waits, then ends the threads. */
void commit_stop(struct commit **c);

struct commit_stats {
    uint64_t jobs, batches, failed_batches, checkpoints, wal_bytes, wal_bytes_max, longest_commit_us;
    uint32_t queued;
};
void commit_stats(struct commit *c, struct commit_stats *out); /* any thread */

#endif
