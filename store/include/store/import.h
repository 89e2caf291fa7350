/* import.h - records with sequences and times of their own, into the logs of a state directory that no daemon
 * uses.
 *
 * Why:     tests, replays and moves: a log with its own clock (docs/events.md).
 * Rule:    each log takes its records in rising sequence, above what it holds; seq 0 is the next one. A
 *          visit's epoch and serial follow from its sequence and the epochs, as in the file.
 * Durable: after store_import_close(); until then in large transactions. After a failure what was committed
 *          stays.
 * Errors:  TRAP_EBUSY a daemon runs; TRAP_EINVAL a sequence or an epoch that is not above the last.
 * Threads: one. Tests: tests/unit/store/test_import.c, tests/functional/test_events.py
 */
#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

#include <store/erasure.h>
#include <store/record.h>
#include <store/visit_log.h>

struct store_import;
/* Takes the locks of visits.db and hits.db. */
TRAP_NODISCARD enum trap_err store_import_open(const char *dir, struct store_import **out,
                                               struct err_text *why);
/* Commits when commit is true, else leaves what is not committed; gives back the locks. */
TRAP_NODISCARD enum trap_err store_import_close(struct store_import **i, bool commit, struct err_text *why);
uint8_t store_import_node(const struct store_import *i);

/* *v gets its seq, epoch and serial. VISIT_NOT_SHOWN is kept. */
TRAP_NODISCARD enum trap_err store_import_visit(struct store_import *i, struct visit *v);
TRAP_NODISCARD enum trap_err store_import_hit(struct store_import *i, const struct hit *h);
TRAP_NODISCARD enum trap_err store_import_session(struct store_import *i, const struct session_record *s);
TRAP_NODISCARD enum trap_err store_import_counter(struct store_import *i, const struct counter_row *c);
TRAP_NODISCARD enum trap_err store_import_act(struct store_import *i, const struct act *a);
/* first_seq 0: the next visit is its first. Announces it (epochs.h). */
TRAP_NODISCARD enum trap_err store_import_epoch(struct store_import *i, const struct visit_epoch *e);
/* Sequences up to `upto` were given and are not there; the highest that was ever given is `last` (0:
 * unknown). */
TRAP_NODISCARD enum trap_err store_import_erased(struct store_import *i, enum record_log log, uint64_t upto,
                                                 uint64_t last);
TRAP_NODISCARD enum trap_err store_import_erasure(struct store_import *i, enum record_log log,
                                                  const struct erasure *e);

/* The visit that has a sequence, also one of this import: for those who mint its addresses. */
TRAP_NODISCARD enum trap_err store_import_find(struct store_import *i, uint64_t seq, struct visit *out);

#endif
