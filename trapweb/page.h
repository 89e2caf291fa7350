/* page.h - a bait page: built once for each path as text with holes, rendered for each visit by filling them.
 *
 * Why:     the text of a page never changes for the same path, so a visit costs one copy and three short
 *          addresses.
 * Form:    pieces in order: text that everybody gets, text that belongs to a slot, and holes of a slot.
 *          Without addresses the pieces of all slots are left out and the rest is the same byte by byte.
 * Owns:    a page counts its users: page_hold(), page_drop(). page_render() allocates what it returns.
 * Limits:  PAGE_TEXT_MAX bytes, PAGE_PIECES_MAX pieces.
 * Threads: a built page is read-only and may be rendered by any number of threads.
 * Tests:   tests/unit/trapweb/test_page.c
 */
#ifndef TRAPWEB_PAGE_H
#define TRAPWEB_PAGE_H

#include "markup.h"
#include "technique.h"
#include "theme.h"

#include <mail/mint.h>

#include <stdatomic.h>

enum { PAGE_TEXT_MAX = 64 * 1024, PAGE_PIECES_MAX = 128, PAGE_DOMAIN_MAX = MINT_DOMAIN_MAX };

enum page_kind { PAGE_BAIT, PAGE_TERMS };

struct page_spec {
    enum page_kind kind;
    const struct theme *theme;
    const struct markup *markup;
    const struct layout *layout; /* its techniques become slots of the page; count 0: none */
    struct bytes base;           /* "https://www.a.example:81", or empty: then links are relative only */
    struct bytes prefix;         /* "/people" where the pages are mounted below it, or empty */
    struct bytes site;           /* what the text is drawn from: the host's name … */
    struct bytes path;           /* … and the path */
    const char *terms;           /* of the configuration, for PAGE_TERMS; "" = the theme's own */
};

struct page_address {
    struct bytes local, domain;
};

struct page;
TRAP_NODISCARD enum trap_err page_build(const struct page_spec *spec, struct page **out);
void page_hold(struct page *p);
void page_drop(struct page **p);

/* addresses: one for each slot of the layout, or NULL; one without local part leaves its slot out. *out comes
 * from malloc. */
TRAP_NODISCARD enum trap_err page_render(const struct page *p, const struct page_address *addresses, struct bytes *out);

/* ---- private to page.c, page_render.c ---- */
enum hole { HOLE_NONE, HOLE_ADDRESS, HOLE_ENTITIES, HOLE_LOCAL, HOLE_DOMAIN, HOLE_SPELLED };
enum { SLOT_ALL = 255 };
struct piece {
    uint32_t offset, length; /* of the text; no text with a hole */
    uint8_t slot, hole;
};
struct page {
    atomic_uint users;
    char *text;
    size_t text_bytes;
    uint32_t count;
    struct piece pieces[PAGE_PIECES_MAX];
};

#endif
