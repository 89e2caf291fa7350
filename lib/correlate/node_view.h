/* node_view.h - what is known of one node's visits during one run of the fold: bounds, epochs, visits by
 * (epoch, serial).
 *
 * Why:     a run must see one state of the log: everything above the bounds taken at its begin has "not
 *          arrived", whatever is written meanwhile.
 * Cut:     with as_of, the bounds are those of a log that ends then: visits and epochs later than it are not
 *          there.
 * Owns:    the list of epochs, the table of visits. Borrows the databases. Threads: one.
 */
#ifndef CORRELATE_NODE_VIEW_H
#define CORRELATE_NODE_VIEW_H

#include "visit_table.h"

#include <correlate/fold.h>
#include <correlate/resolve.h>
#include <store/erasure.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

struct epoch_view {
    uint32_t epoch;
    uint64_t first_seq;
    wall_t begins; /* no visit of it is older */
};
struct node_view {
    uint8_t node;
    struct store_db *hits, *visits;
    wall_t as_of;
    uint64_t hits_last, hits_erased, sessions_last, visits_last, visits_erased;
    wall_t newest;             /* time of visit visits_last, 0: none */
    struct epoch_view *epochs; /* ascending, at least one */
    size_t epoch_count;
    uint64_t erasure_mark;    /* when the bounds were taken */
    struct erasure *erasures; /* of visits, in order */
    size_t erasure_count;
    struct visit_table *table; /* NULL: each visit is asked for */
};

void node_view_free(struct node_view *v);
/* First the mail of all nodes, then the visits: so an address that was shown is never taken for forged. */
TRAP_NODISCARD enum trap_err node_view_take_hits(struct node_view *v);
TRAP_NODISCARD enum trap_err node_view_take_visits(struct node_view *v);

/* The newest epoch that had begun when mail of this time came, as far as is known; 0: none. */
uint32_t node_view_newest_epoch(const struct node_view *v, wall_t mailed);

/* Recently used visits, without their texts. */
enum { VISIT_CACHE_SLOTS = 4096 };
struct visit_cache {
    struct {
        uint8_t node;
        struct visit visit; /* seq 0: empty */
    } slot[VISIT_CACHE_SLOTS];
};
/* known_out->visit is valid until the next call. */
TRAP_NODISCARD enum trap_err node_view_find(const struct node_view *v, struct visit_cache *cache,
                                            uint32_t epoch, uint32_t serial, struct resolve_known *known_out);

#endif
