/* log_filter.h - in which stretches of a log a client or an address may be found.
 *
 * Why:     the indexes of visits.db and hits.db are cut into stretches of 4,096 records, so that an insert
 *          touches a few pages only (docs/adr/0003). Who asks for one client must look once in each: at ten
 *          million records 2,400 pages, 30 to 50 ms. The filter leaves out those where it cannot be.
 * How:     a signature file cut by bits. Each key has two of 65,536 places; each place has a bit for each
 *          stretch. A key is in none of the stretches where either bit is 0. Bits are written when 64 stretches
 *          (262,144 records) are full; behind them every stretch is looked at.
 * Keys:    a client by its /24 or /48, so that a client that retention cut to its network is found as before;
 *          an address by its key in the log.
 * Size:    2 bytes a record and kind in derived.db; about 1 stretch of 60 is looked at for nothing.
 * Wrong:   never misses a record. Erasing leaves bits that lead to nothing.
 * Threads: those of the databases.
 * Tests:   tests/unit/store/test_log_filter.c
 */
#ifndef STORE_LOG_FILTER_H
#define STORE_LOG_FILTER_H

#include <store/file.h>

/* What is full and not yet written, of the logs of one node: at most groups_max groups of a kind (a third of a
 * second each). derived is the folding process's. */
TRAP_NODISCARD enum trap_err log_filter_advance(struct store_db *derived, struct store_db *visits,
                                                struct store_db *hits, uint64_t groups_max);

/* Queries of a log by client or address look there from now on. derived is borrowed and must outlive them. */
void log_filter_use(struct store_db *log, struct store_db *derived);

#endif
