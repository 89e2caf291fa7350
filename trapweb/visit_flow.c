/* From a request to the visit that it shows.
 *
 *   window has one ──────────────────────────────▶ answer with its addresses
 *   not a client for bait, budget, store full ───▶ answer without addresses
 *   else: suspend; join the window
 *         somebody made the same visit ──────────▶ wait with it
 *         make it: an order goes to the log ─────▶ on disk: resume all who wait ─▶ answer with its addresses
 *                                                  failed: resume them ──────────▶ answer without
 *   deadline first ──────────────────────────────▶ answer without; a visit that nobody was shown is marked so
 *
 * Who owns what: an order belongs to the log from visit_log_submit() to its done(). A waiter belongs to the
 * completing side (window, then whoever calls waiters_resume()) until httpd_resume(): true gives it to the
 * request, false leaves it here (httpd.h). */
#include "web.h"

#include <base/log.h>

#include <stdlib.h>

#define COUNT(field) atomic_fetch_add_explicit(&(field), 1, memory_order_relaxed)

struct waiter {
    struct pending pending; /* first member */
    struct window_waiter link;
    struct asked asked; /* kept for the answer; only the request side reads it */
    struct shown shown;
    enum without reason; /* WITH_ADDRESSES: shown is valid */
};

struct order {
    struct visit_job job; /* first member */
    struct web *web;
    uint32_t entry;
    uint8_t layout;
    uint8_t text[]; /* site, page, agent */
};

/* True: the request will answer with it. */
static bool waiter_resume(struct waiter *me, const struct shown *shown, enum without reason)
{
    me->reason = reason;
    if (shown != NULL)
        me->shown = *shown;
    if (httpd_resume(&me->pending.wait))
        return true;
    free(me);
    return false;
}

/* All who wait for the entry; then the window shows it, or forgets it where nobody was in time. True:
 * somebody was. */
static bool waiters_resume(struct web *w, uint32_t entry, const struct shown *shown, enum without reason)
{
    bool seen = false;

    for (;;) {
        struct window_waiter *list = window_next(w->window, entry, seen ? shown : NULL, mono_now());
        if (list == NULL)
            return seen;
        while (list != NULL) {
            struct waiter *me = (struct waiter *)((char *)list - offsetof(struct waiter, link));
            list = list->next;
            seen = waiter_resume(me, shown, reason) || seen;
        }
    }
}

/* On the commit thread. */
static void order_done(struct commit_job *job, enum trap_err result)
{
    struct order *o = (struct order *)job;
    struct web *w = o->web;
    const struct visit *v = &o->job.visit;
    const struct shown shown = { v->epoch, v->serial, o->layout };

    health_note(w, result == TRAP_OK);
    if (result != TRAP_OK) {
        (void)waiters_resume(w, o->entry, NULL, WITHOUT_STORE);
    } else if (waiters_resume(w, o->entry, &shown, WITH_ADDRESSES)) {
        COUNT(w->counters.visits);
        log_debug("web.visit", LOG_U64("seq", v->seq), LOG_IP(v->client), LOG_BYTES("site", v->site), LOG_BYTES("page", v->page));
    } else {
        COUNT(w->counters.not_shown);
        if (visit_log_not_shown(w->log, v->seq) != TRAP_OK)
            log_debug("web.visit.not_shown", LOG_U64("seq", v->seq), LOG_STR("mark", "lost"));
    }
    free(o);
}

static bool asks_for_address(struct bytes path)
{
    for (size_t i = 0; i < path.n; i++)
        if (bytes_has_iprefix(bytes_skip(path, i), BYTES("mailto:")) ||
            bytes_has_iprefix(bytes_skip(path, i), BYTES("mailto%3a")))
            return true;
    return false;
}

static uint32_t visit_flags(const struct web *w, const struct asked *a)
{
    return (prefix_set_has(&w->crawlers, a->client.ip) ? VISIT_CRAWLER : 0u) | (a->agent.n == 0 ? VISIT_NO_AGENT : 0u) |
           (a->request->head ? VISIT_HEAD : 0u) | (a->client.proxied ? VISIT_PROXIED : 0u) |
           (asks_for_address(a->path) ? VISIT_MAILTO : 0u);
}

static struct bytes text_keep(uint8_t **at, struct bytes s)
{
    const struct bytes kept = bytes_of(*at, s.n);

