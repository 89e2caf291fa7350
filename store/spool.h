/* spool.h - any number of rows in, the same rows sorted and joined out, in bounded memory.
 *
 * How:     rows of one size whose first bytes are the key, compared as memcmp does. A full buffer is sorted, equal keys
 *          are joined, and it goes to a temporary file as a run; at the end the runs are merged.
 * Limits:  memory: rows_max * (row_bytes + 48) bytes while a run is sorted, MERGE_BYTES a run while they are merged.
 *          The temporary file has no name: it is gone with the process.
 * Errors:  TRAP_ENOMEM, TRAP_EFULL, TRAP_EIO; they stick and are told by spool_each().
 * Threads: one per struct. Tests: tests/unit/store/test_spool.c
 */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include <base/bytes.h>
#include <base/err.h>

enum { SPOOL_ROW_MAX = 96 };
struct spool_kind {
    size_t key_bytes, row_bytes; /* key_bytes <= row_bytes, 16 <= row_bytes <= SPOOL_ROW_MAX */
    void (*join)(uint8_t *into, const uint8_t *other); /* equal keys; must not care about the order */
};
struct spool;
/* dir: of the temporary file. */
TRAP_NODISCARD enum trap_err spool_new(const struct spool_kind *kind, const char *dir, size_t rows_max,
                                       struct spool **out);
void spool_free(struct spool **s);
void spool_add(struct spool *s, const uint8_t *row);
/* Moves all rows of *from into `into` (of the same kind) and frees it. */
void spool_take(struct spool *into, struct spool **from);
/* All rows, ascending, each key once; the spool is empty afterwards. fn ends the walk by an error. */
typedef enum trap_err spool_fn(const uint8_t *row, void *arg);
TRAP_NODISCARD enum trap_err spool_each(struct spool *s, spool_fn *fn, void *arg);

#endif
