/* Writer of visits.db. Runs on the commit thread but for open, submit and close. */
#include "keeper.h"
#include "visit_row.h"

#include <base/log.h>
#include <mail/mint.h>
#include <store/epochs.h>
#include <store/visit_log.h>

#include <stdlib.h>

struct visit_log {
    struct store_db *db;
    struct commit *commit;
    struct keeper *keeper;
    struct visit_texts texts;
    bool loaded; /* the four below are what the file says */
    uint64_t next_seq, first_seq;
    uint32_t epoch;
    uint64_t epoch_serials; /* MINT_EPOCH_SERIALS; a test's file says less in meta */
    uint32_t announced;     /* newest epoch of ours in the snapshot */
    mono_t announce_next;   /* after a failure: not before */
};

static const char sql_epoch[] = "SELECT max(epoch) FROM epoch";
static const char sql_first_seq[] = "SELECT first_seq FROM epoch ORDER BY epoch DESC LIMIT 1";

/* ---- what the file says ---- */

static enum trap_err next_of(struct store_db *db, uint64_t *next_out)
{
    uint64_t last = 0, erased = 0;
    const enum trap_err err = visit_bounds(db, &last, &erased);

    if (err == TRAP_OK)
        *next_out = last + 1;
    return err;
}

static enum trap_err load(struct visit_log *l)
{
    int64_t epoch = 0, first_seq = 0, serials = 0;
    enum trap_err err = next_of(l->db, &l->next_seq);

    if (err == TRAP_OK)
        err = db_int(l->db, sql_epoch, &epoch);
    if (err == TRAP_OK)
        err = db_int(l->db, sql_first_seq, &first_seq);
    if (err == TRAP_OK)
        err = db_meta_get(l->db, "epoch_serials", MINT_EPOCH_SERIALS, &serials);
    if (err == TRAP_OK && (epoch < 1 || epoch > UINT32_MAX || first_seq < 1 || serials < 1))
        err = TRAP_ECORRUPT;
    if (err != TRAP_OK)
        return err == TRAP_ENOENT ? TRAP_ECORRUPT : err;
    l->epoch = (uint32_t)epoch;
    l->first_seq = (uint64_t)first_seq;
    l->epoch_serials = (uint64_t)serials;
    l->loaded = true;
    return TRAP_OK;
}

static void forget(void *log)
{
    struct visit_log *l = log;

    l->loaded = false;
    visit_texts_clear(&l->texts);
}

/* ---- epochs ---- */

/* An epoch ends at 3/4 of the serials, the next one is announced at 7/10 of them: at 14/15 of the epoch. */
static bool is_announce_due(const struct visit_log *l)
{
    return l->next_seq - l->first_seq >= l->epoch_serials / 15 * 14;
}

static enum trap_err announce(struct visit_log *l, uint32_t epoch)
{
    struct err_text why = { "" };
    enum trap_err err;

    if (l->announced >= epoch)
        return TRAP_OK;
    if (mono_diff(l->announce_next, mono_now()).ms > 0)
        return TRAP_EIO;
    err = epochs_announce(l->db->dir, l->db->node, epoch, &why);
    if (err == TRAP_OK) {
        l->announced = epoch;
        log_info("store.epoch.announced", LOG_U64("epoch", epoch));
    } else {
        l->announce_next = mono_add(mono_now(), SPAN_S(1));
        log_error("store.epoch.not_announced", LOG_U64("epoch", epoch), LOG_STR("error", why.text));
    }
    return err;
}

static enum trap_err keep_epoch(struct visit_log *l)
{
    enum trap_err err;

    if (is_announce_due(l) && l->announced <= l->epoch) {
        /* Early: a failure now may be repaired before the epoch ends. */
        err = announce(l, l->epoch + 1);
        (void)err;
    }
    if (l->next_seq - l->first_seq < l->epoch_serials)
        return TRAP_OK;
    err = announce(l, l->epoch + 1);
    if (err == TRAP_OK)
        err = epoch_row_insert(l->db, l->epoch + 1, l->next_seq, wall_now());
    if (err == TRAP_OK) {
        l->epoch++;
        l->first_seq = l->next_seq;
    }
    return err;
}

/* ---- jobs ---- */

static enum trap_err apply_visit(struct commit_job *job, void *log)
{
    struct visit_log *l = log;
    struct visit *v = &MPSC_OWNER(job, struct visit_job, job)->visit;
    enum trap_err err = l->loaded ? TRAP_OK : load(l);

    if (err == TRAP_OK)
        err = keep_epoch(l);
    if (err == TRAP_OK)
        err = visit_row_insert(l->db, &l->texts, l->next_seq, v);
    if (err != TRAP_OK)
        return err;
    v->seq = l->next_seq++;
    v->epoch = l->epoch;
    v->serial = (uint32_t)(v->seq - l->first_seq);
    return TRAP_OK;
}

enum trap_err visit_log_submit(struct visit_log *l, struct visit_job *job)
{
    job->job.apply = apply_visit;
    return commit_submit(l->commit, &job->job);
}

struct not_shown_job {
    struct commit_job job;
    uint64_t seq;
};

static enum trap_err apply_not_shown(struct commit_job *job, void *log)
{
    struct visit_log *l = log;

    return visit_row_not_shown(l->db, MPSC_OWNER(job, struct not_shown_job, job)->seq);
}

