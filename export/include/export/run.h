/* run.h - one evaluation: from the evidence to what the zones shall hold. For trapexport, and for the command
 * line's explain and replay.
 *
 * Why:     what is published and what the command line explains come from the same calls.
 * Rule:    the same evidence, acts, lists, policy and as_of give the same listings: no clock is read here.
 * Threads: one at a time per struct.
 * Tests:   tests/functional/test_zones.py, test_identical.py
 */
#ifndef EXPORT_RUN_H
#define EXPORT_RUN_H

#include <correlate/fold.h>
#include <export/publish.h>
#include <policy/live.h>

/* The listings of an exporter that runs, from one evaluation to the next (policy/live.h). */
struct export_live;
TRAP_NODISCARD enum trap_err export_live_new(const struct plan *plan, struct export_live **out);
void export_live_free(struct export_live **l);

struct export_env {
    const struct config *config;
    const struct plan *plan;
    struct hash_key key; /* keyed_purpose(master, "policy") */
    struct store_db *derived; /* NULL: no evidence to go by; every dataset is held (publish.h) */
    struct store_db *acts;    /* NULL: no acts */
    struct export_live *live; /* NULL: everybody is judged */
    const struct derived_changes *changes; /* with live: since the last evaluation that went well */
};

/* The listings of one policy. */
struct export_listings {
    const struct conf_policy *policy;
    enum listing_kind kind;
    struct listings listings;
};
struct export_eval {
    wall_t as_of;
    struct acts_view acts;
    struct lists lists;
    char policy_digest[DIGEST_HEX_MAX]; /* over the texts of all policies that zones name */
    struct export_listings *v;          /* each (policy, kind) of the plan once */
    size_t n;
    struct err_text kept; /* what could not be read and was kept from last_good; "" = nothing */
};
/* last_good: lists of an earlier evaluation, whose files stand in for those that cannot be read now; NULL:
 * such a file is an error. */
TRAP_NODISCARD enum trap_err export_evaluate(const struct export_env *env, wall_t as_of,
                                             const struct lists *last_good, struct export_eval *out,
                                             struct err_text *why);
void export_eval_free(struct export_eval *e);

/* One publish_dataset a dataset of the plan, freed with export_datasets_free(); saves are borrowed from the
 * evaluation. */
TRAP_NODISCARD enum trap_err export_datasets(const struct export_env *env, const struct export_eval *e,
                                             struct publish_dataset **out, struct err_text *why);
void export_datasets_free(const struct plan *plan, struct publish_dataset **v);

/* ---- evidence as of a moment ---- */

/* A derived.db of everything up to as_of, without what acts of taint up to then name, in a new directory under `parent`, without touching the
 * installation's own: a copy where that is the same, else a fold from the beginning. Closing it removes the
 * directory. */
struct export_scratch;
TRAP_NODISCARD enum trap_err export_scratch_open(const struct config *c, struct mint *mint, wall_t as_of,
                                                 const char *parent, struct export_scratch **out,
                                                 struct err_text *why);
struct store_db *export_scratch_derived(struct export_scratch *s);
void export_scratch_close(struct export_scratch **s);

#endif
