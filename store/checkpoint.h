/* checkpoint.h - a thread that keeps one WAL short, with a connection of its own.
 *
 * Why:     a checkpoint in the writer's way would delay commits by its two fsyncs and by all pages it copies.
 * How:     PASSIVE copies what no reader needs and never waits. A writer that never rests appends faster than
 *          PASSIVE ends, so that the WAL would never start anew: beyond twice the limit the writer is held at
 *          its gate, between two batches, for a
 *          RESTART: it copies what was appended since and waits, 100 ms at most, for the readers of the WAL
 *                   to end (the query layer
 *          ends each within 50 ms). Where one does not, the next attempt is a second later. (Asking for the
 *          write lock instead does not do: SQLite polls for it, and a busy writer was never caught: 210 MB of
 *          WAL with a limit of 4.) The main file is synced before that, so that two short fsyncs are all that
 *          the writer waits for. Attempts come a quarter of the limit apart: each costs an fsync beside those
 *          of the writer.
 * Threads: enter, leave and poke on the writer's.
 * Tests:   tests/unit/store/test_commit_disk.c
 */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "db.h"

struct checkpoint;
TRAP_NODISCARD enum trap_err checkpoint_start(const struct store_db *db, uint64_t wal_max_bytes,
                                              struct checkpoint **out, struct err_text *why);
/* Around each batch of the writer. */
void checkpoint_enter(struct checkpoint *k);
void checkpoint_leave(struct checkpoint *k);
/* The WAL holds so many bytes now. Returns at once. */
void checkpoint_poke(struct checkpoint *k, uint64_t wal_bytes);
void checkpoint_stop(struct checkpoint **k);
uint64_t checkpoint_count(const struct checkpoint *k);

#endif
