#include "evidence.h"

#include "content.h"
#include "forward.h"
#include "postbox.h"
#include "server.h"
#include "session_record.h"

#include <base/log.h>

#include <stdlib.h>

/* One recipient that takes it is enough. */
static bool is_rejected(const struct message *m)
{
    return m->taken_count == 0 && m->role_count == 0 && !m->relayed;
}

/* Fills in the hit. What it points to lives in the message. */
static enum trap_err hit_fill(const struct session *s, struct message *m)
{
    const size_t helo_at = m->text.n;
    uint32_t n = 0;

    buf_add(&m->text, forward_helo(s));
    if (m->text.err != TRAP_OK)
        return m->text.err;
    for (uint32_t i = 0; i < m->rcpt_count; i++)
        if (m->rcpts[i].klass != 0)
            m->hit_rcpts[n++] = (struct hit_rcpt){ .klass = m->rcpts[i].klass,
                                                   .address = message_rcpt(m, i),
                                                   .dsn = message_rcpt_dsn(m, i) };
    m->flags |= forward_flags(s) | (is_rejected(m) ? HIT_REFUSED_AFTER_DATA : 0u);
    m->hit_job.hit = (struct hit){
        .at = wall_now(),
        .session = s->id,
        .sender = forward_sender(s),
        .local = s->local,
        .local_port = s->local_port,
        .helo = bytes_of(m->text.p + helo_at, m->text.n - helo_at),
        .reverse_path = message_reverse_path(m),
        .flags = m->flags,
        .size = m->size,
        .digest = body_digest_value(&m->digest),
        .rcpts = m->hit_rcpts,
        .rcpt_count = n,
        .first_command_ms = m->relayed ? UINT32_MAX : s->first_command_ms,
        .dsn = message_dsn(m),
        .sample = buf_bytes(&m->sample),
    };
    return TRAP_OK;
}

static void log_hit(const struct message *m)
{
    const struct hit *h = &m->hit_job.hit;
    char marks[HIT_FLAGS_TEXT_MAX];

    log_info("smtp.hit", LOG_U64("seq", h->seq), LOG_U64("session", h->session), LOG_IP(h->sender),
             LOG_U64("traps", h->rcpt_count), LOG_STR("class", rcpt_class_name(h->rcpts[0].klass)),
             LOG_U64("size", h->size), LOG_STR("marks", hit_flags_text(h->flags, marks)));
}

/* A disk that fails for thousands of clients is one fact a second. */
static void storage_failed(struct server *server, const struct session *s, const char *where)
{
    const mono_t now = loop_now(server->loop);

    if (now.ms >= server->storage_full_until.ms) {
        log_warning("smtp.storage", LOG_STR("error", where), LOG_U64("session", s != NULL ? s->id : 0),
                    LOG_U64("suppressed", server->storage_failures));
        server->storage_failures = 0;
    } else {
        server->storage_failures++;
    }
    server->storage_full_until = mono_add(now, SPAN_S(1));
}

static void tally_message(struct session *s, const struct message *m)
{
    struct tally *t = &s->tally;

    if (m->result != TRAP_OK) {
        t->refused_limit++;
        return;
    }
    s->commands_left = s->server->config->smtp.commands_max;
    t->hits += m->trap_count > 0 ? 1 : 0;
    t->roles += m->trap_count == 0 ? 1 : 0;
    if (m->trap_count > 0 && !m->counted) {
        t->rows++;
        t->flags_on_record |= m->flags;
    }
}

/* Everything the message stood for came back. Gives the answer; returns the session that goes on outside of
 * a turn, or NULL. */
static struct session *message_finish(struct message *m)
{
    struct server *server = m->server;
    struct session *s = m->session;
    const bool ok = m->result == TRAP_OK;
    enum smtp_reply answer = SMTP_REPLY_NO_STORAGE;

    if (ok)
        answer = is_rejected(m) ? SMTP_REPLY_REFUSED : SMTP_REPLY_MESSAGE_OK;
    else if (!m->copy_refused) /* that concerns only mail to postmaster */
        storage_failed(server, s, err_name(m->result));
    if (s != NULL) {
        const bool ended = s->state == SESSION_ENDED;

        if (m->copy_refused)
            session_record_attempt(s);
        tally_message(s, m);
        session_message_done(s, m, answer);
        if (ended)
            s = NULL;
    }
    message_drop(m);
    return s;
}

/* The same outside of a turn: the session goes on. */
static void message_end(struct message *m)
{
    struct session *s = message_finish(m);

    if (s != NULL)
        session_resume(s);
}

static void job_done(struct message *m, enum trap_err result)
{
    m->server->jobs_out--;
    m->jobs--;
    m->result = result;
}

