/* harvest.h - what came of one visitor's visits, in numbers: how many of the addresses it was shown were mailed, by whom,
 * how soon, and from which places of a page it took them.
 *
 * Why:     a verdict says whether a visitor is listed; people want to know how it works (docs/adr/0026).
 * Units:   an address counts once, whoever mails it, however often. Latency: from the visit to the first mail to the
 *          address; a clock that is behind makes it 0, never negative.
 * Fetcher: who reads pages for others (search engines, translators, previewers, proxies: crawler_files and confirmed
 *          crawlers). What it was shown leaked through it; that is no harvest of its own.
 * Errors:  TRAP_ENOMEM. Pure: the order of the rows does not matter. Threads: any.
 * Tests:   tests/unit/policy/test_harvest.c, tests/functional/test_harvest.py
 */
#ifndef POLICY_HARVEST_H
#define POLICY_HARVEST_H

#include <policy/lists.h>
#include <store/evidence.h>
#include <store/technique.h>

struct harvest {
    uint32_t addresses; /* mailed */
    uint32_t leaked;    /* of them: of visits by a known fetcher */
    uint32_t senders;
    uint64_t messages;
    uint32_t technique[TECHNIQUE_COUNT];  /* addresses; [TECHNIQUE_NONE]: unknown here */
    span_t soonest, median, nine_tenths; /* latency: of the first address, of half of them, of nine tenths (rounded up) */
};

/* fetcher: all its visits are a fetcher's, whatever their flags say. No rows, or none that counts a message: all 0. */
TRAP_NODISCARD enum trap_err harvest_sum(const struct link_row *rows, size_t n, bool fetcher, struct harvest *out);

/* Was this visit a known fetcher's, by its flags or by the lists of now? */
bool harvest_fetcher(const struct lists *l, struct ip client, uint32_t visit_flags);

#endif
