/* prose.h - plausible text, always the same for the same seed.
 *
 * Why:     a page must read like one that somebody wrote, and must not change between two fetches.
 * Owns:    appends to the caller's buf.
 * Threads: any; a struct prose belongs to one call.
 * Tests:   tests/unit/trapweb/test_theme.c
 */
#ifndef TRAPWEB_PROSE_H
#define TRAPWEB_PROSE_H

#include "theme.h"

#include <base/buf.h>

struct prose {
    const struct theme *theme;
    uint64_t state;         /* splitmix64 */
    uint32_t used;          /* sentences said already on this page */
};

struct prose prose_begin(const struct theme *theme, uint64_t seed);
/* A number below n. */
uint32_t prose_draw(struct prose *p, uint32_t n);
const char *prose_pick(struct prose *p, const char *const *list);
/* 2 to 4 sentences, each with its own line end. */
void prose_paragraph(struct prose *p, struct buf *out);

#endif
