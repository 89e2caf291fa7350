#include "keeper.h"

#include <base/log.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 500, FIRST_MS = 60000, PAUSE_MS = 10, FAILED_MS = 60000 };

struct keeper {
    struct keeping k;
    struct conf_keep conf; /* the caller's may be gone before the thread is */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
};

/* ---- what age and order share ---- */

enum trap_err keep_run(struct keeping *k, enum keep_op op)
{
    k->job.db = k->log.db;
    k->job.op = op;
    if (op == KEEP_COUNTERS || op == KEEP_META || op == KEEP_BEGIN || op == KEEP_END)
        k->job.n = 0;
    return keep_job_run(k->log.commit, &k->job, PAUSE_MS);
}

/* What was left of it may be nothing: evidence is made anew for certain. */
static enum trap_err end_cut_off(struct keeping *k, uint64_t id)
{
    k->job.erasure.id = id;
    return keep_end(k, true, NULL, 0);
}

struct wanted {
    uint64_t id;
    struct erasure found;
};

static enum trap_err find(const struct erasure *e, void *arg)
{
    struct wanted *w = arg;

    if (e->id == w->id)
        w->found = *e;
    return TRAP_OK;
}

enum trap_err keep_begin(struct keeping *k, const struct erasure *e)
{
    struct wanted w = { .id = 0 };
    int64_t id = 0;
    enum trap_err err = db_meta_get(k->reader, KEEP_UNDER_WAY, 0, &id);

    w.id = (uint64_t)id;
    if (err == TRAP_OK && id != 0)
        err = erasure_each(k->reader, find, &w);
    if (err != TRAP_OK)
        return err;
    if (id != 0 && w.found.kind == e->kind) {
        k->job.erasure = w.found;
        return TRAP_OK;
    }
    if (id != 0)
        err = end_cut_off(k, w.id);
    k->job.erasure = *e;
    return err == TRAP_OK ? keep_run(k, KEEP_BEGIN) : err;
}

enum trap_err keep_end(struct keeping *k, bool changes, const char *mark, uint64_t mark_seq)
{
    k->job.changes = changes;
    k->job.mark = mark;
    k->job.mark_seq = mark_seq;
    return keep_run(k, KEEP_END);
}

/* ---- the thread ---- */

static enum trap_err turn(struct keeping *k, bool by_age)
{
    struct err_text why = { "" };
    enum trap_err err = TRAP_OK;

    if (k->reader == NULL)
        err = store_open(k->log.db->dir, k->log.db->file, STORE_READ, &k->reader, &why);
    if (err != TRAP_OK) {
        log_error("store.keep.open", LOG_STR("error", why.text));
        return err;
    }
    err = keep_forget(k);
    if (err == TRAP_OK && by_age) {
        const wall_t now = wall_now();
        int64_t id = 0;
        bool believed = false;

        err = keep_believe(k, now, &believed);
        if (err == TRAP_OK && believed)
            err = keep_by_age(k, now);
        if (err == TRAP_OK)
            err = db_meta_get(k->reader, KEEP_UNDER_WAY, 0, &id);
        if (err == TRAP_OK && id != 0)
            err = end_cut_off(k, (uint64_t)id);
    }
    if (err != TRAP_OK && err != TRAP_ECLOSED)
        log_warning("store.keep.failed", LOG_STR("file", k->log.db->path), LOG_STR("result", err_name(err)),
                    LOG_STR("next", "tried again in a minute"));
    return err;
}

/* Until `until`, or the end. */
static void pause_until(struct keeper *k, mono_t until)
{
    const struct timespec t = { .tv_sec = until.ms / 1000, .tv_nsec = until.ms % 1000 * 1000000 };

    (void)pthread_mutex_lock(&k->lock);
    while (!atomic_load(&k->k.stop) && mono_now().ms < until.ms)
        (void)pthread_cond_timedwait(&k->stopped, &k->lock, &t);
    (void)pthread_mutex_unlock(&k->lock);
}

static void *keeper_main(void *arg)
{
    struct keeper *k = arg;
    const span_t every = k->k.log.conf->every;
    mono_t next = mono_add(mono_now(), SPAN_MS(every.ms < FIRST_MS ? every.ms : FIRST_MS));

    while (!atomic_load(&k->k.stop)) {
        const bool by_age = every.ms > 0 && mono_now().ms >= next.ms;
        const enum trap_err err = turn(&k->k, by_age);

        if (by_age)
            next = mono_add(mono_now(), err == TRAP_OK || every.ms < FAILED_MS ? every : SPAN_MS(FAILED_MS));
        pause_until(k, mono_add(mono_now(), SPAN_MS(LOOK_MS)));
    }
    return NULL;
}

enum trap_err keeper_start(const struct keeper_log *log, struct keeper **out, struct err_text *why)
{
    struct keeper *k = calloc(1, sizeof *k);
    pthread_condattr_t attr;

    err_text_set(why, "%s: the keeper thread cannot start", log->db->path);
    if (k == NULL)
        return TRAP_ENOMEM;
    k->k.log = *log;
    k->conf = *log->conf;
    k->k.log.conf = &k->conf;
    k->k.begun = mono_now();
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&k->stopped, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&k->thread, NULL, keeper_main, k) != 0) {
        free(k);
        return TRAP_ENOMEM;
    }
    *out = k;
    return TRAP_OK;
}

void keeper_stop(struct keeper **kp)
{
    struct keeper *k = *kp;

    *kp = NULL;
    if (k == NULL)
        return;
    (void)pthread_mutex_lock(&k->lock);
    atomic_store(&k->k.stop, true);
    (void)pthread_cond_signal(&k->stopped);
    (void)pthread_mutex_unlock(&k->lock);
    (void)pthread_join(k->thread, NULL);
    store_close(&k->k.reader);
    (void)pthread_cond_destroy(&k->stopped);
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}
