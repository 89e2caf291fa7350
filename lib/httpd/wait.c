/* All deadlines are equally far away, so the queue in order of arrival is the queue in order of deadline, and
 * the thread that sleeps at most one span can never oversleep one: nobody has to wake it. */
#include "internal.h"

#include <time.h>

static void queue_append(struct wait_queue *q, struct httpd_wait *w)
{
    w->next = NULL;
    w->prev = q->tail;
    *(q->tail == NULL ? &q->head : &q->tail->next) = w;
    q->tail = w;
    w->queued = true;
    q->count++;
}

static void queue_remove(struct wait_queue *q, struct httpd_wait *w)
{
    *(w->prev == NULL ? &q->head : &w->prev->next) = w->next;
    *(w->next == NULL ? &q->tail : &w->next->prev) = w->prev;
    w->queued = false;
    q->count--;
}

/* Counted before it is asked whether the server stops, and the other way round in httpd_stop(): one of the
 * two sees the other. */
bool httpd_suspend(struct httpd_request *r, struct httpd_wait *w)
{
    struct httpd_conn *c = r->conn;
    struct wait_queue *q = &c->server->waits;

    TRAP_BUG_ON(c->responded || c->suspended);
    atomic_fetch_add(&c->server->submitting, 1);
    if (atomic_load(&q->closed)) {
        atomic_fetch_sub(&c->server->submitting, 1);
        return false;
    }
    /* Before it can be found: a resume that comes before the suspension would be lost. Outside the lock: it
     * is a system call. */
    MHD_suspend_connection(c->mhd);
    c->suspended = true;
    atomic_store_explicit(&c->outcome, OUTCOME_WAITING, memory_order_relaxed);
    *w = (struct httpd_wait){ .conn = c, .server = c->server };
    (void)pthread_mutex_lock(&q->lock);
    w->deadline = mono_add(mono_now(), q->span); /* under the lock: the queue stays in order */
    queue_append(q, w);
    (void)pthread_mutex_unlock(&q->lock);
    return true;
}

bool httpd_resume(struct httpd_wait *w)
{
    struct wait_queue *q = &w->server->waits;
    struct httpd_conn *c = NULL;

    (void)pthread_mutex_lock(&q->lock);
    if (w->queued) {
        queue_remove(q, w);
        c = w->conn;
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (c == NULL)
        return false;
    c->won = w;
    atomic_store_explicit(&c->outcome, OUTCOME_COMPLETED, memory_order_release);
    MHD_resume_connection(c->mhd);
    return true;
}

static void expire_head(struct wait_queue *q)
{
    struct httpd_conn *c = q->head->conn;

    queue_remove(q, q->head);
    q->deadlines++;
    c->won = NULL;
    atomic_store_explicit(&c->outcome, OUTCOME_DEADLINE, memory_order_release);
    MHD_resume_connection(c->mhd);
}

static void *deadline_thread(void *arg)
{
    struct wait_queue *q = arg;

    (void)pthread_mutex_lock(&q->lock);
    while (!q->ended) {
        const mono_t now = mono_now();
        mono_t until = mono_add(now, q->span);

        while (q->head != NULL && q->head->deadline.ms <= now.ms)
            expire_head(q);
        q->tick(q->arg);
        if (q->head != NULL)
            until = q->head->deadline;
        const struct timespec ts = { .tv_sec = until.ms / 1000, .tv_nsec = until.ms % 1000 * 1000000 };
        (void)pthread_cond_timedwait(&q->wake, &q->lock, &ts);
    }
    while (q->head != NULL)
        expire_head(q);
    (void)pthread_mutex_unlock(&q->lock);
    return NULL;
}

enum trap_err wait_queue_start(struct wait_queue *q, span_t span, void (*tick)(void *arg), void *arg)
{
    pthread_condattr_t attr;

    *q = (struct wait_queue){ .made = true, .span = span.ms < 1 ? SPAN_MS(1) : span, .tick = tick, .arg = arg };
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&q->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    q->started = pthread_create(&q->thread, NULL, deadline_thread, q) == 0;
    return q->started ? TRAP_OK : TRAP_ENOMEM;
}

void wait_queue_close(struct wait_queue *q)
{
    atomic_store(&q->closed, true);
}

void wait_queue_stop(struct wait_queue *q)
{
    if (!q->started)
        return;
    (void)pthread_mutex_lock(&q->lock);
    q->ended = true;
    (void)pthread_cond_signal(&q->wake);
    (void)pthread_mutex_unlock(&q->lock);
    (void)pthread_join(q->thread, NULL);
    q->started = false;
}

void wait_queue_free(struct wait_queue *q)
{
    if (!q->made)
        return;
    wait_queue_stop(q);
    (void)pthread_cond_destroy(&q->wake);
    (void)pthread_mutex_destroy(&q->lock);
}
