/* listed.h - the networks on the published zones, as a snapshot for the sink: state_dir/snap/listed.
 *
 * Why:     the sink may slow down who is listed (smtp.tarpit) without asking a database or the DNS.
 * Form:    header (magic, version, count, time it was made, key and keyed hash of the rest), then 17 bytes a
 *          prefix (16 of address, 1 of length), ascending and disjoint, of one family each. Replaced as a
 *          whole; read into memory and checked (docs/adr/0007 has the reasons), and looked through there as
 *          it is: a loop that makes a set of a million prefixes stands still for 250 ms. A damaged one is
 *          refused, the last good one stays.
 * Ages:    a snapshot older than the reader's `age_max` counts as empty: listings expire when the exporter is
 *          dead.
 * Threads: one per struct listed.
 * Tests:   tests/unit/store/test_listed.c
 */
#ifndef STORE_LISTED_H
#define STORE_LISTED_H

#include <base/buf.h>
#include <base/prefix_set.h>
#include <base/time.h>
#include <store/epochs.h>

/* set is sealed. Durable. */
TRAP_NODISCARD enum trap_err listed_write(const char *dir, const struct prefix_set *set, wall_t made,
                                          struct err_text *why);

struct listed {
    const char *dir; /* state_dir, borrowed */
    span_t age_max;
    struct snapshot_stamp stamp;
    struct buf image; /* the file; empty: there is none */
    size_t count;     /* of prefixes */
    wall_t made;
};
void listed_init(struct listed *l, const char *dir, span_t age_max);
void listed_free(struct listed *l);
/* Loads a newer snapshot; one stat(2) when there is none. A bad one is logged. */
void listed_refresh(struct listed *l);
bool listed_has(const struct listed *l, struct ip a, wall_t now);

#endif
