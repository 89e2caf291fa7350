#include "sample_log.h"

#include "sample_file.h"

#include <base/log.h>
#include <base/mpsc.h>
#include <mail/header.h>
#include <mail/keyed.h>
#include <store/budget.h>
#include <store/sample.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MEMORY_PLACES = 1 << 16 };

/* Direct-mapped: a newer entry takes the place of an older one. Written by both threads, each entry by
 * itself: all that a lost write can do is a copy made for nothing. */
struct memory {
    atomic_uint_least64_t place[MEMORY_PLACES];
};

static bool remembers(struct memory *m, uint64_t v)
{
    return atomic_load_explicit(&m->place[v % MEMORY_PLACES], memory_order_relaxed) == v;
}

static void remember(struct memory *m, uint64_t v)
{
    atomic_store_explicit(&m->place[v % MEMORY_PLACES], v, memory_order_relaxed);
}

static void forget(struct memory *m, uint64_t v)
{
    uint_least64_t expected = v;

    (void)atomic_compare_exchange_strong(&m->place[v % MEMORY_PLACES], &expected, 0);
}

struct sample_log {
    struct sample_file file; /* its thread alone, after open */
    struct budget budget;    /* so */
    mono_t made_room;        /* so: budget.looked of the last time */
    struct mpsc queue;
    pthread_t thread;
    bool running;
    atomic_size_t queued_bytes;
    struct hash_key key;
    struct memory digests; /* in the file, or on the way there; see digest_key */
    struct memory senders; /* have had their number of a day */
};

struct erase_order {
    wall_t before;
    const uint64_t *hits;
    size_t n;
    enum trap_err result;
    sem_t done;
};

struct sample_job {
    struct mpsc_node node;
    struct erase_order *erase; /* NULL: a sample to be kept */
    uint64_t seq, digest;
    wall_t at;
    uint8_t form; /* enum sample_form, SAMPLE_HEADER_ONLY */
    uint8_t sender_n, sender[16];
    size_t n;
    uint8_t data[];
};

/* A header alone is remembered apart: it does not stand for the whole. */
static uint64_t digest_key(uint64_t digest, bool header_only)
{
    const uint64_t key = header_only ? digest * 0x9e3779b97f4a7c15u ^ digest >> 32 : digest;

    return key != 0 ? key : 1;
}

static void remember_digest(struct sample_log *s, uint64_t digest, bool header_only)
{
    remember(&s->digests, digest_key(digest, true));
    if (!header_only)
        remember(&s->digests, digest_key(digest, false));
}

static void forget_digest(void *arg, uint64_t digest)
{
    struct sample_log *s = arg;

    forget(&s->digests, digest_key(digest, true));
    forget(&s->digests, digest_key(digest, false));
}

static uint64_t sender_key(const struct sample_log *s, const struct sample_job *job)
{
    uint8_t text[sizeof job->sender + 4];
    const uint32_t day = wall_day(job->at);

    memcpy(text, job->sender, job->sender_n);
    memcpy(text + job->sender_n, &day, sizeof day);
    return keyed_hash(&s->key, bytes_of(text, job->sender_n + sizeof day)) | 1;
}

/* ---- on the writer thread of hits.db ---- */

/* People wrote to these addresses once, or mean to write to others: what they say is not kept. Nobody writes
 * to the others but for a reason of their own. */
static bool is_header_only(const struct hit *h)
{
    for (size_t i = 0; i < h->rcpt_count; i++) {
        const unsigned klass = h->rcpts[i].klass & RCPT_CLASS_MASK;

        if (klass != RCPT_RECYCLED && klass != RCPT_TYPO)
            return false;
    }
    return true;
}

struct sample_job *sample_copy(struct sample_log *s, const struct hit *h)
{
    const bool header_only = is_header_only(h);
    struct sample_job *job;

    if (h->sample.n == 0 || remembers(&s->digests, digest_key(h->digest, header_only)) ||
        atomic_load(&s->queued_bytes) + h->sample.n > SAMPLE_QUEUE_BYTES)
        return NULL;
    job = malloc(sizeof *job + h->sample.n);
    if (job == NULL)
        return NULL;
    job->erase = NULL;
    job->digest = h->digest;
    job->at = h->at;
    job->form = (h->flags & HIT_BDAT) != 0 ? SAMPLE_CHUNKS : SAMPLE_DATA;
    if (header_only)
        job->form |= SAMPLE_HEADER_ONLY;
    job->sender_n = (uint8_t)ip_key_put(ip_key(h->sender), job->sender);
    job->n = h->sample.n;
    if (remembers(&s->senders, sender_key(s, job))) {
        free(job);
        return NULL;
    }
    memcpy(job->data, h->sample.p, h->sample.n);
    atomic_fetch_add(&s->queued_bytes, job->n);
    remember_digest(s, job->digest, header_only);
    return job;
}

static void job_free(struct sample_log *s, struct sample_job *job)
{
    atomic_fetch_sub(&s->queued_bytes, job->n);
    free(job);
}

void sample_drop(struct sample_log *s, struct sample_job *job)
{
    forget_digest(s, job->digest);
    job_free(s, job);
}

void sample_offer(struct sample_log *s, struct sample_job *job, uint64_t seq)
{
    job->seq = seq;
    if (mpsc_push(&s->queue, &job->node) != TRAP_OK)
        sample_drop(s, job);
}

/* ---- on the thread of samples.db ---- */

/* The octets in front of the body. A line that may be a field, but is cut off, is not taken for one. */
static struct bytes header_of(struct bytes wire)
{
    struct header header;
    struct bytes held, body;

