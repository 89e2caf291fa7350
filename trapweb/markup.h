/* markup.h - names that differ from one installation to the next: classes, the style sheet, script names.
 *
 * Why:     a class that hides bait must not be known from another installation, nor say what it does. Names
 *          are two plain layout words drawn from the node's key; the rules that hide stand in an external
 *          sheet, which no harvester reads.
 * Threads: read-only after markup_init().
 * Tests:   tests/unit/trapweb/test_page.c
 */
#ifndef TRAPWEB_MARKUP_H
#define TRAPWEB_MARKUP_H

#include <base/buf.h>
#include <mail/keyed.h>

enum markup_name { NAME_SHEET, NAME_HIDDEN, NAME_HEAD, NAME_NAV, NAME_MAIN, NAME_FOOT, NAME_FIELD, NAME_VARIABLE, NAME_NODE, NAME_COUNT };

enum { MARKUP_NAME_MAX = 16 };
struct markup {
    struct hash_key key;
    /* Distinct. Two words and a hyphen (NAME_VARIABLE: an underscore) between, lest two harmless words make a
     * telling one. */
    char names[NAME_COUNT][MARKUP_NAME_MAX];
};

/* secret: of the installation (keyed_purpose of the node's key). */
void markup_init(struct markup *m, const struct hash_key *secret);
/* A number that only this installation draws for this text. */
uint64_t markup_draw(const struct markup *m, const char *purpose, struct bytes text);
/* The style sheet. */
void markup_sheet(const struct markup *m, struct buf *out);

#endif