/* A message that was refused does not use up the share of its sender. */
static void give_back(const struct message *m)
{
    if (!m->counted)
        client_limits_give_back(&m->server->limits, m->hit_job.hit.sender, CLIENT_HITS, loop_now(m->server->loop));
}

static void run_hit_done(struct completion *c)
{
    struct message *m = MPSC_OWNER(c, struct message, hit_done);

    job_done(m, m->hit_result);
    if (m->result != TRAP_OK)
        give_back(m);
    else if (!m->counted)
        log_hit(m);
    message_end(m);
}

static void on_hit_done(struct commit_job *job, enum trap_err result)
{
    struct message *m = MPSC_OWNER(job, struct message, hit_job.job);

    m->hit_result = result;
    server_complete(m->server, &m->hit_done);
}

static void on_counter_done(struct commit_job *job, enum trap_err result)
{
    struct message *m = MPSC_OWNER(job, struct message, counter_job.job);

    m->hit_result = result;
    server_complete(m->server, &m->hit_done);
}

/* Hands the evidence to the writer: a hit, or one more in the sender's counter row of this hour. */
static enum trap_err submit_evidence(struct message *m)
{
    m->hit_done.run = run_hit_done;
    commit_expect(hit_log_commit(m->server->hits), m->server->message_count);
    if (m->counted) {
        m->counter_job = (struct counter_job){
            .job.done = on_counter_done, .sender = m->hit_job.hit.sender, .at = m->hit_job.hit.at, .n = 1
        };
        return hit_log_submit_counter(m->server->hits, &m->counter_job);
    }
    m->hit_job.job.done = on_hit_done;
    return hit_log_submit(m->server->hits, &m->hit_job);
}

static void queue_add(struct message *m)
{
    struct server *server = m->server;

    m->queued = true;
    m->next = NULL;
    *server->queue_tail = m;
    server->queue_tail = &m->next;
}

static void queue_remove(struct message *m)
{
    struct server *server = m->server;
    struct message **at = &server->queue_head;

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    if (server->queue_tail == &m->next)
        server->queue_tail = at;
    m->queued = false;
}

static bool has_copy(const struct message *m)
{
    return m->role_count > 0 && !m->copied;
}

/* The copy for postmaster, or the evidence where there is none, or it is on disk. False: the commit queue is full,
 * try again later. Otherwise a job is out, or m->result is set and there is none. */
static bool submit(struct message *m)
{
    const bool copy = has_copy(m);
    enum trap_err err = TRAP_ECLOSED;

    if (m->server->hits != NULL)
        err = copy ? postbox_submit(m->server->postbox, m) : submit_evidence(m);
    if (err == TRAP_EFULL && !copy)
        return false;
    m->result = err;
    if (err == TRAP_OK) {
        m->jobs++;
        m->server->jobs_out++;
    }
    return true;
}

/* Submits, or waits behind others. */
static void submit_or_queue(struct message *m)
{
    const struct server *server = m->server;

    if (!has_copy(m))
        m->counted = !client_limits_take(&m->server->limits, m->hit_job.hit.sender, CLIENT_HITS,
                                         server->config->smtp.hits_per_sender_hour, loop_now(server->loop));
    if (server->queue_head != NULL || !submit(m))
        queue_add(m);
}

/* Where there is no room for the copy there is no hit either, and a client that tries again makes no second one.
 * Nor is there one when the client was told 452 meanwhile. */
static void run_copy_done(struct completion *c)
{
    struct message *m = MPSC_OWNER(c, struct message, copy_done);

    job_done(m, m->copy_result);
    m->copied = true;
    if (m->result == TRAP_OK && m->trap_count > 0 && m->session != NULL)
        submit_or_queue(m);
    if (m->jobs == 0 && !m->queued)
        message_end(m);
}

void evidence_submit(struct session *s)
{
    struct message *m = s->message;

    s->state = SESSION_COMMIT;
    m->copy_done.run = run_copy_done;
    m->result = hit_fill(s, m);
    if (m->result == TRAP_OK && m->trap_count + m->role_count > 0) /* retired traps are neither */
        submit_or_queue(m);
    if (m->jobs == 0 && !m->queued)
        (void)message_finish(m); /* in its own turn, which goes on */
}

void evidence_retry(struct server *server)
{
    while (server->queue_head != NULL) {
        struct message *m = server->queue_head;

        if (!submit(m))
            return;
        queue_remove(m);
        if (m->jobs == 0)
            message_end(m);
    }
}

void evidence_give_up(struct session *s)
{
    struct message *m = s->message;
    const bool queued = m->queued;

    storage_failed(s->server, s, queued ? "commit_wait in the queue" : "commit_wait");
    s->tally.refused_limit++;
    if (queued) {
        queue_remove(m);
        give_back(m);
    }
    session_message_done(s, m, SMTP_REPLY_NO_STORAGE);
    if (queued)
        message_drop(m);
}
