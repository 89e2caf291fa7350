#include "checkpoint.h"

#include <base/log.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOLD_WAIT_MS = DB_READ_MS * 2, HOLD_PAUSE_MS = 1000, WARN_PAUSE_MS = 60000 };

struct checkpoint {
    sqlite3 *sq, *writer; /* the writer's is touched after its thread has ended */
    char path[PATH_TEXT_MAX];
    uint64_t wal_max_bytes;
    pthread_t thread;
    sem_t wake;
    pthread_mutex_t gate; /* held by the writer during a batch */
    pthread_cond_t opened;
    atomic_bool wanted; /* the gate is wanted for a checkpoint: the writer waits before its next batch */
    atomic_bool asked, stop;
    atomic_uint_fast64_t wal_bytes, count;
    atomic_uint_fast64_t due_bytes; /* a WAL longer than this is looked at */
    mono_t hold_next, warn_next;
    bool broken; /* the main file could not be synced: see break_off() */
};

/* The kernel tells of lost pages once: after a failed sync of the main file a later one would say that all is
 * well, and the WAL, which has the pages, would begin anew or be removed. So nothing is copied any more; the
 * next start copies the WAL from its beginning. */
static void break_off(struct checkpoint *k)
{
    k->broken = true;
    log_error("store.checkpoint.broken", LOG_STR("file", k->path), LOG_STR("error", "the file could not be synced"),
              LOG_STR("todo", "look at the disk, then start the program again"));
}

/* True: done; of RESTART: nobody reads from the WAL any more, the next batch begins it anew. */
static bool copy(struct checkpoint *k, int mode)
{
    const int rc = sqlite3_wal_checkpoint_v2(k->sq, NULL, mode, NULL, NULL);

    if (rc == SQLITE_OK)
        atomic_fetch_add(&k->count, 1);
    else if (rc == SQLITE_IOERR_FSYNC)
        break_off(k);
    else if ((rc & 0xff) != SQLITE_BUSY)
        log_error("store.checkpoint.failed", LOG_STR("file", k->path),
                  LOG_STR("error", sqlite3_errmsg(k->sq)));
    return rc == SQLITE_OK;
}

/* PASSIVE leaves the main file unsynced while the WAL grows on. What is synced now need not be while the
 * writer is held. */