    header_init(&header, SIZE_MAX);
    header_feed(&header, wire, &held, &body);
    return bytes_take(wire, wire.n - body.n - (held.n > 0 ? held.n : header.name_len));
}

static enum trap_err put(struct sample_log *s, const struct sample_job *job)
{
    const bool header_only = (job->form & SAMPLE_HEADER_ONLY) != 0;
    const struct bytes wire = bytes_of(job->data, job->n);
    const struct sample_row row = { .hit = job->seq,
                                    .digest = job->digest,
                                    .at = job->at,
                                    .sender = bytes_of(job->sender, job->sender_n),
                                    .form = job->form,
                                    .data = header_only ? header_of(wire) : wire };
    enum sample_fate fate = SAMPLE_HAS_NO_ROOM;
    enum trap_err err = TRAP_OK;

    if (!budget_is_near(&s->budget))
        err = sample_file_put(&s->file, &row, &fate);

    if (err == TRAP_OK && (fate == SAMPLE_KEPT || fate == SAMPLE_KNOWN)) {
        remember_digest(s, job->digest, header_only);
        return TRAP_OK;
    }
    forget_digest(s, job->digest);
    if (err == TRAP_OK && fate == SAMPLE_ENOUGH)
        remember(&s->senders, sender_key(s, job));
    return err;
}

static enum trap_err write_list(struct sample_log *s, struct mpsc_node *list)
{
    enum trap_err err = TRAP_OK;

    while (list != NULL) {
        struct sample_job *job = MPSC_OWNER(list, struct sample_job, node);

        list = list->next;
        if (job->erase != NULL) {
            struct erase_order *o = job->erase;

            o->result = sample_file_erase(&s->file, o->before, o->hits, o->n);
            (void)sem_post(&o->done); /* both are gone after this */
            continue;
        }
        if (err == TRAP_OK)
            err = put(s, job);
        else
            forget_digest(s, job->digest);
        job_free(s, job);
    }
    return err;
}

/* The log wins: near the end of what all databases may take, samples make room for it, whether a new one comes
 * or not. Once for each time that the budget was looked at. */
static enum trap_err make_room(struct sample_log *s)
{
    if (!budget_is_near(&s->budget) || s->budget.looked.ms == s->made_room.ms)
        return TRAP_OK;
    s->made_room = s->budget.looked;
    return sample_file_shrink(&s->file);
}

static mono_t next_look(const struct sample_log *s)
{
    return s->budget.total_max == 0 ? MPSC_FOREVER : (mono_t){ mono_now().ms + BUDGET_LOOK_MS };
}

static void *sample_main(void *arg)
{
    struct sample_log *s = arg;
    struct mpsc_node *list = NULL;
    size_t count = 0;
    bool failing = false;
    enum trap_err err = sample_file_fit(&s->file), got;

    do {
        if (err != TRAP_OK && !failing)
            log_warning("store.samples.failed", LOG_STR("result", err_name(err)),
                        LOG_STR("error", db_error_text(s->file.db)));
        failing = err != TRAP_OK;
        got = mpsc_drain_wait(&s->queue, next_look(s), &list, &count);
        if (got == TRAP_ECLOSED)
            return NULL;
        if (got == TRAP_OK)
            err = write_list(s, list);
        got = make_room(s);
        if (err == TRAP_OK)
            err = got;
    } while (true);
}

/* ---- on any other thread ---- */

enum trap_err sample_log_erase(struct sample_log *s, wall_t before, const uint64_t *hits, size_t n)
{
    struct erase_order order = { .before = before, .hits = hits, .n = n };
    struct sample_job job = { .erase = &order };
    enum trap_err err;

    if (sem_init(&order.done, 0, 0) == -1)
        return TRAP_EIO;
    err = mpsc_push(&s->queue, &job.node);
    if (err == TRAP_OK) {
        while (sem_wait(&order.done) == -1)
            continue;
        err = order.result;
    }
    (void)sem_destroy(&order.done);
    return err;
}

/* ---- open and close ---- */

static void log_free(struct sample_log *s)
{
    if (s->running) {
        mpsc_close(&s->queue);
        (void)pthread_join(s->thread, NULL);
    }
    mpsc_destroy(&s->queue);
    sample_file_close(&s->file);
    free(s);
}

enum trap_err sample_log_open(const char *dir, const struct conf_store *conf, struct sample_log **out,
                              struct err_text *why)
{
    struct sample_log *s = calloc(1, sizeof *s);
    enum trap_err err;

    err_text_set(why, "%s/%s: out of memory", dir, store_file_name(STORE_SAMPLES));
    if (s == NULL)
        return TRAP_ENOMEM;
    keyed_random(s->key.k, sizeof s->key.k);
    s->file.gone = forget_digest;
    s->file.arg = s;
    err = mpsc_init(&s->queue, SAMPLE_QUEUE_MAX);
    if (err != TRAP_OK) {
        free(s);
        return err;
    }
    err = sample_file_open(&s->file, dir, conf, why);
    if (err == TRAP_OK) {
        budget_init(&s->budget, s->file.db->dir, conf);
        s->running = pthread_create(&s->thread, NULL, sample_main, s) == 0;
        err = s->running ? TRAP_OK : TRAP_ENOMEM;
    }
    if (err == TRAP_OK)
        *out = s;
    else
        log_free(s);
    return err;
}

void sample_log_close(struct sample_log **sp)
{
    struct sample_log *s = *sp;

    *sp = NULL;
    if (s != NULL)
        log_free(s);
}