static void done_not_shown(struct commit_job *job, enum trap_err result)
{
    struct not_shown_job *n = MPSC_OWNER(job, struct not_shown_job, job);

    if (result != TRAP_OK)
        log_warning("store.visit.not_shown_lost", LOG_U64("seq", n->seq),
                    LOG_STR("result", err_name(result)));
    free(n);
}

enum trap_err visit_log_not_shown(struct visit_log *l, uint64_t seq)
{
    struct not_shown_job *n = calloc(1, sizeof *n);
    enum trap_err err;

    if (n == NULL)
        return TRAP_ENOMEM;
    n->seq = seq;
    n->job.apply = apply_not_shown;
    n->job.done = done_not_shown;
    err = commit_submit(l->commit, &n->job);
    if (err != TRAP_OK)
        free(n);
    return err;
}

/* ---- open and close ---- */

/* Newest first, durable, then used. An announcement that this file cannot have made means that the file was
 * restored from a backup: serials of the announced epochs may have been shown already, so a fresh epoch
 * begins. */
static enum trap_err begin_epoch(struct visit_log *l, struct err_text *why)
{
    struct mint_window *window = calloc(1, sizeof *window);
    enum trap_err err = window == NULL ? TRAP_ENOMEM : epochs_read(l->db->dir, window, why);
    uint32_t fresh;

    if (err == TRAP_OK)
        l->announced = window->node[l->db->node].newest;
    free(window);
    if (err != TRAP_OK)
        return err;
    fresh = l->announced + 1;
    if (l->announced <= l->epoch || (l->announced == l->epoch + 1 && is_announce_due(l)))
        fresh = l->epoch;
    err = l->announced >= fresh ? TRAP_OK : epochs_announce(l->db->dir, l->db->node, fresh, why);
    if (err != TRAP_OK || fresh == l->epoch)
        goto out;
    log_warning(
        "store.epoch.raised", LOG_U64("from", l->epoch), LOG_U64("to", fresh),
        LOG_STR("reason", "the visits file is older than the announced epochs: restored from a backup"));
    err = epoch_row_insert(l->db, fresh, l->next_seq, wall_now());
    if (err != TRAP_OK)
        err_text_set(why, "%s: %s", l->db->path, db_error_text(l->db));
    l->epoch = fresh;
    l->first_seq = l->next_seq;
out:
    if (err == TRAP_OK && l->announced < fresh)
        l->announced = fresh;
    return err;
}

static enum trap_err open_file(struct visit_log *l, const char *dir, struct err_text *why)
{
    enum trap_err err = store_open(dir, STORE_VISITS, STORE_WRITE, &l->db, why);

    if (err != TRAP_OK)
        return err;
    err = load(l);
    if (err != TRAP_OK) {
        err_text_set(why, "%s: damaged or unreadable: %s", l->db->path, db_error_text(l->db));
        return err;
    }
    return begin_epoch(l, why);
}

enum trap_err visit_log_open(const char *dir, const struct conf_store *conf, void (*batch_done)(void *),
                             void *batch_arg, struct visit_log **out, struct err_text *why)
{
    struct visit_log *l = calloc(1, sizeof *l);
    enum trap_err err = l == NULL ? TRAP_ENOMEM : TRAP_OK;

    if (err == TRAP_OK)
        err = visit_texts_init(&l->texts);
    if (err != TRAP_OK)
        err_text_set(why, "%s/%s: out of memory", dir, store_file_name(STORE_VISITS));
    if (err == TRAP_OK)
        err = open_file(l, dir, why);
    if (err == TRAP_OK) {
        const struct commit_options o = {
            .queue_max = conf->queue_max,
            .batch_max = conf->batch_max,
            .wal_max_bytes = conf->wal_max_bytes,
            .free_min_bytes = conf->free_min_bytes,
            .total_max_bytes = conf->total_max_bytes,
            .log = l,
            .rolled_back = forget,
            .batch_done = batch_done,
            .batch_arg = batch_arg,
        };

        err = commit_start(l->db, &o, &l->commit, why);
    }
    if (err == TRAP_OK) {
        const struct keeper_log log = { l->db, l->commit, NULL, &conf->keep };

        err = keeper_start(&log, &l->keeper, why);
    }
    if (err == TRAP_OK) {
        *out = l;
        return TRAP_OK;
    }
    visit_log_close(&l);
    return err;
}

void visit_log_close(struct visit_log **lp)
{
    struct visit_log *l = *lp;

    *lp = NULL;
    if (l == NULL)
        return;
    keeper_stop(&l->keeper);
    commit_stop(&l->commit);
    store_close(&l->db);
    visit_texts_free(&l->texts);
    free(l);
}

struct commit *visit_log_commit(struct visit_log *l)
{
    return l->commit;
}

enum trap_err visit_epoch_raise(const char *dir, uint32_t *epoch_out, struct err_text *why)
{
    struct visit_log l = { 0 };
    enum trap_err err = open_file(&l, dir, why);
    const uint32_t epoch = l.epoch + 1;

    if (err == TRAP_OK)
        err = epochs_announce(dir, l.db->node, epoch, why);
    if (err == TRAP_OK) {
        err = epoch_row_insert(l.db, epoch, l.next_seq, wall_now());
        if (err != TRAP_OK)
            err_text_set(why, "%s: %s", l.db->path, db_error_text(l.db));
    }
    store_close(&l.db);
    if (err == TRAP_OK)
        *epoch_out = epoch;
    return err;
}
