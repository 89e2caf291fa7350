/* set.h - one set of zone files in a directory of its own: written, read back, durable.
 *
 * Form:    DIR/<zone>.<ending> and DIR/shadow/<zone>.<ending>, and DIR/manifest, which is written last.
 * mtime:   rbldnsd notices a file by mtime in whole seconds and size. A rewritten file is at least one second
 *          younger than the file of the same path in the previous set (even where the clock went back); an
 *          unchanged file is a hard link, with its old mtime.
 * Errors:  anything that does not hold (a line, a count, a never-listed entry): the set is removed, `why`
 *          says it.
 * Threads: one. Tests: tests/unit/export/test_set.c
 */
#ifndef EXPORT_SET_H
#define EXPORT_SET_H

#include "manifest.h"

enum set_action { SET_SKIP, SET_LINK, SET_WRITE };

struct set_order {
    const struct plan *plan;
    const struct conf_export *conf;
    const enum set_action *action;      /* one a file of the plan */
    const struct zone_entries *entries; /* one a dataset of the plan */
    const struct lists *lists;          /* checked once more against them */
    const char *previous_dir;           /* NULL: none */
    const struct manifest *previous;
    uint32_t serial;
    wall_t as_of;
    const char *policy; /* digest */
};
/* mtime of a new file at this path, in seconds: strictly after the previous one. previous_fd: -1 for none. */
int64_t set_mtime(const struct set_order *o, const char *path, int previous_fd);

/* dir must exist and be empty. */
TRAP_NODISCARD enum trap_err set_write(const char *dir, const struct set_order *o, struct manifest *out,
                                       struct err_text *why);

/* Reads the manifest; with `files` set also holds every file against its size and digest. */
TRAP_NODISCARD enum trap_err set_read(const char *dir, bool files, struct manifest *out,
                                      struct err_text *why);

#endif
