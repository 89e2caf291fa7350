/* /healthz asks the store itself: an empty job goes through the same queue, the same thread and a commit,
 * under the same deadline. So the answer is right without visitors, too, and a balancer that took this node
 * away learns when it is well again. */
#include "web.h"

#include <stdlib.h>

enum { FAILED_RECENTLY_MS = 10000 };

struct probe {
    struct pending pending; /* first member */
    struct commit_job job;
    bool written;
};

void health_note(struct web *w, bool written)
{
    atomic_store_explicit(&w->failed_at_ms, written ? 0 : mono_now().ms, memory_order_relaxed);
}

static bool failed_recently(struct web *w)
{
    const int64_t at = atomic_load_explicit(&w->failed_at_ms, memory_order_relaxed);

    return at != 0 && mono_now().ms - at < FAILED_RECENTLY_MS;
}

static void respond(struct httpd_request *r, bool well)
{
    static const struct httpd_field fields[] = { { "Cache-Control", "no-store" } };
    const struct httpd_response a = { well ? 200 : 503, "text/plain; charset=utf-8", fields, 1,
                                      well ? BYTES("ok\n") : BYTES("the store does not commit\n"), HTTPD_STATIC };

    httpd_respond(r, &a);
}

static enum trap_err probe_apply(struct commit_job *job, void *log)
{
    (void)job;
    (void)log;
    return TRAP_OK;
}

static void probe_end(struct probe *p, bool written)
{
    p->written = written;
    if (!httpd_resume(&p->pending.wait))
        free(p);
}

static void probe_done(struct commit_job *job, enum trap_err result)
{
    probe_end((struct probe *)((char *)job - offsetof(struct probe, job)), result == TRAP_OK);
}

void health_begin(struct web *w, struct httpd_request *r)
{
    struct probe *p = failed_recently(w) ? NULL : calloc(1, sizeof(*p));

    if (p == NULL || !httpd_suspend(r, &p->pending.wait)) {
        free(p);
        respond(r, false);
        return;
    }
    p->pending.kind = PENDING_PROBE;
    p->job = (struct commit_job){ .apply = probe_apply, .done = probe_done };
    if (commit_submit(visit_log_commit(w->log), &p->job) != TRAP_OK)
        probe_end(p, false);
}

void health_resumed(struct httpd_request *r, struct pending *pending)
{
    struct probe *p = (struct probe *)pending;

    respond(r, p != NULL && p->written);
    free(p);
}

void health_dropped(struct pending *pending)
{
    free(pending);
}
