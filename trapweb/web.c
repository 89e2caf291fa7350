#include "web.h"

#include <base/log.h>

static void mint_drop(void *mint)
{
    struct mint *m = mint;

    mint_free(&m);
}

struct mint *web_mint(struct web *w)
{
    struct mint *m = pthread_getspecific(w->mint);

    if (m != NULL || mint_new(&w->keys, &m) != TRAP_OK)
        return m;
    if (pthread_setspecific(w->mint, m) != 0)
        mint_free(&m);
    return m;
}

static enum trap_err crawlers_read(struct web *w, struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    prefix_set_init(&w->crawlers);
    for (size_t i = 0; i < w->conf->crawler_files.n && err == TRAP_OK; i++)
        err = prefix_set_load_file(&w->crawlers, w->conf->crawler_files.v[i], why);
    if (err == TRAP_OK && prefix_set_seal(&w->crawlers) != TRAP_OK) {
        err_text_set(why, "not enough memory for the crawler ranges");
        err = TRAP_ENOMEM;
    }
    return err;
}

static enum trap_err tables_make(struct web *w, struct err_text *why)
{
    const struct window_options window = { VISIT_WINDOW_MAX, w->conf->web.visit_window, w->conf->web.visits_per_hour,
                                           w->conf->web.visits_per_day };
    const struct hash_key secret = keyed_purpose(w->keys.node, "markup");
    struct mint *mint = NULL;
    enum trap_err err = TRAP_ENOMEM;

    err_text_set(why, "not enough memory");
    markup_init(&w->markup, &secret);
    markup_sheet(&w->markup, &w->sheet);
    if (w->sheet.err != TRAP_OK || window_new(&window, &w->window) != TRAP_OK || page_cache_new(&w->pages) != TRAP_OK)
        return TRAP_ENOMEM;
    mint = web_mint(w);
    if (mint == NULL)
        return TRAP_ENOMEM;
    err = sites_init(&w->sites, w->conf, mint, why);
    return err == TRAP_OK ? crawlers_read(w, why) : err;
}

enum trap_err web_init(struct web *w, const struct config *conf, const struct keyring *keys, struct err_text *why)
{
    memset(w, 0, sizeof(*w));
    w->conf = conf;
    w->keys = *keys;
    buf_init(&w->sheet, 16 * 1024);
    if (pthread_key_create(&w->mint, mint_drop) != 0) {
        err_text_set(why, "cannot create a thread key");
        return TRAP_ENOMEM;
    }
    return tables_make(w, why);
}

void web_free(struct web *w)
{
    struct mint *m = pthread_getspecific(w->mint);

    mint_free(&m);
    (void)pthread_key_delete(w->mint);
    page_cache_free(&w->pages);
    window_free(&w->window);
    prefix_set_free(&w->crawlers);
    sites_free(&w->sites);
    buf_free(&w->sheet);
    keyring_wipe(&w->keys);
}

struct httpd_options web_httpd_options(struct web *w, const struct config *conf)
{
    const struct conf_web *c = &conf->web;

    return (struct httpd_options){
        .listen = &c->listen,
        .threads = c->threads,
        .connections_max = c->connections_max,
        .connections_per_ip = c->connections_per_ip,
        .per_ip_exempt = &c->trusted_proxies,
        .header_max_bytes = c->header_max_bytes,
        .idle_timeout = c->idle_timeout,
        .deadline = c->commit_deadline,
        .request = route_request,
        .resumed = route_resumed,
        .dropped = route_dropped,
        .arg = w,
    };
}

/* The log commits what waits and gives every order back before it closes; no handler submits any more. */
void web_drain(void *arg)
{
    struct web *w = arg;
    struct visit_log *log = w->log; /* order_done() still uses w->log */

    visit_log_close(&log);
    w->log = NULL;
}

static uint64_t count(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void web_log_counters(struct web *w)
{
    const struct counters *c = &w->counters;

    log_info("web.counters", LOG_U64("requests", count(&c->requests)), LOG_U64("visits", count(&c->visits)),
             LOG_U64("repeats", count(&c->repeats)), LOG_U64("not_shown", count(&c->not_shown)),
             LOG_U64("without_client", count(&c->without[WITHOUT_CLIENT])),
             LOG_U64("without_special", count(&c->without[WITHOUT_SPECIAL])),
             LOG_U64("without_domain", count(&c->without[WITHOUT_DOMAIN])),
             LOG_U64("without_busy", count(&c->without[WITHOUT_BUSY])),
             LOG_U64("without_budget", count(&c->without[WITHOUT_BUDGET])),
             LOG_U64("without_store", count(&c->without[WITHOUT_STORE])),
             LOG_U64("without_deadline", count(&c->without[WITHOUT_DEADLINE])),
             LOG_U64("without_stopping", count(&c->without[WITHOUT_STOPPING])),
             LOG_U64("without_memory", count(&c->without[WITHOUT_MEMORY])));
}

void web_log_connections(struct web *w)
{
    struct httpd_stats s = { 0 };

    httpd_stats(w->httpd, &s);
    log_info("web.connections", LOG_U64("accepted", s.connections), LOG_U64("open", s.connections_now),
             LOG_U64("refused", s.refused_connections), LOG_U64("refused_requests", s.refused_requests),
             LOG_U64("deadlines", s.deadlines));
}
