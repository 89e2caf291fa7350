/* Writer of hits.db. Runs on the commit thread but for open, submit and close. */
#include "hit_row.h"
#include "keeper.h"
#include "sample_log.h"

#include <store/hit_log.h>

#include <stdlib.h>

enum { GATHER_US = 1000 };

struct hit_log {
    struct store_db *db;
    struct commit *commit;
    struct sample_log *samples;
    struct keeper *keeper;
    void (*batch_done)(void *);
    void *batch_arg;
    bool loaded; /* the two below are what the file says */
    uint64_t next_hit, next_session;
    struct {
        struct sample_job *job;
        uint64_t seq;
    } * copies; /* of the present batch: batch_max places */
    size_t copy_count, copy_max;
};

/* ---- what the file says ---- */

static enum trap_err load(struct hit_log *l)
{
    uint64_t last_hit = 0, last_session = 0, erased = 0;
    enum trap_err err = hit_bounds(l->db, &last_hit, &erased);

    if (err == TRAP_OK)
        err = session_bounds(l->db, &last_session, &erased);
    if (err != TRAP_OK)
        return err;
    l->next_hit = last_hit + 1;
    l->next_session = last_session + 1;
    l->loaded = true;
    return TRAP_OK;
}

static void forget(void *log)
{
    struct hit_log *l = log;

    l->loaded = false;
    while (l->copy_count > 0)
        sample_drop(l->samples, l->copies[--l->copy_count].job);
}

/* After done() of each: the samples of what is durable now go their own way. */
static void on_batch_done(void *log)
{
    struct hit_log *l = log;

    if (l->batch_done != NULL)
        l->batch_done(l->batch_arg);
    for (size_t i = 0; i < l->copy_count; i++)
        sample_offer(l->samples, l->copies[i].job, l->copies[i].seq);
    l->copy_count = 0;
}

/* ---- hits ---- */

static void copy_sample(struct hit_log *l, const struct hit *h)
{
    struct sample_job *job;

    if (l->copy_count == l->copy_max)
        return;
    job = sample_copy(l->samples, h);
    if (job == NULL)
        return;
    l->copies[l->copy_count].job = job;
    l->copies[l->copy_count++].seq = l->next_hit;
}

static enum trap_err apply_hit(struct commit_job *job, void *log)
{
    struct hit_log *l = log;
    struct hit *h = &MPSC_OWNER(job, struct hit_job, job)->hit;
    enum trap_err err = l->loaded ? TRAP_OK : load(l);

    if (err == TRAP_OK)
        err = hit_row_insert(l->db, l->next_hit, h);
    if (err != TRAP_OK)
        return err;
    copy_sample(l, h);
    h->seq = l->next_hit++;
    return TRAP_OK;
}

/* ---- session records ---- */

static enum trap_err apply_session(struct commit_job *job, void *log)
{
    struct hit_log *l = log;
    struct session_record *s = &MPSC_OWNER(job, struct session_job, job)->session;
    enum trap_err err = l->loaded ? TRAP_OK : load(l);

    if (err == TRAP_OK)
        err = session_row_insert(l->db, l->next_session, s);
    if (err == TRAP_OK)
        s->seq = l->next_session++;
    return err;
}

/* ---- counter rows ---- */

static enum trap_err apply_counter(struct commit_job *job, void *log)
{
    struct hit_log *l = log;
    const struct counter_job *c = MPSC_OWNER(job, struct counter_job, job);
    const struct counter_row row = { .sender = ip_key(c->sender),
                                     .hour = wall_hour(c->at),
                                     .count = c->n,
                                     .first = c->at,
                                     .last = c->at };

    return counter_row_add(l->db, &row);
}

enum trap_err hit_log_submit(struct hit_log *l, struct hit_job *job)
{
    job->job.apply = apply_hit;
    return commit_submit(l->commit, &job->job);
}

enum trap_err hit_log_submit_session(struct hit_log *l, struct session_job *job)
{
    job->job.apply = apply_session;
    return commit_submit(l->commit, &job->job);
}

enum trap_err hit_log_submit_counter(struct hit_log *l, struct counter_job *job)
{
    job->job.apply = apply_counter;
    return commit_submit(l->commit, &job->job);
}

/* ---- open and close ---- */

static enum trap_err start(struct hit_log *l, const struct conf_store *conf, struct err_text *why)
{
    const struct commit_options o = {
        .queue_max = conf->queue_max,
        .batch_max = conf->batch_max,
        .gather_us = GATHER_US,
        .wal_max_bytes = conf->wal_max_bytes,
        .free_min_bytes = conf->free_min_bytes,
        .total_max_bytes = conf->total_max_bytes,
        .log = l,
        .rolled_back = forget,
        .batch_done = on_batch_done,
        .batch_arg = l,
    };
    const enum trap_err err = load(l);

    if (err != TRAP_OK) {
        err_text_set(why, "%s: %s", l->db->path, db_error_text(l->db));
        return err;
    }
    return commit_start(l->db, &o, &l->commit, why);
}

enum trap_err hit_log_open(const char *dir, const struct conf_store *conf, void (*batch_done)(void *),
                           void *batch_arg, struct hit_log **out, struct err_text *why)
{
    struct hit_log *l = calloc(1, sizeof *l);
    enum trap_err err = TRAP_OK;

    if (l != NULL)
        l->copies = calloc(conf->batch_max, sizeof *l->copies);
    if (l == NULL || l->copies == NULL) {
        err_text_set(why, "%s/%s: out of memory", dir, store_file_name(STORE_HITS));
        err = TRAP_ENOMEM;
        goto fail;
    }
    l->copy_max = conf->batch_max;
    l->batch_done = batch_done;
    l->batch_arg = batch_arg;
    err = store_open(dir, STORE_HITS, STORE_WRITE, &l->db, why);
    if (err == TRAP_OK)
        err = sample_log_open(dir, conf, &l->samples, why);
    if (err == TRAP_OK)
        err = start(l, conf, why);
    if (err == TRAP_OK) {
        const struct keeper_log log = { l->db, l->commit, l->samples, &conf->keep };

        err = keeper_start(&log, &l->keeper, why);
    }
    if (err == TRAP_OK) {
        *out = l;
        return TRAP_OK;
    }
fail:
    hit_log_close(&l);
    return err;
}

void hit_log_close(struct hit_log **lp)
{
    struct hit_log *l = *lp;

    *lp = NULL;
    if (l == NULL)
        return;
    keeper_stop(&l->keeper);
    commit_stop(&l->commit);
    sample_log_close(&l->samples);
    store_close(&l->db);
    free(l->copies);
    free(l);
}

struct commit *hit_log_commit(struct hit_log *l)
{
    return l->commit;
}
