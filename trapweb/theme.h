/* theme.h - what a bait page is about: its language, names, pages and the material for its text. Data only.
 *
 * Form:    a sentence holds {a} … {z}: a word of that list. Lists end with NULL.
 * Rule:    no word near an address may make a harvester drop it: no "test", "demo", "sample", "example",
 *          "placeholder", not even inside another word; no quotes, "<", ">" or "&", so that the text needs no
 *          escaping anywhere.
 * Threads: constant.
 * Tests:   tests/unit/trapweb/test_theme.c
 */
#ifndef TRAPWEB_THEME_H
#define TRAPWEB_THEME_H

#include <base/bytes.h>

#include <stddef.h>

enum { THEME_PAGES = 7, THEME_LIST_MAX = 20 };

struct theme_page {
    const char *path, *label;
};
struct theme {
    const char *name, *lang;
    const char *site_names[THEME_LIST_MAX];
    struct theme_page pages[THEME_PAGES]; /* [0] start page under its second name, [1] contact */
    const char *home, *terms, *mailbox;   /* labels: start page, terms of use, text of a mail link */
    const char *terms_text[THEME_LIST_MAX];
    const char *headings[THEME_LIST_MAX];
    const char *sentences[THEME_LIST_MAX];
    const char *words[26][THEME_LIST_MAX];
};

extern const struct theme theme_workshop, theme_club;     /* English */
extern const struct theme theme_werkstatt, theme_verein;  /* German */

enum { THEMES = 4 };
const struct theme *theme_at(size_t i);
/* NULL where there is none of that name. */
const struct theme *theme_by_name(const char *name);
/* "workshop, club, …", for error texts. */
const char *theme_names(void);
/* One that fits a host: German for .de, .at, .ch; which one is drawn from `draw`. */
const struct theme *theme_for_host(struct bytes host, uint64_t draw);

#endif
