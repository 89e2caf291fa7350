/* keep_job.h - what takes records out of a log: small jobs among those that write it.
 *
 * Why:     one writer a file, so erasing goes through the same group commit; a job works for KEEP_APPLY_US at
 *          most and says how far it came, so that no "250" and no page waits longer for it.
 * Threads: filled in and waited for by the keeper's thread; apply() on the writer's.
 */
#ifndef STORE_KEEP_JOB_H
#define STORE_KEEP_JOB_H

#include "erasure_row.h"

#include <store/commit.h>

#include <semaphore.h>
#include <stdatomic.h>

enum { KEEP_LIST = 256, KEEP_APPLY_US = 2000 };
enum keep_op {
    KEEP_BEGIN,    /* an erasure is on record; `erasure` gets its number */
    KEEP_TRUNCATE, /* visits by sequence: their client becomes its network */
    KEEP_VISITS,   /* the others are deleted */
    KEEP_HITS,
    KEEP_SESSIONS,
    KEEP_COUNTERS, /* low < sender <= high, hours before `before_hour`; with a length: all from low to high */
    KEEP_END,      /* the erasure is complete */
    KEEP_META      /* the number `mark` becomes mark_seq */
};
struct keep_job {
    struct commit_job job; /* first member */
    struct store_db *db;   /* the writer's */
    enum keep_op op;
    bool forget;  /* KEEP_TRUNCATE: the user agent goes, too */
    bool changes; /* KEEP_END: evidence has to be made anew */
    uint64_t seqs[KEEP_LIST];
    size_t n, at, records; /* at: done so far */
    struct erasure erasure;
    const char *mark; /* of meta, raised to mark_seq when all of the list is done; NULL: none */
    uint64_t mark_seq;
    uint8_t low[16], high[16];
    size_t low_n, high_n, length;
    uint32_t before_hour;
    size_t begun_at; /* apply() may run twice */
    sem_t done;
};

/* Submits and waits, again until all of the list is done; pause_ms between two turns. TRAP_ECLOSED: the log
 * closes. */
TRAP_NODISCARD enum trap_err keep_job_run(struct commit *commit, struct keep_job *k, unsigned pause_ms);

/* The erasure that was begun last and is not complete: its number is in meta; 0: none. */
#define KEEP_UNDER_WAY "erasing"

#endif
