/* Order of a page (docs/bait.md): page links first, because some crawlers follow only the first ten and mail
 * links eat into them; then the link that every harvester takes; the other techniques behind it, spread
 * between the paragraphs. */
#include "page.h"

#include "prose.h"

#include <stdlib.h>

struct builder {
    const struct page_spec *spec;
    struct buf text;
    struct prose prose;
    const char *site_name;
    struct page *page;
    size_t run;   /* where the present piece of text begins */
    uint8_t slot; /* whose text it is */
};

/* ---- pieces ---- */

static void piece_add(struct builder *b, struct piece q)
{
    if (b->page->count == PAGE_PIECES_MAX)
        b->text.err = TRAP_ENOMEM;
    else
        b->page->pieces[b->page->count++] = q;
}

static void run_end(struct builder *b)
{
    const struct piece q = { (uint32_t)b->run, (uint32_t)(b->text.n - b->run), b->slot, HOLE_NONE };

    if (q.length != 0)
        piece_add(b, q);
    b->run = b->text.n;
}

static void slot_set(struct builder *b, uint8_t slot)
{
    run_end(b);
    b->slot = slot;
}

static void hole_add(struct builder *b, uint8_t hole)
{
    run_end(b);
    piece_add(b, (struct piece){ .slot = b->slot, .hole = hole });
}

/* ---- techniques ---- */

static void add_id(struct builder *b, enum markup_name name)
{
    buf_add_str(&b->text, b->spec->markup->names[name]);
    if (name == NAME_VARIABLE || name == NAME_NODE || name == NAME_FIELD)
        buf_add_u64(&b->text, b->slot); /* distinct where a technique comes twice */
}

static void add_blank(struct builder *b, char letter)
{
    switch (letter) {
    case 'a': hole_add(b, HOLE_ADDRESS); break;
    case 'e': hole_add(b, HOLE_ENTITIES); break;
    case 'l': hole_add(b, HOLE_LOCAL); break;
    case 'd': hole_add(b, HOLE_DOMAIN); break;
    case 's': hole_add(b, HOLE_SPELLED); break;
    case 'c': add_id(b, NAME_HIDDEN); break;
    case 'f': add_id(b, NAME_FIELD); break;
    case 'v': add_id(b, NAME_VARIABLE); break;
    case 'i': add_id(b, NAME_NODE); break;
    case 't': buf_add_str(&b->text, b->site_name); break;
    case 'm': buf_add_str(&b->text, b->spec->theme->mailbox); break;
    default: TRAP_BUG_ON(letter != '%'); buf_add_byte(&b->text, '%'); break;
    }
}

static void slot_add(struct builder *b, uint8_t slot)
{
    const char *at = technique_markup(b->spec->layout->technique[slot]);
    const char *percent = NULL;

    slot_set(b, slot);
    while ((percent = strchr(at, '%')) != NULL) {
        buf_add(&b->text, bytes_of(at, (size_t)(percent - at)));
        add_blank(b, percent[1]);
        at = percent + 2;
    }
    buf_add_str(&b->text, at);
    slot_set(b, SLOT_ALL);
}

/* ---- links ---- */

enum link_form { LINK_ABSOLUTE, LINK_RELATIVE };

static void link_add(struct builder *b, enum link_form form, const char *path, const char *label)
{
    buf_add_str(&b->text, "<a href=\"");
    if (form == LINK_ABSOLUTE)
        buf_add(&b->text, b->spec->base);
    buf_add(&b->text, b->spec->prefix);
    buf_add_str(&b->text, path);
    buf_addf(&b->text, "\">%s</a>", label);
}

/* Absolute and relative ones: some crawlers follow only the one, some only the other. */
static void nav_add(struct builder *b)
{
    const struct theme *t = b->spec->theme;

    buf_addf(&b->text, "<nav class=\"%s\">\n<ul>\n", b->spec->markup->names[NAME_NAV]);
    for (size_t i = 0; i < THEME_PAGES; i++) {
        buf_add_str(&b->text, "<li>");
        link_add(b, i % 2 == 0 ? LINK_ABSOLUTE : LINK_RELATIVE, t->pages[i].path, t->pages[i].label);
        buf_add_str(&b->text, "</li>\n");
    }
    buf_add_str(&b->text, "</ul>\n</nav>\n");
}

static void foot_add(struct builder *b)
{
    const struct theme *t = b->spec->theme;

    buf_addf(&b->text, "<footer class=\"%s\">\n<p>\n", b->spec->markup->names[NAME_FOOT]);
    link_add(b, LINK_RELATIVE, "/", t->home);
    buf_add_str(&b->text, " |\n");
    link_add(b, LINK_ABSOLUTE, "/contact", t->pages[1].label);
    buf_add_str(&b->text, " |\n");
    link_add(b, LINK_RELATIVE, "/terms.html", t->terms);
    buf_add_str(&b->text, "\n</p>\n</footer>\n");
}