static void sync_main_file(struct checkpoint *k)
{
    sqlite3_file *file = NULL;

    if (sqlite3_file_control(k->sq, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file != NULL &&
        file->pMethods != NULL && file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
        break_off(k);
}

/* Many short attempts, not one with a busy timeout: that one waits for the lock of one reader's slot and
 * loses it again and again to a reader that comes back at once, though that reads nothing old any more. */
static bool copy_while_held(struct checkpoint *k)
{
    const mono_t until = mono_add(mono_now(), SPAN_MS(HOLD_WAIT_MS));
    bool ok;

    atomic_store(&k->wanted, true);
    (void)pthread_mutex_lock(&k->gate);
    while (!(ok = copy(k, SQLITE_CHECKPOINT_RESTART)) && !k->broken && mono_diff(until, mono_now()).ms > 0)
        (void)usleep(1000);
    atomic_store(&k->wanted, false);
    (void)pthread_cond_signal(&k->opened);
    (void)pthread_mutex_unlock(&k->gate);
    return ok;
}

static void run_once(struct checkpoint *k)
{
    const mono_t now = mono_now();

    (void)copy(k, SQLITE_CHECKPOINT_PASSIVE);
    if (k->broken || atomic_load(&k->wal_bytes) <= 2 * k->wal_max_bytes || mono_diff(k->hold_next, now).ms > 0)
        return;
    sync_main_file(k);
    if (k->broken || copy_while_held(k) || k->broken)
        return;
    k->hold_next = mono_add(now, SPAN_MS(HOLD_PAUSE_MS));
    if (mono_diff(k->warn_next, now).ms <= 0) {
        k->warn_next = mono_add(now, SPAN_MS(WARN_PAUSE_MS));
        log_warning("store.checkpoint.blocked", LOG_STR("file", k->path),
                    LOG_U64("wal_bytes", atomic_load(&k->wal_bytes)),
                    LOG_STR("reason", "a reader keeps its transaction open"));
    }
}

static void *checkpoint_main(void *arg)
{
    struct checkpoint *k = arg;

    for (;;) {
        while (sem_wait(&k->wake) == -1)
            continue;
        if (atomic_load(&k->stop))
            return NULL;
        if (!k->broken)
            run_once(k);
        /* Not after every batch: each attempt costs an fsync of the WAL beside the writer's own. */
        atomic_store(&k->due_bytes, atomic_load(&k->wal_bytes) + k->wal_max_bytes / 4);
        atomic_store(&k->asked, false);
    }
}

enum trap_err checkpoint_start(const struct store_db *db, uint64_t wal_max_bytes, struct checkpoint **out,
                               struct err_text *why)
{
    struct checkpoint *k = calloc(1, sizeof *k);
    enum trap_err err;

    if (k == NULL)
        return TRAP_ENOMEM;
    (void)memcpy(k->path, db->path, sizeof k->path);
    k->writer = db->sq;
    k->wal_max_bytes = wal_max_bytes;
    k->due_bytes = wal_max_bytes;
    (void)pthread_mutex_init(&k->gate, NULL);
    (void)pthread_cond_init(&k->opened, NULL);
    err = db_connect(db->path, SQLITE_OPEN_READWRITE, &k->sq);
    if (err == TRAP_OK && sqlite3_exec(k->sq, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
        err = TRAP_EIO;
    if (err == TRAP_OK)
        (void)sqlite3_busy_timeout(k->sq, 0);
    if (err == TRAP_OK && sem_init(&k->wake, 0, 0) == -1)
        err = TRAP_EIO;
    if (err == TRAP_OK && pthread_create(&k->thread, NULL, checkpoint_main, k) != 0) {
        (void)sem_destroy(&k->wake);
        err = TRAP_ENOMEM;
    }
    if (err != TRAP_OK) {
        err_text_set(why, "%s: the checkpoint thread cannot start", db->path);
        (void)sqlite3_close(k->sq);
        free(k);
        return err;
    }
    *out = k;
    return TRAP_OK;
}

void checkpoint_enter(struct checkpoint *k)
{
    (void)pthread_mutex_lock(&k->gate);
    while (atomic_load(&k->wanted))
        (void)pthread_cond_wait(&k->opened, &k->gate);
}

void checkpoint_leave(struct checkpoint *k)
{
    (void)pthread_mutex_unlock(&k->gate);
}

void checkpoint_poke(struct checkpoint *k, uint64_t wal_bytes)
{
    atomic_store(&k->wal_bytes, wal_bytes);
    if (wal_bytes <= k->wal_max_bytes) /* begun anew */
        atomic_store(&k->due_bytes, k->wal_max_bytes);
    else if (wal_bytes > atomic_load(&k->due_bytes) && !atomic_exchange(&k->asked, true))
        (void)sem_post(&k->wake);
}

void checkpoint_stop(struct checkpoint **kp)
{
    struct checkpoint *k = *kp;

    *kp = NULL;
    if (k == NULL)
        return;
    atomic_store(&k->stop, true);
    (void)sem_post(&k->wake);
    (void)pthread_join(k->thread, NULL);
    if (k->broken) {
        (void)sqlite3_db_config(k->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        (void)sqlite3_db_config(k->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sem_destroy(&k->wake);
    (void)pthread_cond_destroy(&k->opened);
    (void)pthread_mutex_destroy(&k->gate);
    (void)sqlite3_close(k->sq);
    free(k);
}

uint64_t checkpoint_count(const struct checkpoint *k)
{
    return atomic_load(&k->count);
}
