/* visit_scratch.h - visits.db of a scratch directory: open, append and wait, and what a reader saw last. */
#ifndef TESTS_STORE_VISIT_SCRATCH_H
#define TESTS_STORE_VISIT_SCRATCH_H

#include "scratch.h"

#include <store/visit_log.h>

struct job {
    struct visit_job visit;
    struct waiter *waiter;
};

static inline void on_done(struct commit_job *job, enum trap_err result)
{
    waiter_done(MPSC_OWNER(job, struct job, visit.job)->waiter, result);
}

static inline struct visit_log *open_log(const struct scratch *s)
{
    const struct conf_store conf = scratch_conf();
    struct visit_log *l = NULL;
    struct err_text why = { "" };

    assert_trap_ok(visit_log_open(s->dir, &conf, NULL, NULL, &l, &why), why);
    return l;
}

static inline struct store_db *open_reader(const struct scratch *s)
{
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, STORE_VISITS, STORE_READ, &db, &why), why);
    return db;
}

/* Appends n visits like `like` and waits; the jobs tell what they were given. */
static inline void append(struct visit_log *l, struct job *jobs, size_t n, const struct visit *like)
{
    struct waiter w;

    waiter_init(&w);
    waiter_add(&w, n);
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job){ .visit = { .job = { .done = on_done }, .visit = *like }, .waiter = &w };
        assert_int_equal(visit_log_submit(l, &jobs[i].visit), TRAP_OK);
    }
    waiter_wait(&w);
    assert_int_equal(w.failed, 0);
}

static const struct visit plain = {
    .at = { 1772366400123456 },
    .client = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7 } },
    .site = { (const uint8_t *)"www.a.example", 13 },
    .page = { (const uint8_t *)"/contact", 8 },
    .agent = { (const uint8_t *)"Mozilla/5.0", 11 },
    .recipe = 0x0000000000030201u,
    .flags = VISIT_PROXIED,
};

struct seen {
    size_t n;
    struct visit last;
    char site[64], page[64], agent[64];
};

static inline void keep_text(char out[64], struct bytes in)
{
    (void)snprintf(out, 64, "%.*s", (int)in.n, (const char *)in.p);
}

static inline enum trap_err on_visit(const struct visit *v, void *arg)
{
    struct seen *s = arg;

    s->n++;
    s->last = *v;
    keep_text(s->site, v->site);
    keep_text(s->page, v->page);
    keep_text(s->agent, v->agent);
    return TRAP_OK;
}

#endif
