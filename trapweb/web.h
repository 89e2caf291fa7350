/* web.h - what the files of trapweb share: the state of the daemon and one request as it is understood.
 *
 * Flow:    route.c reads the request; visit_flow.c decides which visit it shows: one of the window at once,
 *          or a new one, for which the request is suspended until the visit is on disk (docs/adr/0006);
 *          answer.c renders.
 * Rule:    an address leaves only after its visit is on disk; a page without addresses is the same page
 *          otherwise.
 * Threads: struct web is read-only after web_start() but for counters, window and cache, which lock for
 *          themselves.
 */
#ifndef TRAPWEB_WEB_H
#define TRAPWEB_WEB_H

#include "client_ip.h"
#include "page_cache.h"
#include "site.h"
#include "visit_window.h"

#include <base/keyring.h>
#include <httpd/httpd.h>
#include <store/visit_log.h>

#include <pthread.h>

enum without { /* why a page went out without addresses */
    WITH_ADDRESSES,
    WITHOUT_CLIENT,   /* no trustworthy client address */
    WITHOUT_SPECIAL,  /* client in special-use space */
    WITHOUT_DOMAIN,   /* no minted trap domain */
    WITHOUT_BUSY,     /* limits of visit_window.h */
    WITHOUT_BUDGET,   /* visits_per_day */
    WITHOUT_STORE,    /* the visit could not be written */
    WITHOUT_DEADLINE, /* … not in time */
    WITHOUT_STOPPING,
    WITHOUT_MEMORY,
    WITHOUT_COUNT
};

struct counters {
    atomic_uint_fast64_t requests, visits, repeats, not_shown, without[WITHOUT_COUNT];
};

struct web {
    const struct config *conf;
    struct keyring keys;
    pthread_key_t mint; /* one struct mint for each server thread */
    struct markup markup;
    struct buf sheet;
    struct sites sites;
    struct prefix_set crawlers;
    struct visit_window *window;
    struct page_cache *pages;
    struct visit_log *log;
    struct httpd *httpd;
    struct counters counters;
    atomic_int_fast64_t failed_at_ms; /* mono; 0: the last visit that was written was written */
};

struct asked { /* one request as it is understood; borrowed from it: valid until the response, on server threads */
    struct httpd_request *request;
    struct client client;
    const struct site *site;
    const struct theme *theme;
    struct host host;
    struct bytes base, prefix, path, agent;
    uint8_t layout_number;
    uint8_t base_text[HOST_TEXT_MAX + 8];
};
enum { PREFIX_TEXT_LIMIT = 64 };

/* ---- web.c ---- */
/* conf and keys as read; binds nothing. */
TRAP_NODISCARD enum trap_err web_init(struct web *w, const struct config *conf, const struct keyring *keys, struct err_text *why);
void web_free(struct web *w);
/* This thread's, or NULL. */
struct mint *web_mint(struct web *w);
/* Before web_init(): ports are opened first. */
struct httpd_options web_httpd_options(struct web *w, const struct config *conf);
/* Ends suspended requests; then the log. For httpd_stop(). */
void web_drain(void *arg);
void web_log_counters(struct web *w);
void web_log_connections(struct web *w); /* while the server runs */

/* ---- route.c: httpd's callbacks ---- */
void route_request(struct httpd_request *r, void *arg);
void route_resumed(struct httpd_request *r, struct httpd_wait *wait, void *arg);
void route_dropped(struct httpd_wait *wait, void *arg);
void asked_read(struct web *w, struct httpd_request *r, struct asked *out);

/* ---- what may come back from a suspension ---- */
enum pending_kind { PENDING_VISIT, PENDING_PROBE };
struct pending {
    struct httpd_wait wait; /* first member */
    enum pending_kind kind;
};

/* ---- visit_flow.c ---- */
void visit_begin(struct web *w, struct asked *a);
/* p = NULL: the deadline was first. */
void visit_resumed(struct web *w, struct httpd_request *r, struct pending *p);
void visit_dropped(struct pending *p);

/* ---- health.c ---- */
void health_begin(struct web *w, struct httpd_request *r);
void health_resumed(struct httpd_request *r, struct pending *p);
void health_dropped(struct pending *p);
void health_note(struct web *w, bool written);

/* ---- answer.c ---- */
/* shown = NULL: without addresses, for the reason. */
void answer_bait(struct web *w, struct asked *a, const struct shown *shown, enum without reason);
void answer_terms(struct web *w, struct asked *a);
void answer_robots(struct httpd_request *r);
void answer_sheet(struct web *w, struct httpd_request *r);
void answer_not_found(struct httpd_request *r);

#endif
