/* commit_scratch.h - the log of hits in a scratch directory, with jobs that a test counts and waits for. */
#ifndef TESTS_STORE_COMMIT_SCRATCH_H
#define TESTS_STORE_COMMIT_SCRATCH_H

#include "scratch.h"

#include <store/hit_log.h>

#include <stdatomic.h>

/* Jobs are real hits, so that apply() is the log's own. */
static inline struct hit hit_of(unsigned producer, unsigned number)
{
    static const struct hit_rcpt rcpt = { .klass = RCPT_MINTED,
                                          .address = BYTES_INIT("a@quellwerft.example") };

    return (struct hit){ .at = { 1 },
                         .session = producer,
                         .sender = ip_v4(9, 9, 9, 9),
                         .local = ip_v4(9, 9, 9, 8),
                         .size = number,
                         .rcpts = &rcpt,
                         .rcpt_count = 1 };
}

struct hit_work {
    struct hit_job job;
    struct waiter *waiter;
    enum trap_err result;
    atomic_uint *order;
    unsigned done_at;
};

static inline void on_done(struct commit_job *job, enum trap_err result)
{
    struct hit_work *w = MPSC_OWNER(job, struct hit_work, job.job);

    w->result = result;
    if (w->order != NULL)
        w->done_at = atomic_fetch_add(w->order, 1);
    waiter_done(w->waiter, result);
}

static atomic_uint batches_seen;

static inline void on_batch(void *arg)
{
    (void)arg;
    atomic_fetch_add(&batches_seen, 1);
}

static inline struct hit_log *open_log(const struct scratch *s, const struct conf_store *conf)
{
    struct hit_log *l = NULL;
    struct err_text why = { "" };

    atomic_store(&batches_seen, 0);
    assert_trap_ok(hit_log_open(s->dir, conf, on_batch, NULL, &l, &why), why);
    return l;
}

static inline void submit(struct hit_log *l, struct hit_work *w, struct waiter *waiter, const struct hit *h)
{
    w->job = (struct hit_job){ .job = { .done = on_done }, .hit = *h };
    w->waiter = waiter;
    waiter_add(waiter, 1);
    assert_int_equal(hit_log_submit(l, &w->job), TRAP_OK);
}

static inline int64_t count(const struct scratch *s)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };
    uint64_t last = 0, erased = 0;

    assert_trap_ok(store_open(s->dir, STORE_HITS, STORE_READ, &db, &why), why);
    assert_int_equal(hit_bounds(db, &last, &erased), TRAP_OK);
    store_close(&db);
    return (int64_t)last;
}

static inline enum trap_err one(struct hit_log *l, struct hit_work *work)
{
    const struct hit h = hit_of(1, 0);
    struct waiter w;

    waiter_init(&w);
    submit(l, work, &w, &h);
    waiter_wait(&w);
    return w.last;
}

#endif
