/* page_cache.h - the built pages that were asked for lately.
 *
 * Limits:  PAGE_CACHE_ENTRIES pages (of some 6 kB each); a new one takes the place of another that hashes to
 *          the same set. Paths are drawn by visitors, so the hash is keyed.
 * Owns:    a reference to each page it holds.
 * Threads: any; one lock for each of 16 parts.
 * Tests:   tests/unit/trapweb/test_page.c
 */
#ifndef TRAPWEB_PAGE_CACHE_H
#define TRAPWEB_PAGE_CACHE_H

#include "page.h"

enum { PAGE_CACHE_ENTRIES = 2048, PAGE_CACHE_WAYS = 4, PAGE_CACHE_LOCKS = 16 };

struct page_cache;
TRAP_NODISCARD enum trap_err page_cache_new(struct page_cache **out);
void page_cache_free(struct page_cache **c);

/* The page of that spec, built where it is not there. The caller drops it. */
TRAP_NODISCARD enum trap_err page_cache_get(struct page_cache *c, const struct page_spec *spec, struct page **out);

#endif
