/* published.h - published.db: what was really published, append-only: the audit trail of RFC 6471 section
 * 2.3.
 *
 * Why:     not derivable from the log: serials, additions and removals with reasons, the policy in force, who
 *          was saved by a list.
 * Threads: one per struct store_db. Written by trapexport alone. Tests: tests/unit/store/test_published.c
 */
#ifndef STORE_PUBLISHED_H
#define STORE_PUBLISHED_H

#include <store/file.h>
#include <base/ip.h>

struct published_set {
    uint32_t serial;         /* SOA serial; only grows */
    wall_t as_of, at;        /* evidence up to; published at */
    struct bytes policy_digest, manifest_digest; /* hex */
    uint64_t entries;
};
enum published_change_kind { PUBLISHED_ADDED = 1, PUBLISHED_REMOVED = 2, PUBLISHED_SAVED = 3 /* would be listed; a list forbids it */ };
struct published_change {
    uint32_t serial;
    struct bytes zone;
    struct prefix prefix;
    uint8_t kind;
    struct bytes reason;     /* "evidence", "expired", "delisted", "never-list 192.0.2.0/24", … */
    wall_t until;            /* of the listing */
};

TRAP_NODISCARD enum trap_err published_last(struct store_db *db, struct published_set *out); /* TRAP_ENOENT: none; digests not set */
/* One transaction; durable before it returns. */
TRAP_NODISCARD enum trap_err published_append(struct store_db *db, const struct published_set *set,
                                              const struct published_change *changes, size_t n, struct err_text *why);
typedef enum trap_err published_fn(const struct published_change *c, void *arg);
/* Entries on a zone now: added and not removed since; in prefix order. */
TRAP_NODISCARD enum trap_err published_members(struct store_db *db, struct bytes zone, published_fn *fn, void *arg);
/* How many PUBLISHED_SAVED are on record: each that a list began to keep off a zone. */
TRAP_NODISCARD enum trap_err published_saved(struct store_db *db, uint64_t *out);
/* History of a prefix, newest first. */
TRAP_NODISCARD enum trap_err published_history(struct store_db *db, struct prefix p, uint32_t limit, published_fn *fn, void *arg);

#endif
