/* technique.h - the markup of each technique, as data, and which of them a page uses.
 *
 * Form:    markup holds %a address, %e address as character entities, %l local part, %d domain, %s domain
 *          with " (dot) ", and of the page: %c hiding class, %f field name, %v script variable, %i element
 *          id, %t site name, %m text of a mail link. Everything but the address is the same for all visitors.
 * Rules:   slot 0 is the link that every harvester takes; at most three addresses of one trap domain a page
 *          (some tools keep only the first three, so the link is always the first of its domain); blanks or
 *          line ends around every address (docs/bait.md).
 * Threads: constant.
 * Tests:   tests/unit/trapweb/test_page.c
 */
#ifndef TRAPWEB_TECHNIQUE_H
#define TRAPWEB_TECHNIQUE_H

#include "markup.h"

#include <store/record.h>
#include <store/technique.h>

enum { ADDRESSES_PER_DOMAIN = 3, LAYOUTS = 16 };

const char *technique_markup(uint8_t technique);

/* What stands in the slots of a page. */
struct layout {
    uint8_t count;                   /* slots in use, 0 … VISIT_SLOTS */
    uint8_t technique[VISIT_SLOTS];
    uint16_t domain[VISIT_SLOTS];    /* index into the site's trap domains */
    uint64_t recipe;                 /* the techniques, as in struct visit */
};
/* One of LAYOUTS arrangements of a site: the same for the same installation, site and number. */
struct layout layout_of(const struct markup *m, uint32_t site, uint8_t number, size_t domain_count);

#endif
