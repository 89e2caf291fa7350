/* resolve.h - what a decoded address means, given what is known of its visit. Pure.
 *
 * Source:  DESIGN of the mint, docs/adr/0008. Threads: any. Tests: tests/unit/correlate/test_resolve.c
 */
#ifndef CORRELATE_RESOLVE_H
#define CORRELATE_RESOLVE_H

#include <store/evidence.h>
#include <store/record.h>

enum resolve_outcome {
    RESOLVE_RESOLVED, /* the visit is on record and showed this slot */
    RESOLVE_AGED,     /* retention erased the visit */
    RESOLVE_PENDING,  /* serial above what has arrived of that node; its visit may yet be older than mail */
    RESOLVE_FORGED,   /* known range, but no visit, no such slot, not shown, or mail > 10 min before it */
    RESOLVE_GONE      /* the visit was there when the mail came, and retention erased it since: adds nothing any more */
};
const char *resolve_outcome_name(enum resolve_outcome o);

#define RESOLVE_SKEW_MAX SPAN_MIN(10) /* how far the clocks of two nodes may be apart */
#define RESOLVE_TEST_AGE SPAN_S(60)

/* What the visits of one node say about (epoch, serial). */
struct resolve_known {
    const struct visit *visit; /* NULL: not on record */
    bool erased;               /* its sequence lies in what retention erased */
    wall_t erased_at;          /* when, 0: not known */
    bool arrived;              /* its sequence lies at or below the highest on record, or its epoch is over */
    wall_t newest; /* time of the highest visit on record, 0: none. What arrives later is not older. */
};
enum resolve_outcome resolve(const struct resolve_known *known, uint8_t slot, wall_t mailed);

/* A text may read in more than one way (mint_read_all). PENDING while one of them is: it may yet turn out to
 * be the true one; then GONE: what it was is not known any more. RESOLVED where one alone stands; AGED where several do: authentic, but nobody is blamed.
 * *which_out: the reading that decided; n >= 1. */
enum resolve_outcome resolve_readings(const enum resolve_outcome *each, size_t n, size_t *which_out);

/* RESOLVED mail within 60 s of the visit, from the visitor's own network: a test, not evidence. */
bool resolve_is_test(const struct visit *visit, struct ip sender, wall_t mailed);

#endif
