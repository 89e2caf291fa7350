/* sample_scratch.h - hits with samples, and waiting for what becomes of them. */
#ifndef TESTS_STORE_SAMPLE_SCRATCH_H
#define TESTS_STORE_SAMPLE_SCRATCH_H

#include "hit_scratch.h"

#include <store/sample.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct hit_rcpt minted = { .klass = RCPT_MINTED, .address = BYTES_INIT("a@quellwerft.example") };

static inline struct hit plain(unsigned sender, uint64_t digest, struct bytes sample)
{
    return (struct hit){ .at = { 1772366400000001 },
                         .sender = ip_v4(203, 0, (uint8_t)(sender >> 8), (uint8_t)sender),
                         .helo = BYTES("h"),
                         .digest = digest,
                         .rcpts = &minted,
                         .rcpt_count = 1,
                         .sample = sample };
}

static inline void add(struct hit_log *l, const struct hit *h)
{
    struct job job;

    assert_int_equal(append(l, &job, h), TRAP_OK);
}

static inline uint64_t kept_in_all(const struct scratch *s)
{
    struct store_db *db = open_reader(s, STORE_SAMPLES);
    uint64_t count = 0, bytes = 0;

    assert_int_equal(sample_count(db, &count, &bytes), TRAP_OK);
    assert_true(bytes == scratch_size(s, "samples.db"));
    store_close(&db);
    return count;
}

/* Waits until what was offered is in the file, or is not going to be. */
static inline void settle(struct hit_log **l, const struct scratch *s, const struct conf_store *conf)
{
    hit_log_close(l);
    *l = open_log(s, conf);
}

#endif
