#include "sample.h"

#include <base/log.h>
#include <base/mpsc.h>
#include <mail/keyed.h>
#include <store/hit_log.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <zstd.h>

enum {
    DIGESTS = 1 << 16,
    SENDERS = 1 << 15,
    ZSTD_LEVEL = 1,
    SAMPLE_RAW_MAX = 64 << 20,
    OLDEST_AT_ONCE = 256
};

/* Direct-mapped memories: a newer entry takes the place of an older one. */
struct sender_slot {
    uint64_t hash;
    uint32_t day, kept;
};
struct sample_log {
    struct store_db *db;
    uint64_t max_bytes;
    struct mpsc queue;
    pthread_t thread;
    bool running;
    atomic_size_t queued_bytes;
    struct hash_key key;
    uint64_t *digests;
    struct sender_slot *senders;
};

struct sample_job {
    struct mpsc_node node;
    uint64_t seq, digest;
    wall_t at;
    size_t n;
    uint8_t data[];
};

/* ---- on the writer thread of hits.db ---- */

bool sample_wants(struct sample_log *s, const struct hit *h)
{
    uint8_t blob[16];
    const size_t n = ip_key_put(ip_key(h->sender), blob);
    const uint64_t hash = keyed_hash(&s->key, bytes_of(blob, n));
    struct sender_slot *slot = &s->senders[hash % SENDERS];
    const uint32_t day = wall_day(h->at);
    uint64_t *digest = &s->digests[h->digest % DIGESTS];
    const bool known = *digest == h->digest;

    if (h->sample.n == 0)
        return false;
    if (slot->hash != hash || slot->day != day)
        *slot = (struct sender_slot){ hash, day, 0 };
    if (slot->kept == SAMPLES_PER_SENDER_DAY || (known && slot->kept > 0))
        return false;
    slot->kept++;
    *digest = h->digest;
    return true;
}

struct sample_job *sample_copy(struct sample_log *s, const struct hit *h)
{
    struct sample_job *job;

    if (atomic_load(&s->queued_bytes) + h->sample.n > SAMPLE_QUEUE_BYTES)
        return NULL;
    job = malloc(sizeof *job + h->sample.n);
    if (job == NULL)
        return NULL;
    job->digest = h->digest;
    job->at = h->at;
    job->n = h->sample.n;
    memcpy(job->data, h->sample.p, h->sample.n);
    atomic_fetch_add(&s->queued_bytes, job->n);
    return job;
}

void sample_drop(struct sample_log *s, struct sample_job *job)
{
    atomic_fetch_sub(&s->queued_bytes, job->n);
    free(job);
}

void sample_offer(struct sample_log *s, struct sample_job *job, uint64_t seq)
{
    job->seq = seq;
    if (mpsc_push(&s->queue, &job->node) != TRAP_OK)
        sample_drop(s, job);
}

/* ---- on the thread of samples.db ---- */

static const char sql_insert[] =
    "INSERT OR REPLACE INTO sample (hit, at_us, digest, data) VALUES (?1, ?2, ?3, ?4)";
static const char sql_pages[] = "PRAGMA page_count";
static const char sql_free_pages[] = "PRAGMA freelist_count";
static const char sql_oldest[] =
    "DELETE FROM sample WHERE hit IN (SELECT hit FROM sample ORDER BY hit LIMIT ?1)";
static const char sql_digests[] = "SELECT digest FROM sample ORDER BY hit DESC LIMIT ?1";
static const char sql_get[] = "SELECT data FROM sample WHERE hit = ?1";

static enum trap_err insert(struct sample_log *s, const struct sample_job *job, struct buf *packed)
{
    sqlite3_stmt *st = NULL;
    uint8_t *room;
    size_t n;
    enum trap_err err = db_statement(s->db, sql_insert, &st);

    if (err != TRAP_OK)
        return err;
    buf_reset(packed);
    room = buf_reserve(packed, ZSTD_compressBound(job->n));
    if (room == NULL)
        return TRAP_ENOMEM;
    n = ZSTD_compress(room, ZSTD_compressBound(job->n), job->data, job->n, ZSTD_LEVEL);
    if (ZSTD_isError(n))
        return TRAP_ENOMEM;
    db_bind_int(st, 1, (int64_t)job->seq);
    db_bind_int(st, 2, job->at.us);
    db_bind_int(st, 3, (int64_t)job->digest);
    db_bind_bytes(st, 4, bytes_of(room, n));
    return db_run(s->db, st);
}

static enum trap_err make_room(struct sample_log *s)
{
    for (;;) {
        int64_t pages = 0, unused = 0;
        sqlite3_stmt *st = NULL;
        enum trap_err err = db_int(s->db, sql_pages, &pages);

        if (err == TRAP_OK)
            err = db_int(s->db, sql_free_pages, &unused);
        if (err != TRAP_OK || (uint64_t)(pages - unused) * FILE_PAGE_BYTES <= s->max_bytes)
            return err;
        err = db_statement(s->db, sql_oldest, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, OLDEST_AT_ONCE);
        err = db_run(s->db, st);
        if (err != TRAP_OK || sqlite3_changes(s->db->sq) == 0)
            return err;
    }
}

static enum trap_err write_list(struct sample_log *s, struct mpsc_node *list, struct buf *packed)
{
    enum trap_err err = db_exec(s->db, "BEGIN IMMEDIATE");

