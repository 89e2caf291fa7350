/* erasure.h - what was taken out of a log, as each file has it on record. No address stands there.
 *
 * Why:     whoever computes from a log must know what it lacks: a visit that was erased reads as "aged", and
 *          evidence made before an erasure is made anew (docs/adr/0021).
 * Change:  a number in each file that grows when an erasure that matters for evidence is complete.
 * Threads: one per struct store_db.
 * Tests:   tests/unit/store/test_keep.c
 */
#ifndef STORE_ERASURE_H
#define STORE_ERASURE_H

#include <base/time.h>
#include <store/file.h>

enum erasure_kind {
    ERASURE_CLIENT = 1, /* visits: the client is its network from then on */
    ERASURE_VISIT = 2,
    ERASURE_HIT = 3,
    ERASURE_SESSION = 4, /* without a trap */
    ERASURE_ATTEMPT = 5, /* sessions with a trap */
    ERASURE_COUNTER = 6,
    ERASURE_FORGET = 7 /* by order: one subject */
};
const char *erasure_kind_name(uint8_t kind);

struct erasure {
    uint64_t id;
    uint8_t kind;
    uint64_t upto; /* highest sequence; 0: single records */
    wall_t before; /* records older than that; 0: by order */
    wall_t at;     /* begun */
    uint64_t records;
};
typedef enum trap_err erasure_fn(const struct erasure *e, void *arg);
/* In order. db: visits.db or hits.db. */
TRAP_NODISCARD enum trap_err erasure_each(struct store_db *db, erasure_fn *fn, void *arg);
/* How many times evidence has to be made anew because of this file. */
TRAP_NODISCARD enum trap_err erasure_change(struct store_db *db, uint64_t *out);
/* Of both files of a node, for derived.db (RECORD_ERASURES). */
TRAP_NODISCARD enum trap_err erasure_mark(struct store_db *hits, struct store_db *visits, uint64_t *out);

#endif
