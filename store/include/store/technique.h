/* technique.h - the ways in which an address stands in a bait page. The numbers are part of the log: never
 * reused, never changed.
 *
 * Why:     visit.recipe holds one of them for each slot; a hit then tells how the harvester reads
 *          (docs/bait.md).
 * Threads: plain data.
 */
#ifndef STORE_TECHNIQUE_H
#define STORE_TECHNIQUE_H

#include <stdint.h>

enum technique {
    TECHNIQUE_NONE = 0,
    TECHNIQUE_LINK = 1,     /* mailto: link with the address as its text, in lines of its own: every harvester takes it */
    TECHNIQUE_MAILTO = 2,   /* mailto: link with other text */
    TECHNIQUE_TEXT = 3,     /* text */
    TECHNIQUE_COMMENT = 4,  /* comment */
    TECHNIQUE_DATA = 5,     /* data-email attribute */
    TECHNIQUE_TITLE = 6,    /* title attribute */
    TECHNIQUE_INPUT = 7,    /* value of a hidden form field */
    TECHNIQUE_JSON_LD = 8,  /* JSON-LD */
    TECHNIQUE_NOSCRIPT = 9, /* text in noscript */
    TECHNIQUE_TEMPLATE = 10, /* text in a template element */
    TECHNIQUE_TEXTAREA = 11, /* text of a form field */
    TECHNIQUE_SCRIPT = 12,   /* string in a script */
    TECHNIQUE_ENTITY = 13,   /* text as character entities: needs an HTML parser */
    TECHNIQUE_SPLIT = 14,    /* text in several elements: needs rendered text */
    TECHNIQUE_SPELLED = 15,  /* "name (at) example (dot) net": needs a de-obfuscator or a person */
    TECHNIQUE_JOINED = 16,   /* put together by a script: needs a browser */
    TECHNIQUE_COUNT = 17
};

/* "link", "comment", …; "unknown" for a number of a later version. */
static inline const char *technique_name(uint8_t technique)
{
    static const char *const names[TECHNIQUE_COUNT] = {
        "none",     "link",     "mailto",   "text",   "comment", "data",  "title",   "input",  "json-ld",
        "noscript", "template", "textarea", "script", "entity",  "split", "spelled", "joined",
    };

    return technique < TECHNIQUE_COUNT ? names[technique] : "unknown";
}

#endif
