/* httpd.h - an HTTP server for pages that wait for a commit: suspend with a deadline, limits, orderly stop.
 *
 * Why:     libmicrohttpd ignores its own timeout for suspended connections and aborts the process when it is
 *          stopped with one; the rules that make it safe stand here, once (docs/adr/0006). Only this folder
 *          sees microhttpd.h.
 * Use:     httpd_open() binds (so that it can be done before privileges are dropped), httpd_run() starts the
 *          threads, httpd_stop() ends everything in order.
 * Handler: called once a request, when its header is complete and its body (if any) was read and dropped. It
 *          must do exactly one of httpd_respond() and httpd_suspend().
 * Suspend: the handler embeds a struct httpd_wait in a job of its own, calls httpd_suspend() and, if that is
 *          true, gives the job away. Whoever gets it calls httpd_resume() exactly once, on any thread.
 *          Completion and deadline race; one lock decides:
 *            httpd_resume() true   the request side owns the job now. `resumed` is called with it on a server
 *            thread and must
 *                                  respond (or `dropped`, when the client has gone meanwhile).
 *            httpd_resume() false  the deadline was first: the caller keeps the job and must not touch the
 *            request.
 *          When the deadline is first, `resumed` is called with NULL and must respond without the job.
 *          The same job is never touched by both sides, so it needs no lock and no reference count.
 * Methods: GET and HEAD reach the handler (a HEAD response is sent without its body, with its length).
 *          Others: 405 with Allow; their bodies are read and dropped up to 64 kB, then 413 or the connection
 *          is closed. A request with Content-Length or Transfer-Encoding is the last one of its connection:
 *          nothing can be smuggled behind it.
 * Limits:  connections_max and connections_per_ip (key: IPv4 address, IPv6 /64; addresses in per_ip_exempt
 *          are not counted): one too many is answered 503 or 429 and closed; from 64 beyond connections_max
 *          on it is closed unread. header_max_bytes: 431; the library needs some of the same memory for its
 *          tables, so very many tiny fields may be refused earlier. Request target over HTTPD_TARGET_MAX:
 *          414. idle_timeout: closed; and closed, too, when a request is not complete after twice that time,
 *          however its octets drip.
 * Owns:    strings of a request are borrowed from the connection: valid until the response, also while
 *          suspended, but only on server threads. Copy what the job needs.
 * Errors:  httpd_open: TRAP_EBUSY when a port is in use, else TRAP_EPERM, TRAP_EIO, TRAP_ENOMEM; `why` names
 *          the endpoint.
 * Threads: request, resumed, dropped run on server threads (one at a time for a connection). httpd_resume()
 *          on any thread. httpd_open, httpd_run, httpd_stop on the main thread.
 * Tests:   tests/unit/httpd/
 */
#ifndef HTTPD_HTTPD_H
#define HTTPD_HTTPD_H

#include <base/bytes.h>
#include <base/config.h>
#include <base/err.h>
#include <base/ip.h>
#include <base/prefix_set.h>
#include <base/time.h>

enum { HTTPD_TARGET_MAX = 1024 };

struct httpd;
struct httpd_conn;

struct httpd_request {
    struct bytes method;
    struct bytes path;  /* as sent, percent signs and all; without query; begins with "/" but for "*" and the like */
    struct bytes query; /* behind the "?", empty where there is none */
    struct bytes host;  /* Host field, or the authority of an absolute target: name and perhaps port, as sent */
    struct ip peer;     /* other end of the TCP connection */
    bool head;
    struct httpd_conn *conn;
};

/* First field of that name, or empty. Case-insensitive. */
struct bytes httpd_header(const struct httpd_request *r, const char *name);
/* All fields of that name in order, at most max; returns how many there are in all. */
size_t httpd_headers(const struct httpd_request *r, const char *name, struct bytes *out, size_t max);

enum httpd_body {
    HTTPD_COPY,   /* bytes are copied */
    HTTPD_STATIC, /* bytes live as long as the server */
    HTTPD_FREE    /* bytes came from malloc and are freed by the server, in every case */
};
struct httpd_field {
    const char *name, *value;
};
struct httpd_response {
    unsigned status;
    const char *type;                 /* Content-Type */
    const struct httpd_field *fields; /* more header fields */
    size_t field_count;
    struct bytes body;
    enum httpd_body body_mode;
};
/* When memory runs out the connection is closed instead. */
void httpd_respond(struct httpd_request *r, const struct httpd_response *a);

struct httpd_wait { /* all private */
    struct httpd_wait *next, *prev;
    struct httpd_conn *conn;
    struct httpd *server;
    mono_t deadline;
    bool queued;
};
/* False while the server stops: respond at once. */
TRAP_NODISCARD bool httpd_suspend(struct httpd_request *r, struct httpd_wait *w);
TRAP_NODISCARD bool httpd_resume(struct httpd_wait *w);

struct httpd_options {
    const struct endpoints *listen;
    uint32_t threads; /* server threads for each endpoint, at least 1 */
    uint32_t connections_max, connections_per_ip;
    const struct prefix_set *per_ip_exempt; /* sealed; may be NULL */
    uint64_t header_max_bytes;
    span_t idle_timeout; /* rounded up to whole seconds */
    span_t deadline;     /* of every suspension */
    void (*request)(struct httpd_request *r, void *arg);
    void (*resumed)(struct httpd_request *r, struct httpd_wait *w, void *arg);
    void (*dropped)(struct httpd_wait *w, void *arg);
    void *arg;
};
/* What `o` points to must outlive the server. */
TRAP_NODISCARD enum trap_err httpd_open(const struct httpd_options *o, struct httpd **out, struct err_text *why);
TRAP_NODISCARD enum trap_err httpd_run(struct httpd *h, struct err_text *why);

/* Accepts no more connections, suspends no more requests, then calls drain(arg) (may be NULL), which must see
 * to it that httpd_resume() was called for every job that was given away; waits up to 3 s for the responses
 * to go out; ends. */
void httpd_stop(struct httpd **h, void (*drain)(void *arg), void *arg);

/* The port an endpoint was bound to (tests use port 0). */
uint16_t httpd_port(const struct httpd *h, size_t endpoint);

struct httpd_stats {
    uint64_t connections, requests, refused_connections, refused_requests, deadlines;
    uint32_t connections_now, suspended_now;
};
void httpd_stats(struct httpd *h, struct httpd_stats *out); /* any thread */

#endif
