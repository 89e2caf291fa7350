/* sample_log.h - which heads of messages are kept, and the thread that keeps them.
 *
 * Why:     a sample is a convenience, the hit is the promise: compressing and storing it must not delay the
 *          next "250".
 * Rule:    <store/sample.h>. The file decides (sample_file.h). What the writer of hits.db asks is a memory in
 *          front of it: it may forget, then a copy is made for nothing; it never says "kept" of what is not
 *          in the file or on its way there.
 * Limits:  SAMPLE_QUEUE_BYTES wait, then samples are dropped.
 * Threads: sample_copy, sample_offer and sample_drop on the writer thread of hits.db; a thread of its own
 *          writes.
 * Tests:   tests/unit/store/test_sample.c, test_sample_budget.c
 */
#ifndef STORE_SAMPLE_LOG_H
#define STORE_SAMPLE_LOG_H

#include <base/config.h>
#include <store/record.h>

enum { SAMPLE_QUEUE_BYTES = 16 << 20, SAMPLE_QUEUE_MAX = 4096 };
struct sample_log;
TRAP_NODISCARD enum trap_err sample_log_open(const char *dir, const struct conf_store *conf,
                                             struct sample_log **out, struct err_text *why);
/* Writes what waits, then ends. */
void sample_log_close(struct sample_log **s);

struct sample_job; /* a copy of a sample on its way */
/* NULL: not to be kept, no memory, or too much waits already. */
struct sample_job *sample_copy(struct sample_log *s, const struct hit *h);
/* Takes the job. `seq` is that of the committed hit. */
void sample_offer(struct sample_log *s, struct sample_job *job, uint64_t seq);
void sample_drop(struct sample_log *s, struct sample_job *job);

/* Takes samples out: those older than `before` (0: none) and those of the hits. Waits until it is done. Any other
 * thread than the two. */
TRAP_NODISCARD enum trap_err sample_log_erase(struct sample_log *s, wall_t before, const uint64_t *hits, size_t n);

#endif
