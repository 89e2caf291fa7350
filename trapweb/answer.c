#include "web.h"

#define COUNT(field) atomic_fetch_add_explicit(&(field), 1, memory_order_relaxed)

static const char type_html[] = "text/html; charset=utf-8";
static const struct httpd_field no_store[] = {
    { "Cache-Control", "no-store" },
    { "X-Robots-Tag", "noindex, nofollow, noarchive" },
};
static const struct httpd_field one_day[] = { { "Cache-Control", "max-age=86400" } };

static void respond_static(struct httpd_request *r, unsigned status, const char *type, struct bytes body)
{
    const struct httpd_response a = { status, type, one_day, 1, body, HTTPD_STATIC };

    httpd_respond(r, &a);
}

static void respond_page(struct httpd_request *r, struct bytes body)
{
    const struct httpd_response a = { 200, type_html, no_store, 2, body, HTTPD_FREE };

    httpd_respond(r, &a);
}

static struct page_spec spec_of(struct web *w, struct asked *a, const struct layout *layout)
{
    return (struct page_spec){
        .kind = PAGE_BAIT,
        .theme = a->theme,
        .markup = &w->markup,
        .layout = layout,
        .base = a->base,
        .prefix = a->prefix,
        .site = bytes_of(a->host.text, a->host.name_n),
        .path = a->path,
        .terms = w->conf->web.terms,
    };
}

/* Addresses of all slots; false where this thread has no mint. A reserved name leaves its slot empty: another
 * text would decode to another visit, or to none. */
static bool mint_addresses(struct web *w, const struct asked *a, const struct shown *shown, const struct layout *layout,
                           uint8_t local[VISIT_SLOTS][MINT_LOCAL_MAX], struct page_address *out)
{
    struct mint *mint = web_mint(w);
    struct mint_ref ref = { .node = w->keys.node_id, .epoch = shown->epoch, .serial = shown->serial };

    if (mint == NULL)
        return false;
    for (uint8_t s = 0; s < layout->count; s++) {
        const struct site_domain *d = &a->site->domains[layout->domain[s]];
        ref.slot = s;
        out[s].local = bytes_of(local[s], mint_encode(mint, d->tweak, ref, local[s]));
        if (config_is_reserved(d->conf, out[s].local))
            out[s].local.n = 0;
        out[s].domain = d->name;
    }
    return true;
}

void answer_bait(struct web *w, struct asked *a, const struct shown *shown, enum without reason)
{
    uint8_t local[VISIT_SLOTS][MINT_LOCAL_MAX];
    struct page_address addresses[VISIT_SLOTS];
    const uint8_t number = shown != NULL ? shown->layout : a->layout_number;
    const struct layout layout = layout_of(&w->markup, a->site->index, number, a->site->domain_count);
    const struct page_spec spec = spec_of(w, a, &layout);
    struct page *page = NULL;
    struct bytes body = { 0 };

    if (shown != NULL && !mint_addresses(w, a, shown, &layout, local, addresses)) {
        shown = NULL;
        reason = WITHOUT_MEMORY;
    }
    if (shown == NULL)
        COUNT(w->counters.without[reason]);
    if (page_cache_get(w->pages, &spec, &page) == TRAP_OK) {
        if (page_render(page, shown == NULL ? NULL : addresses, &body) == TRAP_OK)
            respond_page(a->request, body);
        page_drop(&page);
    }
}

void answer_terms(struct web *w, struct asked *a)
{
    const struct layout none = { 0 };
    struct page_spec spec = spec_of(w, a, &none);
    struct page *page = NULL;
    struct bytes body = { 0 };

    spec.kind = PAGE_TERMS;
    if (page_cache_get(w->pages, &spec, &page) == TRAP_OK) {
        if (page_render(page, NULL, &body) == TRAP_OK)
            respond_page(a->request, body);
        page_drop(&page);
    }
}

void answer_robots(struct httpd_request *r)
{
    respond_static(r, 200, "text/plain; charset=utf-8", BYTES("User-agent: *\nDisallow: /\n"));
}

void answer_sheet(struct web *w, struct httpd_request *r)
{
    respond_static(r, 200, "text/css; charset=utf-8", buf_bytes(&w->sheet));
}

void answer_not_found(struct httpd_request *r)
{
    respond_static(r, 404, type_html,
                   BYTES("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Not found</title>\n"
                         "</head>\n<body>\n<h1>Not found</h1>\n</body>\n</html>\n"));
}
