/* visit_table.h - all visits of a node by sequence, for a rebuild: 40 bytes each instead of a query a hit.
 *
 * Memory:  up to TABLE_MEMORY_MAX bytes (13.4 M visits) in memory; a larger one lies in a file without a name beside
 *          derived.db, mapped, so that the kernel keeps of it what there is memory for.
 * Keeps:   what the fold asks of a visit: time, client, recipe, flags.
 * Errors:  TRAP_ENOMEM, TRAP_EFULL (no room for the file), TRAP_EIO, TRAP_ECORRUPT (sequences do not ascend).
 * Threads: filled by one, then read by any. Tests: tests/unit/correlate/test_visit_table.c
 */
#ifndef CORRELATE_VISIT_TABLE_H
#define CORRELATE_VISIT_TABLE_H

#include <store/evidence.h>
#include <store/record.h>

#define TABLE_MEMORY_MAX ((size_t)512 << 20)

struct visit_table;
/* For sequences first .. last. memory_max: 0 = TABLE_MEMORY_MAX. */
TRAP_NODISCARD enum trap_err visit_table_new(const struct store_db *derived, uint64_t first, uint64_t last,
                                             size_t memory_max, struct visit_table **out);
void visit_table_free(struct visit_table **t);
TRAP_NODISCARD enum trap_err visit_table_add(struct visit_table *t, const struct visit *v);
/* Without texts, epoch and serial; false where there is none. */
bool visit_table_get(const struct visit_table *t, uint64_t seq, struct visit *out);

#endif
