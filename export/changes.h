/* changes.h - what a new set adds and removes, with the reason of each: the rows of the audit trail.
 *
 * Owns:    the rows and the texts that they borrow; changes_free(). Threads: one. Tests:
 *          tests/unit/export/test_publish.c
 */
#ifndef EXPORT_CHANGES_H
#define EXPORT_CHANGES_H

#include <export/plan.h>
#include <store/published.h>

enum { SAVE_TEXT_MAX = PREFIX_TEXT_MAX + 32 };
struct change_text {
    struct change_text *next;
    char text[SAVE_TEXT_MAX];
};
struct changes {
    struct published_change *v;
    size_t n, cap;
    struct change_text *texts;
    uint32_t serial;
    uint64_t added, removed;
};
void changes_free(struct changes *c);

/* Why an entry went. */
struct change_why {
    wall_t as_of;
    const struct lists *lists;
    const struct acts_view *acts;
    bool harvesters;
    bool withdrawn; /* the dataset is no longer published */
};
/* Both in prefix order. The reason of an addition is "evidence" or "deny"; of a removal the list that forbids
 * it, "delisted", "expired", "zone withdrawn", or "policy" (the rule is not met any more). */
TRAP_NODISCARD enum trap_err changes_diff(struct changes *c, struct bytes zone,
                                          const struct zone_entries *before, const struct zone_entries *after,
                                          const struct change_why *why);
/* Evidence would list it; a list forbids it. */
TRAP_NODISCARD enum trap_err changes_saved(struct changes *c, struct bytes zone,
                                           const struct listing_save *s);
/* "never-list 192.0.2.0/24". Returns `out`. */
const char *save_text(enum list_name by, struct prefix entry, char out[SAVE_TEXT_MAX]);

#endif
