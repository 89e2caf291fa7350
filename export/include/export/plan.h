/* plan.h - which files and datasets the zones of the configuration become.
 *
 * Words:   a file is what rbldnsd loads; a dataset is one list in it, answered under one name:
 *          `bl.example.org`, or the sub-zone `harvesters.bl.example.org` of a combined zone. The audit trail
 *          (published.db) speaks of these names.
 * Owns:    plan_free() frees all; the configuration is borrowed. Threads: read-only after plan_make().
 * Errors:  TRAP_EINVAL names the zone and what to change.
 * Tests:   tests/unit/export/test_plan.c
 */
#ifndef EXPORT_PLAN_H
#define EXPORT_PLAN_H

#include <export/zone.h>

struct plan_dataset {
    const struct conf_zone *zone;
    const struct conf_policy *policy;
    enum zone_type type;
    enum listing_kind kind;
    const char *subzones;          /* in a combined file, else "" */
    char name[ZONE_FILE_NAME_MAX]; /* under which it is answered */
};
struct plan_file {
    const struct conf_zone *zone;
    bool combined;
    size_t first, count; /* its datasets */
    char path
        [ZONE_FILE_NAME_MAX]; /* below the set's directory: bl.example.org.ip4, shadow/bl.example.org.ip4 */
};
struct plan {
    struct plan_file *file;
    size_t file_count;
    struct plan_dataset *dataset;
    size_t dataset_count;
};
TRAP_NODISCARD enum trap_err plan_make(const struct config *c, struct plan *out, struct err_text *why);
void plan_free(struct plan *p);

#endif
