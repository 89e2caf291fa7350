/* fold_state.h - what the parts of the fold share: identify.c (address -> outcome), fold_hit.c (record ->
 * rows), fold_retry.c (what was pending), fold_walk.c (a log), fold_bulk.c (all logs at once), fold.c (the run).
 */
#ifndef CORRELATE_FOLD_STATE_H
#define CORRELATE_FOLD_STATE_H

#include "node_view.h"

#include <stdatomic.h>

enum { DOMAIN_CACHE_SLOTS = 64, NODES_MAX = 256 };

struct domain_slot {
    uint8_t name[MINT_DOMAIN_MAX]; /* lower case */
    size_t n;                      /* 0: empty */
    struct mint_domain tweak;
};
struct contribution;
struct fold {
    const struct config *config;
    struct mint *mint;
    struct store_db *derived;
    struct node_view node[NODES_MAX];
    size_t node_count;
    struct mint_window window;
    wall_t window_from, window_to; /* times of mail that it is right for: from <= mailed < to */
    struct domain_slot domains[DOMAIN_CACHE_SLOTS];
    struct visit_cache cache;
    struct derived_batch *batch;
    const struct taints *taints; /* of the run at hand; NULL: none */
    bool bulk; /* batch is for all rows; nothing of derived.db is looked at */
    struct fold_result result;
    struct contribution *work; /* of the hit at hand */
    size_t work_cap;
    bool retry_all;       /* nothing was retried yet by this process, or with these epochs */
    uint64_t epochs_seen; /* how many there were at the last run */
};

struct node_view *fold_node_view(struct fold *f, uint8_t node); /* NULL: not ours */

/* Bounds, epochs; forgets what was cached of an earlier state. */
TRAP_NODISCARD enum trap_err fold_take_view(struct fold *f, wall_t as_of);

/* ---- identify.c ---- */
struct identified {
    struct fold_trace trace;
    struct visit visit; /* RESOLVED: without its texts */
    bool gone;          /* with AGED: the visit was erased after the mail; adds nothing */
};
TRAP_NODISCARD enum trap_err identify(struct fold *f, struct bytes address, wall_t mailed,
                                      struct identified *out);
/* The same for one reading that is known. */
TRAP_NODISCARD enum trap_err identify_ref(struct fold *f, struct mint_ref ref, wall_t mailed,
                                          struct identified *out);

/* ---- fold_hit.c ---- */
TRAP_NODISCARD enum trap_err fold_visit(struct fold *f, uint8_t node, const struct visit *v);
/* What was pending of a hit until now; all its other recipients are folded already. NULL: the hit is new. */
struct waiting {
    const struct pending_row *row;
    size_t count;
};
TRAP_NODISCARD enum trap_err fold_hit(struct fold *f, uint8_t node, const struct hit *h,
                                      const struct waiting *waiting);
TRAP_NODISCARD enum trap_err fold_session(struct fold *f, uint8_t node, const struct session_record *s);
/* A pending address whose hit is not on record any more. */
TRAP_NODISCARD enum trap_err fold_orphan(struct fold *f, const struct pending_row *p);

/* ---- fold_walk.c ---- */
struct walk {
    struct fold *fold;
    const struct fold_options *options;
    struct node_view *node;
    uint8_t log;
    uint64_t after; /* folded so far; rises */
    uint64_t bound; /* records behind it are of the next run, or another's */
    uint64_t seen;  /* the last one folded or left out */
    uint64_t seen_count;
    uint32_t batch_max;
    uint32_t *in_batch;
    _Atomic uint64_t *done;
    uint64_t total;
    bool quiet; /* progress is told by another thread */
};
TRAP_NODISCARD enum trap_err fold_walk(struct walk *w);
uint64_t fold_bound(const struct node_view *v, uint8_t log);
/* Of derived.db; in bulk, which begins with nothing, always 0. */
TRAP_NODISCARD enum trap_err fold_mark_get(struct fold *f, uint8_t node, enum record_log log, uint64_t *out);
TRAP_NODISCARD enum trap_err fold_newest_get(struct fold *f, wall_t *out);

/* ---- fold_bulk.c ---- */
/* Everything up to the bounds into f->batch, with its marks. */
TRAP_NODISCARD enum trap_err fold_all_parts(struct fold *f, const struct fold_options *o);

/* ---- fold_retry.c ---- */
TRAP_NODISCARD enum trap_err fold_retry(struct fold *f, uint32_t batch_max);

#endif
