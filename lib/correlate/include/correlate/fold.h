/* fold.h - the fold: records in, evidence out. A pure function of the log, the keys and the epochs.
 *
 * Rule:    a hit adds one to (sender, source, class, hour) for each distinct (source, class) among its
 *          recipients; a resolved minted address also adds to its link, unless it was tried out
 *          (EVIDENCE_TEST) or came from a batch. Order and size of batches cannot matter: what cannot be
 *          resolved yet stays pending and is tried again whenever visits were folded.
 * Nodes:   one set of logs a node; the bounds of all hits are taken before those of the visits, so that an
 *          address that was shown is never taken for forged.
 * Epochs:  tried are those that had begun when the mail came. When mail was folded before an epoch of its
 *          time was looked for (a node is new, its log came behind, an epoch began a moment ago), the run
 *          clears derived and folds from the begin.
 * Cut:     as_of leaves out records later than it (INT64_MAX: none): the result is that of a log that ends
 *          then. A hit whose visit is later than as_of meets a visit that has not arrived. Only on an empty
 *          derived.db, and nothing can be folded on top of it afterwards: TRAP_EINVAL otherwise.
 * Taints:  what they name adds nothing. A set of taints other than that of the rows on record clears derived,
 *          and the run folds from the begin: the rows are those of a log without what is tainted
 *          (docs/adr/0022).
 * Bulk:    from the begin, where bulk_min records or more are on record and no batch_max was asked for: rows are
 *          sorted outside of the database, which is replaced at the end by one transaction (docs/adr/0019).
 *          The same rows as by batches. Until then the old ones stand; a run that was cut off begins again.
 *          Memory: 40 bytes a visit, at most 512 MB (more of them lie in a mapped file), and 400 MB for sorting.
 * Visitors: a visit counts whether or not its page went out in time, because that is written later.
 * Errors:  those of the store; TRAP_ECORRUPT for a record of no known class. What was committed stays, the
 *          next run goes on.
 * Owns:    struct fold borrows the databases. Threads: one. Tests: tests/unit/correlate/,
 *          tests/functional/test_identical.py
 */
#ifndef CORRELATE_FOLD_H
#define CORRELATE_FOLD_H

#include <base/config.h>
#include <mail/mint.h>
#include <store/evidence.h>
#include <store/taint.h>

struct fold_node {
    uint8_t node;
    struct store_db *hits, *visits; /* opened in this order */
};
struct fold;
TRAP_NODISCARD enum trap_err fold_new(const struct config *c, struct mint *mint, struct store_db *derived,
                                      const struct fold_node *nodes, size_t node_count, struct fold **out);
void fold_free(struct fold **f);

struct fold_options {
    uint32_t batch_max; /* records in one transaction, 0 = default (10,000; up to 200,000 when many wait) */
    wall_t as_of;
    const struct taints *taints; /* as of as_of; NULL: none */
    bool afresh;          /* whatever is in derived.db, cut or not: from the begin */
    uint64_t bulk_min;    /* 0 = 20,000 */
    size_t bulk_rows_max; /* rows of a kind sorted in memory; 0 = 1 Mi */
    void (*progress)(uint64_t done, uint64_t total, void *arg); /* may be NULL; done = total: rows are written */
    void *progress_arg;
};
struct fold_result {
    uint64_t visits, hits, sessions; /* records folded by this call */
    uint64_t resolved, aged, pending, forged, static_traps, guesses, attempts, tests;
    uint64_t tainted; /* visits, recipients and attempts that were left out */
};
/* Folds whatever is new. */
TRAP_NODISCARD enum trap_err fold_run(struct fold *f, const struct fold_options *o, struct fold_result *out,
                                      struct err_text *why);

/* What one recipient of one hit is, for trace and explain: the same code the fold uses. *resolved_fn is
 * called with the visit when RESOLVED. */
struct fold_trace {
    bool minted;   /* decodes under our keys */
    bool repaired; /* only after undoing a harvester's garbling */
    struct mint_ref ref;
    enum { TRACE_NOT_MINTED, TRACE_RESOLVED, TRACE_AGED, TRACE_PENDING, TRACE_FORGED } outcome;
};
TRAP_NODISCARD enum trap_err fold_trace(struct fold *f, struct bytes address, wall_t mailed,
                                        struct fold_trace *out,
                                        enum trap_err (*resolved_fn)(const struct visit *, void *),
                                        void *arg);

#endif
