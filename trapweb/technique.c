#include "technique.h"

/* By enum technique. Only what is not visible by itself stands outside an inert element of the hiding
 * class. */
static const char *const markups[TECHNIQUE_COUNT] = {
    [TECHNIQUE_LINK] = "<div class=\"%c\" inert>\n<p>\n<a href=\"mailto:%a\">\n%a\n</a>\n</p>\n</div>\n",
    [TECHNIQUE_MAILTO] = "<div class=\"%c\" inert>\n<p> <a href=\"mailto:%a\">%m</a> </p>\n</div>\n",
    [TECHNIQUE_TEXT] = "<div class=\"%c\" inert>\n<p>\n%a\n</p>\n</div>\n",
    [TECHNIQUE_COMMENT] = "<!-- %a -->\n",
    [TECHNIQUE_DATA] = "<div class=\"%c\" inert>\n<span data-email=\"%a\">%m</span>\n</div>\n",
    [TECHNIQUE_TITLE] = "<div class=\"%c\" inert>\n<span title=\"%a\">%m</span>\n</div>\n",
    [TECHNIQUE_INPUT] = "<input type=\"hidden\" name=\"%f\" value=\"%a\">\n",
    [TECHNIQUE_JSON_LD] = "<script type=\"application/ld+json\">\n{ \"@context\": \"https://schema.org\", \"@type\": \"Organization\",\n"
                          "\"name\": \"%t\",\n\"email\": \"%a\" }\n</script>\n",
    [TECHNIQUE_NOSCRIPT] = "<noscript>\n<div class=\"%c\" inert>\n<p>\n%a\n</p>\n</div>\n</noscript>\n",
    [TECHNIQUE_TEMPLATE] = "<template>\n<p>\n%a\n</p>\n</template>\n",
    [TECHNIQUE_TEXTAREA] = "<div class=\"%c\" inert>\n<textarea rows=\"2\" cols=\"40\" name=\"%f\">\n%a\n</textarea>\n</div>\n",
    [TECHNIQUE_SCRIPT] = "<script>\nvar %v = [ \" %a \" ];\n</script>\n",
    [TECHNIQUE_ENTITY] = "<div class=\"%c\" inert>\n<p>\n%e\n</p>\n</div>\n",
    [TECHNIQUE_SPLIT] = "<div class=\"%c\" inert>\n<p> <span>%l</span><span>@</span><span>%d</span> </p>\n</div>\n",
    [TECHNIQUE_SPELLED] = "<div class=\"%c\" inert>\n<p> %l (at) %s </p>\n</div>\n",
    [TECHNIQUE_JOINED] = "<div class=\"%c\" inert id=\"%i\"> </div>\n<script>\ndocument.getElementById(\"%i\").textContent =\n"
                         "\" \" + [ \"%l\", \"%d\" ].join(String.fromCharCode(64)) + \" \";\n</script>\n",
};

/* The second address of a domain asks: which parts of the source does it read? The third: what does it
 * decode? */
static const uint8_t readers[] = { TECHNIQUE_COMMENT,  TECHNIQUE_DATA,     TECHNIQUE_TITLE,    TECHNIQUE_INPUT, TECHNIQUE_JSON_LD,
                                   TECHNIQUE_NOSCRIPT, TECHNIQUE_TEMPLATE, TECHNIQUE_TEXTAREA, TECHNIQUE_SCRIPT };
static const uint8_t decoders[] = { TECHNIQUE_ENTITY, TECHNIQUE_SPLIT, TECHNIQUE_SPELLED, TECHNIQUE_JOINED };
/* First address of a further domain: taken by nearly everybody, too. */
static const uint8_t firsts[] = { TECHNIQUE_TEXT, TECHNIQUE_MAILTO };

const char *technique_markup(uint8_t technique)
{
    TRAP_BUG_ON(technique == TECHNIQUE_NONE || technique >= TECHNIQUE_COUNT);
    return markups[technique];
}

/* Neighbouring layouts begin at neighbouring places of each list, so that every technique comes up. */
static uint8_t technique_for(uint64_t draw, uint8_t number, unsigned slot)
{
    const unsigned turn = slot / ADDRESSES_PER_DOMAIN;

    switch (slot % ADDRESSES_PER_DOMAIN) {
    case 0:
        return slot == 0 ? TECHNIQUE_LINK : firsts[(draw + number + turn) % sizeof(firsts)];
    case 1:
        return readers[(draw + number + turn) % sizeof(readers)];
    default:
        return decoders[(draw / 16 + number + turn) % sizeof(decoders)];
    }
}

struct layout layout_of(const struct markup *m, uint32_t site, uint8_t number, size_t domain_count)
{
    const uint64_t draw = markup_draw(m, "layout", bytes_of(&site, sizeof(site))) >> 8;
    struct layout l = { 0 };

    while (l.count < VISIT_SLOTS && l.count / ADDRESSES_PER_DOMAIN < domain_count) {
        const uint8_t s = l.count++;
        l.technique[s] = technique_for(draw, number, s);
        l.domain[s] = (uint16_t)((draw / 256 + number + s / ADDRESSES_PER_DOMAIN) % domain_count);
        l.recipe |= (uint64_t)l.technique[s] << (8 * s);
    }
    return l;
}
