#include "internal.h"

#include <stdlib.h>

struct status_text {
    unsigned status;
    const char *body;
};
static const struct status_text status_texts[] = {
    { 405, "Method Not Allowed\n" },
    { 413, "Content Too Large\n" },
    { 414, "URI Too Long\n" },
    { 429, "Too Many Requests\n" },
    { 431, "Request Header Fields Too Large\n" },
    { 500, "Internal Server Error\n" },
    { 503, "Service Unavailable\n" },
};

static struct MHD_Response *response_new(const struct httpd_response *a)
{
    static const enum MHD_ResponseMemoryMode modes[] = {
        [HTTPD_COPY] = MHD_RESPMEM_MUST_COPY,
        [HTTPD_STATIC] = MHD_RESPMEM_PERSISTENT,
        [HTTPD_FREE] = MHD_RESPMEM_MUST_FREE,
    };
    void *body = (void *)(uintptr_t)a->body.p;
    struct MHD_Response *m = MHD_create_response_from_buffer(a->body.n, body, modes[a->body_mode]);

    if (m == NULL && a->body_mode == HTTPD_FREE)
        free(body);
    return m;
}

static bool response_fields(struct MHD_Response *m, const struct httpd_response *a, bool close)
{
    if (a->type != NULL && MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, a->type) != MHD_YES)
        return false;
    for (size_t i = 0; i < a->field_count; i++)
        if (MHD_add_response_header(m, a->fields[i].name, a->fields[i].value) != MHD_YES)
            return false;
    return !close || MHD_add_response_header(m, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
}

void httpd_respond(struct httpd_request *r, const struct httpd_response *a)
{
    struct httpd_conn *c = r->conn;
    struct MHD_Response *m = response_new(a);
    const bool close = c->refuse != 0 || c->last || atomic_load_explicit(&c->server->stopping, memory_order_relaxed);

    TRAP_BUG_ON(c->responded);
    c->responded = true;
    c->queued = MHD_NO;
    if (m == NULL)
        return;
    if (response_fields(m, a, close))
        c->queued = MHD_queue_response(c->mhd, a->status, m);
    MHD_destroy_response(m);
}

void respond_status(struct httpd_conn *c, unsigned status)
{
    static const struct httpd_field allow = { "Allow", "GET, HEAD" };
    struct httpd_request r = { .conn = c };
    struct httpd_response a = { .status = status, .type = "text/plain; charset=utf-8", .body_mode = HTTPD_STATIC };

    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        a.fields = &allow;
        a.field_count = 1;
    }
    for (size_t i = 0; i < sizeof(status_texts) / sizeof(status_texts[0]); i++)
        if (status_texts[i].status == status)
            a.body = bytes_str(status_texts[i].body);
    atomic_fetch_add_explicit(&c->server->refused_requests, 1, memory_order_relaxed);
    httpd_respond(&r, &a);
}