/* ---- the page ---- */

static void escaped_add(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '<': buf_add_str(out, "&lt;"); break;
        case '>': buf_add_str(out, "&gt;"); break;
        case '&': buf_add_str(out, "&amp;"); break;
        case '"': buf_add_str(out, "&quot;"); break;
        default: buf_add_byte(out, text.p[i]); break;
        }
    }
}

/* The label of the page with that path, or a heading that is drawn: nothing of the request comes back. */
static const char *page_title(struct builder *b)
{
    const struct theme *t = b->spec->theme;
    struct bytes path = b->spec->path;

    if (b->spec->kind == PAGE_TERMS)
        return t->terms;
    if (bytes_eq(path, BYTES("/contact")))
        return t->pages[1].label;
    for (size_t i = 1; i < THEME_PAGES; i++)
        if (bytes_eq(path, bytes_str(t->pages[i].path)))
            return t->pages[i].label;
    return prose_pick(&b->prose, t->headings);
}

static void head_add(struct builder *b, const char *title)
{
    const struct page_spec *s = b->spec;

    buf_addf(&b->text, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<title>%s - %s</title>\n",
             s->theme->lang, title, b->site_name);
    buf_add_str(&b->text, "<meta name=\"robots\" content=\"noindex,nofollow\">\n"
                          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                          "<link rel=\"stylesheet\" href=\"");
    buf_add(&b->text, s->prefix);
    buf_addf(&b->text, "/css/%s.css\">\n</head>\n<body>\n<header class=\"%s\">\n<p>%s</p>\n</header>\n",
             s->markup->names[NAME_SHEET], s->markup->names[NAME_HEAD], b->site_name);
}

/* Slot 0 follows the first paragraph; the others are dealt out behind the paragraphs after it, the rest
 * behind the last. */
static void bait_add(struct builder *b)
{
    const uint32_t paragraphs = 4 + prose_draw(&b->prose, 3);
    const uint8_t slots = b->spec->layout->count;
    uint8_t next = 0;

    for (uint32_t i = 0; i < paragraphs; i++) {
        if (i % 2 == 1)
            buf_addf(&b->text, "<h2>%s</h2>\n", prose_pick(&b->prose, b->spec->theme->headings));
        buf_add_str(&b->text, "<p>\n");
        prose_paragraph(&b->prose, &b->text);
        buf_add_str(&b->text, "</p>\n");
        if (next < slots)
            slot_add(b, next++);
    }
    while (next < slots)
        slot_add(b, next++);
}

static void terms_add(struct builder *b)
{
    const struct page_spec *s = b->spec;

    for (size_t i = 0; i < THEME_LIST_MAX && s->theme->terms_text[i] != NULL; i++)
        buf_addf(&b->text, "<p>\n%s\n</p>\n", s->theme->terms_text[i]);
    if (s->terms[0] == '\0')
        return;
    buf_add_str(&b->text, "<p>\n");
    escaped_add(&b->text, bytes_str(s->terms));
    buf_add_str(&b->text, "\n</p>\n");
}

static void page_add(struct builder *b)
{
    const char *title = page_title(b);

    head_add(b, title);
    nav_add(b);
    buf_addf(&b->text, "<main class=\"%s\">\n<h1>%s</h1>\n", b->spec->markup->names[NAME_MAIN], title);
    if (b->spec->kind == PAGE_TERMS)
        terms_add(b);
    else
        bait_add(b);
    buf_add_str(&b->text, "</main>\n");
    foot_add(b);
    buf_add_str(&b->text, "</body>\n</html>\n");
    run_end(b);
}

enum trap_err page_build(const struct page_spec *spec, struct page **out)
{
    const uint64_t site_draw = markup_draw(spec->markup, "site", spec->site);
    const uint64_t path_draw = markup_draw(spec->markup, "path", spec->path);
    struct builder b = { .spec = spec, .slot = SLOT_ALL, .page = calloc(1, sizeof(*b.page)) };
    enum trap_err err = TRAP_OK;

    if (b.page == NULL)
        return TRAP_ENOMEM;
    buf_init(&b.text, PAGE_TEXT_MAX);
    b.prose = prose_begin(spec->theme, site_draw);
    b.site_name = prose_pick(&b.prose, spec->theme->site_names);
    b.prose = prose_begin(spec->theme, site_draw ^ path_draw);
    page_add(&b);
    err = b.text.err;
    if (err == TRAP_OK) {
        b.page->text = malloc(b.text.n);
        err = b.page->text == NULL ? TRAP_ENOMEM : TRAP_OK;
    }
    if (err == TRAP_OK) {
        memcpy(b.page->text, b.text.p, b.text.n);
        b.page->text_bytes = b.text.n;
        atomic_init(&b.page->users, 1);
        *out = b.page;
        b.page = NULL;
    }
    buf_free(&b.text);
    free(b.page);
    return err;
}
