/* What libmicrohttpd calls, in this order for a connection: handler_connection (started); then for each
 * request handler_target, handler_request (first call: only say yes, a response queued here would close the
 * connection), handler_request for each piece of a body, handler_request at the end of it, again after a
 * suspension, handler_completed; at last handler_connection (closed). */
#include "internal.h"

#include <base/num.h>

#include <stdlib.h>

static struct httpd_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

/* From now on the client has time to send a whole request. */
static void await_request(struct httpd_conn *c)
{
    atomic_store_explicit(&c->reading_since, mono_now().ms, memory_order_relaxed);
}

static void conn_open(struct httpd *h, struct MHD_Connection *mhd, void **socket_context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct httpd_conn *c = calloc(1, sizeof(*c));
    uint32_t mine = 0, total = 0;
    uint16_t port = 0;

    if (c == NULL)
        return;
    c->server = h;
    c->mhd = mhd;
    if (info == NULL || info->client_addr == NULL || ip_from_sockaddr(info->client_addr, &c->ip, &port) != TRAP_OK)
        c->ip = ip_v4(0, 0, 0, 0);
    c->fd = fd == NULL ? -1 : fd->connect_fd;
    await_request(c);
    peers_add(&h->peers, c, &mine, &total);
    if (total > h->o.connections_max)
        c->refuse = MHD_HTTP_SERVICE_UNAVAILABLE;
    else if (mine > h->o.connections_per_ip &&
             (h->o.per_ip_exempt == NULL || !prefix_set_has(h->o.per_ip_exempt, c->ip)))
        c->refuse = MHD_HTTP_TOO_MANY_REQUESTS;
    atomic_fetch_add_explicit(c->refuse == 0 ? &h->connections : &h->refused_connections, 1, memory_order_relaxed);
    *socket_context = c;
}

void handler_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                        enum MHD_ConnectionNotificationCode code)
{
    struct httpd *h = cls;
    struct httpd_conn *c = NULL;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn_open(h, mhd, socket_context);
        return;
    }
    c = *socket_context;
    if (c == NULL)
        return;
    peers_remove(&h->peers, c);
    free(c);
    *socket_context = NULL;
}

/* The target as sent: libmicrohttpd cuts and decodes its own copy, and a decoded %00 would cut the path. */
void *handler_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct httpd_conn *c = conn_of(mhd);

    (void)cls;
    if (c != NULL) {
        c->target_len = strnlen(target, HTTPD_TARGET_MAX + 1);
        if (c->target_len <= HTTPD_TARGET_MAX)
            memcpy(c->target, target, c->target_len);
    }
    return NULL;
}

size_t handler_keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static bool method_is_known(struct bytes method)
{
    return bytes_eq(method, BYTES("GET")) || bytes_eq(method, BYTES("HEAD"));
}

/* RFC 9112 3.2.2: "GET http://host/path HTTP/1.1" means host and path. */
static void split_target(struct httpd_request *r, struct bytes target)
{
    const size_t question = bytes_find(target, '?');

    r->path = bytes_take(target, question);
    r->query = bytes_skip(target, question + 1);
    if (bytes_has_iprefix(r->path, BYTES("http://")) || bytes_has_iprefix(r->path, BYTES("https://"))) {
        const struct bytes rest = bytes_skip(r->path, bytes_find(r->path, '/') + 2);
        const size_t slash = bytes_find(rest, '/');
        r->host = bytes_take(rest, slash);
        r->path = slash == rest.n ? BYTES("/") : bytes_skip(rest, slash);
    }
}

static struct httpd_request request_view(struct httpd_conn *c, const char *method)
{
    struct httpd_request r = { .conn = c, .method = bytes_str(method), .peer = c->ip };

    r.head = bytes_eq(r.method, BYTES("HEAD"));
    r.host = httpd_header(&r, "Host");
    split_target(&r, bytes_of(c->target, c->target_len));
    return r;
}

/* Also with a blank before the colon, which the library takes for part of the name. */
static enum MHD_Result body_each(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size, const char *value,
                                 size_t value_size)
{
    const struct bytes name = bytes_trim(bytes_of(key, key_size));
    bool *found = cls;

    (void)kind;
    (void)value;
    (void)value_size;
    *found |= bytes_ieq(name, BYTES("Content-Length")) || bytes_ieq(name, BYTES("Transfer-Encoding"));
    return MHD_YES;
}

/* A request that speaks of a body is the last one of its connection: where a proxy and the library disagree
 * about its end, what is behind it must not run as a request of somebody else (RFC 9112 6.1, 11.2). */
static bool speaks_of_body(const struct httpd_conn *c)
{
    bool found = false;

    (void)MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, body_each, &found);
    return found;
}

