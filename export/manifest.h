/* manifest.h - the text that says what a set of zone files is: what was written, when, under which policy,
 * with which digests.
 *
 * Form:    one fact a line, fields apart by one blank, last line `end` (a torn file has none):
 *            trapline-set 1
 *            serial 1767225600
 *            as-of 2026-01-01T00:00:00Z
 *            policy <sha256 of the policy texts>
 *            file <path> <serial> <as-of> <entries> <bytes> <sha256>
 *            dataset <type> <name> live|shadow <entries>
 *            end
 *          A file's own serial and as-of are those of the set that wrote it. No wall clock: the same inputs
 *          give the same bytes.
 * Limits:  MANIFEST_BYTES_MAX. Owns: manifest_free().
 * Errors:  TRAP_ECORRUPT with the line's number. Threads: any. Tests: tests/unit/export/test_manifest.c
 */
#ifndef EXPORT_MANIFEST_H
#define EXPORT_MANIFEST_H

#include <base/buf.h>
#include <export/plan.h>

enum { MANIFEST_BYTES_MAX = 16 << 20 };
#define MANIFEST_NAME "manifest"

struct manifest_file {
    char path[ZONE_FILE_NAME_MAX];
    uint32_t serial;
    wall_t as_of;
    struct zone_facts facts;
};
struct manifest_dataset {
    char type[16], name[ZONE_FILE_NAME_MAX];
    bool live;
    uint64_t entries;
};
struct manifest {
    uint32_t serial;
    wall_t as_of;
    char policy[DIGEST_HEX_MAX];
    struct manifest_file *file;
    size_t file_count;
    struct manifest_dataset *dataset;
    size_t dataset_count;
};
void manifest_free(struct manifest *m);
TRAP_NODISCARD enum trap_err manifest_add_file(struct manifest *m, const struct manifest_file *f);
TRAP_NODISCARD enum trap_err manifest_add_dataset(struct manifest *m, const struct manifest_dataset *d);
const struct manifest_file *manifest_find(const struct manifest *m, const char *path);

void manifest_put(const struct manifest *m, struct buf *out);
TRAP_NODISCARD enum trap_err manifest_get(struct bytes text, struct manifest *out, struct err_text *why);

#endif
