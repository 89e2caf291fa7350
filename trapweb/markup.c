#include "markup.h"

#include <stdio.h>

static const char *const layout_words[] = {
    "aside", "band",  "block", "body", "box",  "card",  "cell", "col",  "core",  "deck",  "edge",  "field", "flow", "frame", "grid", "group",
    "inner", "item",  "lane",  "layer", "lead", "line",  "list", "main", "mark",  "media", "note",  "outer", "page", "pane",  "panel", "part",
    "piece", "plate", "rail",  "row",  "shell", "side",  "slab", "slot", "space", "span",  "stack", "strip", "tile", "top",   "unit", "wrap",
};
enum { LAYOUT_WORDS = sizeof(layout_words) / sizeof(layout_words[0]) };

uint64_t markup_draw(const struct markup *m, const char *purpose, struct bytes text)
{
    uint8_t in[2 * sizeof(uint64_t)];
    const uint64_t a = keyed_hash(&m->key, bytes_str(purpose)), b = keyed_hash(&m->key, text);

    memcpy(in, &a, sizeof(a));
    memcpy(in + sizeof(a), &b, sizeof(b));
    return keyed_hash(&m->key, bytes_of(in, sizeof(in)));
}

static bool name_is_taken(const struct markup *m, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(m->names[i], m->names[count]) == 0)
            return true;
    return false;
}

void markup_init(struct markup *m, const struct hash_key *secret)
{
    *m = (struct markup){ .key = *secret };
    for (uint8_t i = 0; i < NAME_COUNT; i++) {
        uint8_t attempt = 0;
        do {
            const uint8_t in[2] = { i, attempt++ };
            const uint64_t draw = markup_draw(m, "name", bytes_of(in, sizeof(in)));
            const char *first = layout_words[draw % LAYOUT_WORDS];
            const char *second = layout_words[(draw >> 32) % LAYOUT_WORDS];
            (void)snprintf(m->names[i], sizeof(m->names[i]), i == NAME_VARIABLE ? "%s_%s" : "%s-%s", first, second);
        } while (name_is_taken(m, i));
    }
}

/* Ways to take something off the page for everybody who sees it; `inert` in the markup does the same for
 * keyboards and readers. */
static void sheet_hidden(const struct markup *m, struct buf *out)
{
    const uint64_t draw = markup_draw(m, "sheet", bytes_str(""));
    const unsigned far = 2000 + (unsigned)(draw >> 8) % 8000;

    buf_addf(out, ".%s { ", m->names[NAME_HIDDEN]);
    switch (draw % 4) {
    case 0:
        buf_addf(out, "position: absolute; left: -%upx", far);
        break;
    case 1:
        buf_addf(out, "position: absolute; top: -%upx", far);
        break;
    case 2:
        buf_addf(out, "position: fixed; right: -%upx; width: 20em", far);
        break;
    default:
        buf_add_str(out, "position: absolute; width: 1px; height: 1px; overflow: hidden; clip: rect(0 0 0 0)");
        break;
    }
    buf_add_str(out, " }\n");
}

void markup_sheet(const struct markup *m, struct buf *out)
{
    static const char *const fonts[] = { "Georgia, serif", "Verdana, sans-serif", "Helvetica, Arial, sans-serif",
                                         "\"Trebuchet MS\", sans-serif" };
    const uint64_t draw = markup_draw(m, "colours", bytes_str(""));
    const unsigned hue = (unsigned)(draw % 360), width = 38 + (unsigned)(draw >> 16) % 16;

    buf_addf(out, "body { margin: 0 auto; max-width: %uem; padding: 1em; font: 1em/1.5 %s; color: #222 }\n", width,
             fonts[(draw >> 32) % 4]);
    buf_addf(out, "a { color: hsl(%u, 60%%, 35%%) }\n", hue);
    buf_addf(out, ".%s { border-bottom: 2px solid hsl(%u, 40%%, 70%%) }\n", m->names[NAME_HEAD], hue);
    buf_addf(out, ".%s ul { list-style: none; padding: 0 }\n.%s li { display: inline-block; margin-right: 1em }\n",
             m->names[NAME_NAV], m->names[NAME_NAV]);
    buf_addf(out, ".%s { padding: 0 .5em }\n", m->names[NAME_MAIN]);
    sheet_hidden(m, out);
    buf_addf(out, ".%s { margin-top: 2em; font-size: .85em; color: #555 }\n", m->names[NAME_FOOT]);
}
