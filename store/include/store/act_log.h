/* act_log.h - acts.db: appended by short transactions of several programs (BEGIN IMMEDIATE, busy timeout 5 s,
 * <= 100 rows).
 *
 * Threads: one per struct store_db (opened with STORE_WRITE to append).
 * Tests:   tests/unit/store/test_act_log.c
 */
#ifndef STORE_ACT_LOG_H
#define STORE_ACT_LOG_H

#include <base/ip.h>
#include <store/file.h>
#include <store/record.h>

enum { ACT_BATCH_MAX = 100 };
typedef enum trap_err act_fn(const struct act *a, void *arg);

/* Appends all or none; seq of each is filled in. More than ACT_BATCH_MAX is the caller's mistake. */
TRAP_NODISCARD enum trap_err act_append(struct store_db *db, struct act *acts, size_t n, struct err_text *why);
TRAP_NODISCARD enum trap_err act_each(struct store_db *db, uint64_t after, uint32_t limit, act_fn *fn, void *arg, uint64_t *last_out);
/* Those of some kinds (bits 1 << kind) that were on record by as_of and not taken back by then, in order; also
 * those that have ended. What takes back can be taken back itself, by something newer. An act `revoke` that
 * cannot be read: TRAP_ECORRUPT. */
TRAP_NODISCARD enum trap_err act_each_standing(struct store_db *db, wall_t as_of, uint32_t kinds, act_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err act_last(struct store_db *db, uint64_t *last_out);
/* The same without look-ups (store/lookup.h) and extracts, of which there may be millions: what people ruled. */
TRAP_NODISCARD enum trap_err act_each_rule(struct store_db *db, uint64_t after, uint32_t limit, act_fn *fn, void *arg,
                                           uint64_t *last_out);
TRAP_NODISCARD enum trap_err act_last_rule(struct store_db *db, uint64_t *last_out);
/* Takes out what look-ups found of the addresses of a prefix. Append the act that says so first: a sequence is never
 * given twice. */
TRAP_NODISCARD enum trap_err act_forget(struct store_db *db, struct prefix p, uint64_t *erased_out, struct err_text *why);

#endif
