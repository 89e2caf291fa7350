/* scratch.c - evidence as of a moment, beside the installation's own derived.db. */
#include <base/file.h>
#include <base/log.h>
#include <export/run.h>
#include <store/erasure.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct export_scratch {
    char dir[PATH_TEXT_MAX];
    struct store_db *hits, *visits, *acts, *derived;
    struct taints *taints;
};

struct store_db *export_scratch_derived(struct export_scratch *s)
{
    return s->derived;
}

void export_scratch_close(struct export_scratch **s)
{
    struct err_text why;

    if (*s == NULL)
        return;
    store_close(&(*s)->derived);
    taints_free(&(*s)->taints);
    store_close(&(*s)->acts);
    store_close(&(*s)->visits);
    store_close(&(*s)->hits);
    if ((*s)->dir[0] != '\0' && dir_remove((*s)->dir, &why) != TRAP_OK)
        log_warning("export.scratch.remove", LOG_STR("error", why.text));
    free(*s);
    *s = NULL;
}

/* Hits before visits: an address that was shown is then never taken for forged. */
static enum trap_err open_logs(const struct config *c, wall_t as_of, struct export_scratch *s,
                               struct err_text *why)
{
    enum trap_err err = store_open(c->state_dir, STORE_HITS, STORE_READ, &s->hits, why);

    if (err == TRAP_OK)
        err = store_open(c->state_dir, STORE_VISITS, STORE_READ, &s->visits, why);
    if (err == TRAP_OK)
        err = store_open(c->state_dir, STORE_ACTS, STORE_READ, &s->acts, why);
    return err == TRAP_OK ? taints_load(s->acts, as_of, &s->taints, why) : err;
}

/* Up to there, and no further. */
static bool folded(struct store_db *derived, uint8_t node, enum record_log log, uint64_t last)
{
    uint64_t mark = 0;

    return derived_mark_get(derived, node, log, &mark) == TRAP_OK && mark == last;
}

/* Does the live derived.db hold the whole log, without what is tainted now, and nothing behind as_of? */
static bool live_is_same(const struct config *c, const struct export_scratch *s, wall_t as_of)
{
    uint64_t hits = 0, sessions = 0, visits = 0, erasures = 0, erased;
    struct store_db *derived = NULL;
    wall_t newest = { 0 };
    struct err_text why;
    bool same;

    if (store_open(c->state_dir, STORE_DERIVED, STORE_READ, &derived, &why) != TRAP_OK)
        return false;
    same = hit_bounds(s->hits, &hits, &erased) == TRAP_OK &&
           session_bounds(s->hits, &sessions, &erased) == TRAP_OK &&
           visit_bounds(s->visits, &visits, &erased) == TRAP_OK &&
           folded(derived, c->node_id, RECORD_HIT, hits) &&
           folded(derived, c->node_id, RECORD_SESSION, sessions) &&
           folded(derived, c->node_id, RECORD_VISIT, visits) &&
           erasure_mark(s->hits, s->visits, &erasures) == TRAP_OK &&
           folded(derived, c->node_id, RECORD_ERASURES, erasures) &&
           folded(derived, 0, RECORD_TAINTS, taints_digest(s->taints)) && derived_newest(derived, &newest) == TRAP_OK &&
           newest.us <= as_of.us;
    store_close(&derived);
    return same;
}

static enum trap_err fold_all(const struct config *c, struct mint *mint, wall_t as_of,
                              struct export_scratch *s, struct err_text *why)
{
    const struct fold_node node = { c->node_id, s->hits, s->visits };
    const struct fold_options options = { .as_of = as_of, .taints = s->taints };
    struct fold_result result;
    struct fold *fold = NULL;
    enum trap_err err = store_open(s->dir, STORE_DERIVED, STORE_CREATE, &s->derived, why);

    if (err != TRAP_OK)
        return err;
    err = fold_new(c, mint, s->derived, &node, 1, &fold);
    if (err != TRAP_OK)
        err_text_set(why, "no memory for the fold");
    else
        err = fold_run(fold, &options, &result, why);
    fold_free(&fold);
    return err;
}

enum trap_err export_scratch_open(const struct config *c, struct mint *mint, wall_t as_of, const char *parent,
                                  struct export_scratch **out, struct err_text *why)
{
    struct export_scratch *s = calloc(1, sizeof(*s));
    enum trap_err err = TRAP_ENOMEM;
    char dir[PATH_TEXT_MAX];

    if (s == NULL) {
        err_text_set(why, "no memory for a scratch database");
        return err;
    }
    if (path_join(parent, ".trapline-scratch.XXXXXX", dir) != TRAP_OK || mkdtemp(dir) == NULL) {
        err = TRAP_EIO;
        err_text_set(why, "cannot create a scratch directory in %s: %s", parent, strerror(errno));
        goto out;
    }
    memcpy(s->dir, dir, sizeof(s->dir));
    err = open_logs(c, as_of, s, why);
    if (err == TRAP_OK)
        err = live_is_same(c, s, as_of) ? derived_copy(c->state_dir, s->dir, &s->derived, why)
                                        : fold_all(c, mint, as_of, s, why);
    if (err != TRAP_OK)
        goto out;
    *out = s;
    s = NULL;
out:
    export_scratch_close(&s);
    return err;
}
