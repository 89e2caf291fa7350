/* publish.h - makes listings public: a set of files, the audit trail, and the symlink that rbldnsd follows.
 *
 * Steps:   1. DIR/<serial>/ is written, every file read back, all of it durable; 2. the set goes on record in
 *          published.db, with every addition and removal; 3. DIR/current is swapped. A crash before 2 leaves
 *          a directory that nobody knows: it is removed at the next start. A crash between 2 and 3: at the
 *          next start the recorded set is held against its manifest and DIR/current is swapped to it; where
 *          it is damaged, the next run publishes a new one. So the record never lacks what was visible.
 *          docs/adr/0013.
 * Serial:  max(previous + 1, seconds of as_of): only grows, also with several sets a second or a clock that
 *          went back.
 * Change:  nothing new and nothing older than full_interval: no set. A file whose entries are the same is a
 *          hard link until then.
 * Held:    while the provider guard is missing (senders), or the log cannot be folded (all), a dataset takes
 *          no additions: what was on it stays until its listing ends, a delisting or a never-list takes it
 *          off. One that was never published is not written at all; of a shadow zone nothing is known after
 *          a start, so nothing stays.
 * Shadow:  zones with publish = "shadow" are written below shadow/ and are not on record.
 * Owns:    the publisher owns what it remembers of the last set; plan, configuration and database are
 *          borrowed.
 * Errors:  a failed run leaves what is public as it was; the next run tries again.
 * Threads: one. Tests: tests/unit/export/test_publish.c, tests/functional/test_zones.py
 */
#ifndef EXPORT_PUBLISH_H
#define EXPORT_PUBLISH_H

#include <export/plan.h>
#include <store/published.h>

/* What one dataset of the plan shall hold. */
struct publish_dataset {
    struct zone_entries entries;
    bool held;                        /* entries are ignored: see Held */
    const struct listing_save *saves; /* borrowed */
    size_t save_count;
};
struct publish_input {
    wall_t as_of;
    uint32_t serial;                 /* 0: the publisher chooses */
    struct publish_dataset *dataset; /* one a dataset of the plan; the publisher takes the entries */
    const struct lists *lists;
    const struct acts_view *acts;
    const char *policy_digest;
};
struct publish_result {
    bool published; /* false: nothing to do */
    uint32_t serial;
    uint64_t entries, added, removed; /* of live datasets */
    size_t files_written, files_linked;
    uint32_t held; /* datasets that were held */
};

struct publisher;
/* published is open for writing. Makes DIR, finishes or discards what a crash left. */
TRAP_NODISCARD enum trap_err publisher_new(const struct config *c, const struct plan *plan,
                                           struct store_db *published, struct publisher **out,
                                           struct err_text *why);
void publisher_free(struct publisher **p);
TRAP_NODISCARD enum trap_err publisher_run(struct publisher *p, struct publish_input *in,
                                           struct publish_result *out, struct err_text *why);

/* The same files in a directory of the caller's (made here; must be new or empty), nothing recorded, nothing
 * swapped: same input, same bytes. */
TRAP_NODISCARD enum trap_err publish_out(const struct config *c, const struct plan *plan,
                                         const struct publish_input *in, const char *out_dir,
                                         struct publish_result *out, struct err_text *why);

/* What DIR/current holds, by its manifest: each dataset once, shadow ones too. TRAP_ENOENT: nothing was
 * published yet. */
struct current_dataset {
    const char *type, *name; /* "ip4trie", "bl.example.org" */
    bool live;
    uint64_t entries;
};
typedef enum trap_err current_fn(const struct current_dataset *d, void *arg);
TRAP_NODISCARD enum trap_err publish_current(const struct config *c, current_fn *fn, void *arg,
                                             struct err_text *why);

#endif
