/* sample.h - samples.db: which heads of messages are kept, and the thread that keeps them.
 *
 * Why:     a sample is a convenience, the hit is the promise: compressing and storing it must not delay the
 *          next "250".
 * Rule:    a message is kept when its digest is new or its sender is new today, but never more than
 *          SAMPLES_PER_SENDER_DAY of one sender key and UTC day. What is remembered for that is bounded and
 *          may forget: then a few more are kept.
 * Limits:  SAMPLE_QUEUE_BYTES wait, then samples are dropped; samples.db takes at most samples_max_bytes, the
 *          oldest go first.
 * Threads: sample_wants and sample_offer on the writer thread of hits.db; a thread of its own writes.
 * Tests:   tests/unit/store/test_hit_log.c
 */
#ifndef STORE_SAMPLE_H
#define STORE_SAMPLE_H

#include "db.h"

#include <store/record.h>

enum { SAMPLES_PER_SENDER_DAY = 3, SAMPLE_QUEUE_BYTES = 16 << 20, SAMPLE_QUEUE_MAX = 4096 };
struct sample_log;
TRAP_NODISCARD enum trap_err sample_log_open(const char *dir, const struct conf_store *conf,
                                             struct sample_log **out, struct err_text *why);
/* Writes what waits, then ends. */
void sample_log_close(struct sample_log **s);

/* Shall this hit's sample be kept? Remembers that it is, so ask once. */
bool sample_wants(struct sample_log *s, const struct hit *h);

struct sample_job; /* a copy of a sample on its way */
/* NULL: no memory, or too much waits already. */
struct sample_job *sample_copy(struct sample_log *s, const struct hit *h);
/* Takes the job. `seq` is that of the committed hit. */
void sample_offer(struct sample_log *s, struct sample_job *job, uint64_t seq);
void sample_drop(struct sample_log *s, struct sample_job *job);

#endif
