/* crawler.h - whose crawlers have names in this domain (crawlers.txt).
 *
 * Owns:    nothing: the answer points into the table.   Threads: any.
 * Tests:   tests/unit/traplook/test_provider_list.c
 */
#ifndef TRAPLOOK_CRAWLER_H
#define TRAPLOOK_CRAWLER_H

#include <base/bytes.h>

/* "Google" for crawl-66-249-66-1.googlebot.com; empty: nobody's. */
struct bytes crawler_operator(struct bytes name);

#endif
