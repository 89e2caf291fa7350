/* sample_file.h - samples.db within its byte budget.
 *
 * Budget:  samples.db and its WAL together never take more than samples_max bytes (the index of the WAL,
 *          samples.db-shm, is 32 kB apart). The file has a highest number of pages; the WAL has a quarter of
 *          the budget, at most SAMPLE_WAL_MAX and one and a half samples, and is copied back before it would
 *          be longer. A sample for which no room can be made is not kept. Under SAMPLE_BUDGET_MIN none is.
 *          A file larger than its budget, which was made smaller, is cut down and written anew by
 *          sample_file_fit(); while that lasts it takes more.
 * Errors:  TRAP_EBUSY: a reader holds the WAL, which has no room left.
 * Durable: no. synchronous = NORMAL: a power cut may cost the last samples, never the file.
 * Threads: one.
 * Tests:   tests/unit/store/test_sample_budget.c
 */
#ifndef STORE_SAMPLE_FILE_H
#define STORE_SAMPLE_FILE_H

#include "db.h"

#include <base/buf.h>

enum { SAMPLE_WAL_MAX = 4 << 20, SAMPLE_BUDGET_MIN = 1 << 20, SAMPLE_RAW_MAX = 64 << 20 };
enum { SAMPLE_HEADER_ONLY = 4 }; /* or-ed to enum sample_form in the file */

struct sample_row {
    uint64_t hit, digest;
    wall_t at;
    struct bytes sender; /* key */
    uint8_t form;        /* enum sample_form, SAMPLE_HEADER_ONLY */
    struct bytes data;
};
enum sample_fate {
    SAMPLE_KEPT,
    SAMPLE_KNOWN,      /* its digest is in the file, as complete as this one */
    SAMPLE_ENOUGH,     /* its sender has had its number of the day */
    SAMPLE_HAS_NO_ROOM /* it is larger than the budget allows */
};

struct sample_file {
    struct store_db *db;
    uint64_t pages_max, wal_max; /* pages_max 0: nothing is kept */
    uint64_t wal_bytes;
    struct buf packed;
    void (*gone)(void *arg, uint64_t digest); /* a sample left the file */
    void *arg;
};

/* The caller has set gone and arg; the rest of *f is zero, and *f does not move from then on. */
TRAP_NODISCARD enum trap_err sample_file_open(struct sample_file *f, const char *dir,
                                              const struct conf_store *conf, struct err_text *why);
/* Brings the file into its budget. May take long. */
TRAP_NODISCARD enum trap_err sample_file_fit(struct sample_file *f);
TRAP_NODISCARD enum trap_err sample_file_put(struct sample_file *f, const struct sample_row *row,
                                             enum sample_fate *fate_out);
/* Samples older than `before`, and those of the hits. */
TRAP_NODISCARD enum trap_err sample_file_erase(struct sample_file *f, wall_t before, const uint64_t *hits, size_t n);
/* The oldest, an eighth of the pages; all where there are few. The WAL is empty behind it, if nobody reads. */
TRAP_NODISCARD enum trap_err sample_file_shrink(struct sample_file *f);
void sample_file_close(struct sample_file *f);

#endif