static enum MHD_Result request_begin(struct httpd_conn *c)
{
    struct httpd *h = c->server;
    const struct httpd_request r = { .conn = c };
    const struct bytes length = httpd_header(&r, "Content-Length");
    uint64_t n = 0;

    atomic_fetch_add(&h->active, 1);
    atomic_fetch_add_explicit(&h->requests, 1, memory_order_relaxed);
    c->last = speaks_of_body(c);
    c->responded = false;
    c->suspended = false;
    c->queued = MHD_YES;
    c->body_bytes = 0;
    c->won = NULL;
    atomic_store_explicit(&c->outcome, OUTCOME_NONE, memory_order_relaxed);
    if (length.n != 0 && num_u64(length, 0, BODY_MAX, &n) == TRAP_ERANGE) {
        respond_status(c, MHD_HTTP_CONTENT_TOO_LARGE);
        return c->queued;
    }
    return MHD_YES;
}

/* The status with which the server itself refuses a request, or 0. */
static unsigned request_refusal(const struct httpd_conn *c, struct bytes method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    if (c->refuse != 0)
        return c->refuse;
    if (info != NULL && info->header_size > c->server->o.header_max_bytes)
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (c->target_len > HTTPD_TARGET_MAX)
        return MHD_HTTP_URI_TOO_LONG;
    return method_is_known(method) ? 0 : MHD_HTTP_METHOD_NOT_ALLOWED;
}

static void request_first(struct httpd_conn *c, const char *method)
{
    struct httpd *h = c->server;
    const unsigned refusal = request_refusal(c, bytes_str(method));
    struct httpd_request r;

    if (refusal != 0) {
        respond_status(c, refusal);
        return;
    }
    r = request_view(c, method);
    h->o.request(&r, h->o.arg);
}

static void request_again(struct httpd_conn *c, const char *method)
{
    struct httpd *h = c->server;
    struct httpd_request r = request_view(c, method);
    struct httpd_wait *won = c->won;

    c->won = NULL;
    h->o.resumed(&r, won, h->o.arg);
}

enum MHD_Result handler_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                                const char *upload, size_t *upload_bytes, void **con_cls)
{
    struct httpd_conn *c = *con_cls;

    (void)cls;
    (void)url;
    (void)version;
    (void)upload;
    if (c == NULL) {
        c = conn_of(mhd);
        if (c == NULL)
            return MHD_NO;
        *con_cls = c;
        return request_begin(c);
    }
    if (*upload_bytes != 0) {
        c->body_bytes += *upload_bytes;
        *upload_bytes = 0;
        return c->body_bytes > BODY_MAX ? MHD_NO : MHD_YES;
    }
    atomic_store_explicit(&c->reading_since, 0, memory_order_relaxed);
    if (atomic_load_explicit(&c->outcome, memory_order_acquire) == OUTCOME_NONE)
        request_first(c, method);
    else
        request_again(c, method);
    if (c->suspended) {
        c->suspended = false;
        atomic_fetch_sub(&c->server->submitting, 1);
        return MHD_YES;
    }
    if (!c->responded)
        respond_status(c, MHD_HTTP_INTERNAL_SERVER_ERROR);
    return c->queued;
}

void handler_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode why)
{
    struct httpd *h = cls;
    struct httpd_conn *c = *con_cls;

    (void)mhd;
    (void)why;
    if (c == NULL)
        return;
    *con_cls = NULL;
    if (c->won != NULL) { /* resumed, but the client has gone */
        struct httpd_wait *won = c->won;
        c->won = NULL;
        h->o.dropped(won, h->o.arg);
    }
    await_request(c);
    atomic_fetch_sub(&h->active, 1);
}

struct bytes httpd_header(const struct httpd_request *r, const char *name)
{
    const char *value = NULL;
    size_t n = 0;

    if (MHD_lookup_connection_value_n(r->conn->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES ||
        value == NULL)
        return (struct bytes){ 0 };
    return bytes_of(value, n);
}

struct header_walk {
    struct bytes name, *out;
    size_t max, n;
};

static enum MHD_Result header_each(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size, const char *value,
                                   size_t value_size)
{
    struct header_walk *walk = cls;

    (void)kind;
    if (bytes_ieq(bytes_of(key, key_size), walk->name)) {
        if (walk->n < walk->max)
            walk->out[walk->n] = value == NULL ? (struct bytes){ 0 } : bytes_of(value, value_size);
        walk->n++;
    }
    return MHD_YES;
}

size_t httpd_headers(const struct httpd_request *r, const char *name, struct bytes *out, size_t max)
{
    struct header_walk walk = { .name = bytes_str(name), .out = out, .max = max };

    (void)MHD_get_connection_values_n(r->conn->mhd, MHD_HEADER_KIND, header_each, &walk);
    return walk.n;
}
