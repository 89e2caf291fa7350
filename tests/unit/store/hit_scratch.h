/* hit_scratch.h - hits.db and samples.db of a scratch directory: open, append and wait. */
#ifndef TESTS_STORE_HIT_SCRATCH_H
#define TESTS_STORE_HIT_SCRATCH_H

#include "scratch.h"

#include <store/hit_log.h>

struct job {
    struct hit_job hit;
    struct waiter *waiter;
};

static inline void on_done(struct commit_job *job, enum trap_err result)
{
    waiter_done(MPSC_OWNER(job, struct job, hit.job)->waiter, result);
}

static inline struct hit_log *open_log(const struct scratch *s, const struct conf_store *conf)
{
    struct hit_log *l = NULL;
    struct err_text why = { "" };

    assert_trap_ok(hit_log_open(s->dir, conf, NULL, NULL, &l, &why), why);
    return l;
}

static inline struct store_db *open_reader(const struct scratch *s, enum store_file f)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, f, STORE_READ, &db, &why), why);
    return db;
}

static inline enum trap_err append(struct hit_log *l, struct job *job, const struct hit *h)
{
    struct waiter w;

    waiter_init(&w);
    waiter_add(&w, 1);
    *job = (struct job){ .hit = { .job = { .done = on_done }, .hit = *h }, .waiter = &w };
    assert_int_equal(hit_log_submit(l, &job->hit), TRAP_OK);
    waiter_wait(&w);
    return w.last;
}

#endif
