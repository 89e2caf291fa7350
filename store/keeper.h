/* keeper.h - the thread that takes records out of a log while its daemon writes it: by age, and by order.
 *
 * Age:     the clocks of `retention`, looked at every `every` (0, which no configuration says: never). A
 *          clock goes in steps of a twelfth of itself, a week at most (for that long a record may stay beyond
 *          its time): evidence is made anew once a step (docs/adr/0021).
 * Order:   state_dir/snap/forget (store/forget.h): its number is in meta "forget_done" when it is carried
 *          out.
 * Files:   visits.db, and hits.db with samples.db. Reads by a connection of its own, in short transactions;
 *          what goes is taken by jobs of the group commit (keep_job.h).
 * After a kill: what was begun is on record and is completed by the next start.
 * Clocks:  the time of each look is in meta "kept_us". One that is KEEP_JUMP_DAYS later than the last, a
 *          machine that was off or a clock that is wrong, erases nothing for the first KEEP_DOUBT_H hours:
 *          nothing brings erased records back.
 * Threads: open and close on any; a thread of its own.
 * Tests:   tests/unit/store/test_keep.c, tests/functional/test_retention.py, test_forget.py
 */
#ifndef STORE_KEEPER_H
#define STORE_KEEPER_H

#include "keep_job.h"
#include "sample_log.h"

struct keeper;
struct keeper_log {
    struct store_db *db; /* the writer's; its directory and file are looked at */
    struct commit *commit;
    struct sample_log *samples; /* NULL: visits.db */
    const struct conf_keep *conf;
};
TRAP_NODISCARD enum trap_err keeper_start(const struct keeper_log *log, struct keeper **out,
                                          struct err_text *why);
/* Before commit_stop(). */
void keeper_stop(struct keeper **k);

/* ---- between keeper.c, keep_age.c and keep_forget.c ---- */

enum { KEEP_JUMP_DAYS = 30, KEEP_DOUBT_H = 24 };
struct keeping {
    struct keeper_log log;
    mono_t begun;
    struct store_db *reader;
    atomic_bool stop;
    struct keep_job job; /* large, and one at a time */
};
/* The begin of a step: older records go. 0: none do. */
wall_t keep_horizon(wall_t now, span_t keep);
/* *believed_out: the clock may erase by age. */
TRAP_NODISCARD enum trap_err keep_believe(struct keeping *k, wall_t now, bool *believed_out);
TRAP_NODISCARD enum trap_err keep_by_age(struct keeping *k, wall_t now);
TRAP_NODISCARD enum trap_err keep_forget(struct keeping *k);
/* Begins an erasure, or goes on with the one of its kind that was cut off. */
TRAP_NODISCARD enum trap_err keep_begin(struct keeping *k, const struct erasure *e);
TRAP_NODISCARD enum trap_err keep_end(struct keeping *k, bool changes, const char *mark, uint64_t mark_seq);
TRAP_NODISCARD enum trap_err keep_run(struct keeping *k, enum keep_op op);

#endif