    if (s.n != 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static enum trap_err order_submit(struct web *w, const struct asked *a, uint32_t entry)
{
    const struct bytes site = bytes_take(bytes_of(a->host.text, a->host.name_n), VISIT_TEXT_MAX);
    const struct bytes page = bytes_take(a->path, VISIT_TEXT_MAX), agent = bytes_take(a->agent, VISIT_TEXT_MAX);
    const struct layout layout = layout_of(&w->markup, a->site->index, a->layout_number, a->site->domain_count);
    struct order *o = malloc(sizeof(*o) + site.n + page.n + agent.n);
    uint8_t *at = NULL;
    enum trap_err err = TRAP_OK;

    if (o == NULL)
        return TRAP_ENOMEM;
    *o = (struct order){ .job.job.done = order_done, .web = w, .entry = entry, .layout = a->layout_number };
    at = o->text;
    o->job.visit = (struct visit){ .at = wall_now(), .client = a->client.ip, .recipe = layout.recipe,
                                   .flags = visit_flags(w, a) };
    o->job.visit.site = text_keep(&at, site);
    o->job.visit.page = text_keep(&at, page);
    o->job.visit.agent = text_keep(&at, agent);
    err = visit_log_submit(w->log, &o->job);
    if (err != TRAP_OK)
        free(o);
    return err;
}

static void window_join(struct web *w, struct asked *a, const struct window_key *key, struct waiter *me)
{
    struct shown shown = { 0 };
    uint32_t entry = 0;

    switch (window_enter(w->window, key, &me->link, &shown, &entry)) {
    case WINDOW_NEW:
        if (order_submit(w, a, entry) != TRAP_OK) {
            health_note(w, false);
            (void)waiters_resume(w, entry, NULL, WITHOUT_STORE);
        }
        break;
    case WINDOW_SHOW:
        COUNT(w->counters.repeats);
        (void)waiter_resume(me, &shown, WITH_ADDRESSES);
        break;
    case WINDOW_SPENT:
        (void)waiter_resume(me, NULL, WITHOUT_BUDGET);
        break;
    case WINDOW_BUSY:
        (void)waiter_resume(me, NULL, WITHOUT_BUSY);
        break;
    default: /* WINDOW_WAIT: in somebody's list, perhaps resumed already */
        COUNT(w->counters.repeats);
        break;
    }
}

void visit_begin(struct web *w, struct asked *a)
{
    struct window_key key = { .client = a->client.ip, .site = a->site->index, .agent = a->agent, .page = a->path,
                              .now = mono_now(), .today = wall_now() };
    struct shown shown = { 0 };
    struct waiter *me = NULL;

    if (a->client.status != CLIENT_GOOD) {
        answer_bait(w, a, NULL, a->client.status == CLIENT_SPECIAL ? WITHOUT_SPECIAL : WITHOUT_CLIENT);
        return;
    }
    if (a->site->domain_count == 0) {
        answer_bait(w, a, NULL, WITHOUT_DOMAIN);
        return;
    }
    if (window_look(w->window, &key, &shown) == WINDOW_SHOW) {
        COUNT(w->counters.repeats);
        answer_bait(w, a, &shown, WITH_ADDRESSES);
        return;
    }
    me = malloc(sizeof(*me));
    if (me != NULL) {
        me->pending.kind = PENDING_VISIT;
        me->asked = *a;
        if (a->base.n != 0)
            me->asked.base.p = me->asked.base_text;
    }
    if (me == NULL || !httpd_suspend(a->request, &me->pending.wait)) {
        answer_bait(w, a, NULL, me == NULL ? WITHOUT_MEMORY : WITHOUT_STOPPING);
        free(me);
        return;
    }
    window_join(w, a, &key, me);
}

void visit_resumed(struct web *w, struct httpd_request *r, struct pending *p)
{
    struct waiter *me = (struct waiter *)p;
    struct asked a;

    if (me == NULL) {
        asked_read(w, r, &a);
        answer_bait(w, &a, NULL, WITHOUT_DEADLINE);
        return;
    }
    me->asked.request = r;
    answer_bait(w, &me->asked, me->reason == WITH_ADDRESSES ? &me->shown : NULL, me->reason);
    free(me);
}

void visit_dropped(struct pending *p)
{
    free(p);
}
