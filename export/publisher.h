/* publisher.h - what the parts of the publisher share. */
#ifndef EXPORT_PUBLISHER_H
#define EXPORT_PUBLISHER_H

#include <base/file.h>
#include <export/publish.h>

#include "changes.h"
#include "manifest.h"
#include "set.h"

struct shown {
    struct zone_entries entries; /* what the newest recorded set holds */
    bool known;                  /* its file was written by this process: equal entries make an equal file */
    struct listing_save *saves;  /* on record, in key order */
    size_t save_count;
    bool saves_known;
};
struct publisher {
    const struct config *config;
    const struct plan *plan;
    struct store_db *db;
    struct shown *shown;     /* one a dataset of the plan */
    struct manifest current; /* of DIR/current; serial 0: there is none */
    char current_dir[PATH_TEXT_MAX];
    uint32_t serial_last; /* the highest that was ever used */
    wall_t shown_as_of;   /* when the shown entries were last computed */
    bool unfinished;      /* a run failed: recover before the next one */
    bool withdrawn_told;  /* removals of datasets that left the configuration are on record */
    bool listed_due;      /* snap/listed is older than `shown` */
    mono_t listed_next; /* not before */
};

/* recover.c: finishes or discards what a crash left, finds the current set and the highest serial. */
TRAP_NODISCARD enum trap_err publisher_recover(struct publisher *p, struct err_text *why);
/* Swaps DIR/current to the set and reads its manifest. */
TRAP_NODISCARD enum trap_err publisher_swap(struct publisher *p, uint32_t serial, struct err_text *why);
/* Removes sets that are not kept: all beyond sets_kept, the oldest first, never the current one. Problems are
 * logged. */
void publisher_prune(const struct publisher *p);
/* DIR/<serial> */
TRAP_NODISCARD enum trap_err publisher_set_dir(const struct publisher *p, uint32_t serial,
                                               char out[PATH_TEXT_MAX], struct err_text *why);

/* listed_out.c: what is on the live zones, for a sink with a tarpit; writing it takes at most 0.5 % of the
 * time. Problems are logged: nothing that is published depends on it. */
void publisher_listed(struct publisher *p, wall_t as_of);

/* One run: what it decided and made. */
struct run {
    struct publisher *p;
    struct publish_input *in;
    enum set_action *action;      /* one a file */
    struct zone_entries *entries; /* one a dataset: the input's, or what a held dataset keeps */
    struct changes changes;
    struct manifest made;
    char dir[PATH_TEXT_MAX];
    uint32_t serial;
};

/* record.c */
/* What the record says is on a dataset now. */
TRAP_NODISCARD enum trap_err publisher_members(struct store_db *db, const char *name, const char *type,
                                               struct zone_entries *out);
/* Collects the run's changes; appends them with the set. */
TRAP_NODISCARD enum trap_err run_changes(struct run *r);
TRAP_NODISCARD enum trap_err run_record(struct run *r, struct err_text *why);

/* held.c: entries of a held dataset: what was shown, without what must go. */
TRAP_NODISCARD enum trap_err held_entries(const struct zone_entries *shown, bool harvesters,
                                          wall_t shown_as_of, const struct publish_input *in,
                                          struct zone_entries *out);

#endif