    for (; list != NULL && err == TRAP_OK; list = list->next)
        err = insert(s, MPSC_OWNER(list, struct sample_job, node), packed);
    if (err == TRAP_OK)
        err = make_room(s);
    if (err == TRAP_OK)
        err = db_exec(s->db, "COMMIT");
    if (err != TRAP_OK && sqlite3_get_autocommit(s->db->sq) == 0)
        (void)sqlite3_exec(s->db->sq, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static void *sample_main(void *arg)
{
    struct sample_log *s = arg;
    struct mpsc_node *list = NULL;
    size_t count = 0;
    struct buf packed;
    bool failing = false;

    buf_init(&packed, SAMPLE_RAW_MAX + SAMPLE_RAW_MAX / 128);
    while (mpsc_drain_wait(&s->queue, MPSC_FOREVER, &list, &count) == TRAP_OK) {
        const enum trap_err err = write_list(s, list, &packed);

        if (err != TRAP_OK && !failing)
            log_warning("store.samples.failed", LOG_STR("result", err_name(err)),
                        LOG_STR("error", db_error_text(s->db)));
        failing = err != TRAP_OK;
        while (list != NULL) {
            struct sample_job *job = MPSC_OWNER(list, struct sample_job, node);

            list = list->next;
            sample_drop(s, job);
        }
    }
    buf_free(&packed);
    return NULL;
}

/* ---- open and close ---- */

/* The digests of the newest samples: after a restart the same campaign is not kept once more. */
static enum trap_err remember_digests(struct sample_log *s)
{
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(s->db, sql_digests, &st);

    if (err != TRAP_OK)
        return err;
    db_bind_int(st, 1, DIGESTS / 4);
    while ((err = db_step(s->db, st)) == TRAP_OK) {
        const uint64_t digest = (uint64_t)sqlite3_column_int64(st, 0);

        s->digests[digest % DIGESTS] = digest;
    }
    (void)sqlite3_reset(st);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err sample_log_open(const char *dir, const struct conf_store *conf, struct sample_log **out,
                              struct err_text *why)
{
    struct sample_log *s = calloc(1, sizeof *s);
    enum trap_err err = s == NULL ? TRAP_ENOMEM : TRAP_OK;

    err_text_set(why, "%s/%s: out of memory", dir, store_file_name(STORE_SAMPLES));
    if (s == NULL)
        return err;
    keyed_random(s->key.k, sizeof s->key.k);
    s->max_bytes = conf->samples_max_bytes;
    s->digests = calloc(DIGESTS, sizeof *s->digests);
    s->senders = calloc(SENDERS, sizeof *s->senders);
    err = s->digests == NULL || s->senders == NULL ? TRAP_ENOMEM : mpsc_init(&s->queue, SAMPLE_QUEUE_MAX);
    if (err != TRAP_OK)
        goto out;
    err = store_open(dir, STORE_SAMPLES, STORE_CREATE, &s->db, why);
    /* NORMAL: a power cut may lose the last samples, never the file. A checkpoint only delays this thread. */
    if (err == TRAP_OK) {
        err = db_exec(s->db, "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216");
        if (err == TRAP_OK)
            err = remember_digests(s);
        if (err != TRAP_OK)
            err_text_set(why, "%s: %s", s->db->path, db_error_text(s->db));
    }
    if (err == TRAP_OK) {
        s->running = pthread_create(&s->thread, NULL, sample_main, s) == 0;
        err = s->running ? TRAP_OK : TRAP_ENOMEM;
    }
    if (err != TRAP_OK)
        mpsc_destroy(&s->queue);
out:
    if (err == TRAP_OK) {
        *out = s;
        return TRAP_OK;
    }
    store_close(&s->db);
    free(s->digests);
    free(s->senders);
    free(s);
    return err;
}

void sample_log_close(struct sample_log **sp)
{
    struct sample_log *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    mpsc_close(&s->queue);
    (void)pthread_join(s->thread, NULL);
    mpsc_destroy(&s->queue);
    store_close(&s->db);
    free(s->digests);
    free(s->senders);
    free(s);
}

/* ---- reader ---- */

static enum trap_err unpack(struct bytes data, struct buf *out)
{
    const unsigned long long size = ZSTD_getFrameContentSize(data.p, data.n);
    uint8_t *room;
    size_t n;

    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > SAMPLE_RAW_MAX)
        return TRAP_ECORRUPT;
    room = buf_reserve(out, (size_t)size);
    if (room == NULL)
        return TRAP_ENOMEM;
    n = ZSTD_decompress(room, (size_t)size, data.p, data.n);
    if (ZSTD_isError(n) || n != size)
        return TRAP_ECORRUPT;
    buf_commit(out, n);
    return TRAP_OK;
}

enum trap_err sample_get(struct store_db *samples, uint64_t hit_seq, struct buf *out)
{
    struct buf found;
    sqlite3_stmt *st = NULL;
    enum trap_err err = db_statement(samples, sql_get, &st);

    if (err != TRAP_OK)
        return err;
    buf_init(&found, SAMPLE_RAW_MAX);
    db_bind_int(st, 1, (int64_t)hit_seq);
    err = db_step(samples, st);
    if (err == TRAP_OK)
        err = unpack(db_column_bytes(st, 0), &found);
    (void)sqlite3_reset(st);
    if (err == TRAP_OK)
        *out = found;
    else
        buf_free(&found);
    return err;
}
