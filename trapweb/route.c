#include "web.h"

/* Names of files that are no pages: nobody looks for addresses there, and a page under such a name would look
 * odd. */
static const char *const file_suffixes[] = {
    ".ico", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".css", ".js",   ".json", ".xml", ".txt",
    ".pdf", ".zip", ".gz",  ".woff", ".woff2", ".ttf", ".map", ".mp4", ".webmanifest",
};

static bool path_is_file(struct bytes path)
{
    for (size_t i = 0; i < sizeof(file_suffixes) / sizeof(file_suffixes[0]); i++)
        if (bytes_has_isuffix(path, bytes_str(file_suffixes[i])))
            return true;
    return bytes_has_prefix(path, BYTES("/.well-known/"));
}

static bool path_is_sheet(const struct web *w, struct bytes path)
{
    const struct bytes name = bytes_str(w->markup.names[NAME_SHEET]);

    return bytes_has_prefix(path, BYTES("/css/")) && path.n == 5 + name.n + 4 &&
           bytes_eq(bytes_take(bytes_skip(path, 5), name.n), name) && bytes_has_isuffix(path, BYTES(".css"));
}

/* ---- reading a request ---- */

static struct client client_of(const struct web *w, const struct httpd_request *r, bool trusted)
{
    struct forwarded_fields f = { 0 };

    if (trusted) {
        f.for_count = httpd_headers(r, "X-Forwarded-For", f.for_, FORWARDED_FIELDS_MAX);
        f.forwarded_count = httpd_headers(r, "Forwarded", f.forwarded, FORWARDED_FIELDS_MAX);
    }
    return client_ip(r->peer, &f, &w->conf->web.trusted_proxies);
}

/* Where the proxy mounts the pages: "/people", of bytes that need no escaping. Anything else is as good as
 * none. */
static struct bytes mount_prefix(struct bytes field)
{
    const struct bytes text = bytes_trim(field);

    if (text.n < 2 || text.n > PREFIX_TEXT_LIMIT || text.p[0] != '/' || text.p[text.n - 1] == '/' || text.p[1] == '/')
        return (struct bytes){ 0 };
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alnum(text.p[i]) && memchr("/-_.~", text.p[i], 5) == NULL)
            return (struct bytes){ 0 };
    return text;
}

static void base_set(struct asked *a, bool https)
{
    const struct bytes scheme = https ? BYTES("https://") : BYTES("http://");

    if (a->host.n == 0)
        return;
    memcpy(a->base_text, scheme.p, scheme.n);
    memcpy(a->base_text + scheme.n, a->host.text, a->host.n);
    a->base = bytes_of(a->base_text, scheme.n + a->host.n);
}

void asked_read(struct web *w, struct httpd_request *r, struct asked *out)
{
    const bool trusted = prefix_set_has(&w->conf->web.trusted_proxies, r->peer);
    const struct bytes forwarded_host = trusted ? httpd_header(r, "X-Forwarded-Host") : (struct bytes){ 0 };
    struct bytes host_name;

    out->request = r;
    out->client = client_of(w, r, trusted);
    host_parse(forwarded_host.n != 0 ? forwarded_host : r->host, &out->host);
    host_name = bytes_of(out->host.text, out->host.name_n);
    out->site = sites_find(&w->sites, host_name);
    out->theme = site_theme(out->site, &w->markup, host_name);
    out->path = r->path;
    out->agent = httpd_header(r, "User-Agent");
    out->prefix = trusted ? mount_prefix(httpd_header(r, "X-Forwarded-Prefix")) : (struct bytes){ 0 };
    out->base = (struct bytes){ 0 };
    base_set(out, trusted && bytes_ieq(bytes_trim(httpd_header(r, "X-Forwarded-Proto")), BYTES("https")));
    out->layout_number = (uint8_t)(markup_draw(&w->markup, "arrangement", r->path) % LAYOUTS);
}

/* ---- httpd's callbacks ---- */

/* A visitor from outside must not learn what this is: for him /healthz is a page like any other, also where
 * he spoils his own address with a field that the proxy passes on. */
static bool may_ask_health(const struct asked *a)
{
    return a->client.status == CLIENT_SPECIAL || (a->client.status == CLIENT_UNKNOWN && !a->client.claimed);
}

static bool asks_health(struct web *w, struct httpd_request *r)
{
    struct asked a;

    if (!bytes_eq(r->path, BYTES("/healthz")))
        return false;
    asked_read(w, r, &a);
    return may_ask_health(&a);
}

void route_request(struct httpd_request *r, void *arg)
{
    struct web *w = arg;
    struct asked a;

    atomic_fetch_add_explicit(&w->counters.requests, 1, memory_order_relaxed);
    if (bytes_eq(r->path, BYTES("/robots.txt"))) {
        answer_robots(r);
        return;
    }
    if (path_is_sheet(w, r->path)) {
        answer_sheet(w, r);
        return;
    }
    if (path_is_file(r->path)) {
        answer_not_found(r);
        return;
    }
    asked_read(w, r, &a);
    if (bytes_eq(r->path, BYTES("/terms.html")))
        answer_terms(w, &a);
    else if (bytes_eq(r->path, BYTES("/healthz")) && may_ask_health(&a))
        health_begin(w, r);
    else
        visit_begin(w, &a);
}

void route_resumed(struct httpd_request *r, struct httpd_wait *wait, void *arg)
{
    struct web *w = arg;
    struct pending *p = (struct pending *)wait;
    const bool is_probe = p != NULL ? p->kind == PENDING_PROBE : asks_health(w, r);

    if (is_probe)
        health_resumed(r, p);
    else
        visit_resumed(w, r, p);
}

void route_dropped(struct httpd_wait *wait, void *arg)
{
    struct pending *p = (struct pending *)wait;

    (void)arg;
    if (p->kind == PENDING_PROBE)
        health_dropped(p);
    else
        visit_dropped(p);
}
