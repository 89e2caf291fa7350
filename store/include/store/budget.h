/* budget.h - how much room all databases of a state directory take, and whether there is room for more.
 *
 * Size:    of each file without its unused pages, and of its WAL: what erasing gives back counts at once,
 *          though the file keeps its length.
 * Full:    with total_max reached, or less free disk than free_min, a log takes no record (TRAP_EFULL: 452,
 *          pages without addresses). From nine tenths of total_max on an error is logged, once an hour, and
 *          samples make room.
 * Cost:    looked at once a second at most.
 * Threads: one per struct budget.
 * Tests:   tests/functional/test_budget.py, tests/unit/store/test_commit_disk.c
 */
#ifndef STORE_BUDGET_H
#define STORE_BUDGET_H

#include <base/time.h>
#include <store/file.h>

enum { BUDGET_LOOK_MS = 1000 };

struct budget {
    const char *dir;              /* borrowed */
    uint64_t total_max, free_min; /* 0: no limit */
    mono_t looked, told;
    uint64_t used;
    bool ever_looked, ever_told, near_full, full, disk_low;
};
void budget_init(struct budget *b, const char *dir, const struct conf_store *conf);
bool budget_is_full(struct budget *b);
/* Nine tenths of total_max. */
bool budget_is_near(struct budget *b);
/* Why it is full. */
const char *budget_text(const struct budget *b);

/* Of all databases of a directory, in bytes. */
uint64_t store_used(const char *dir);

#endif
