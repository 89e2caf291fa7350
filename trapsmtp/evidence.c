#include "evidence.h"

#include "content.h"
#include "postbox.h"
#include "server.h"

#include <base/log.h>

#include <stdlib.h>

/* ---- session records ---- */

enum { ADDRESS_MAX = SMTP_ADDRESS_MAX, HELO_MAX = 255 };

/* What a session record points to, until it is on disk. */
struct record {
    struct session_job job; /* first member */
    struct completion done;
    struct server *server;
    struct message *message; /* the counted message that waits for it; or NULL */
    enum trap_err result;
    uint8_t helo[HELO_MAX];
    uint8_t attempt[ADDRESS_MAX];
};

/* Flags that are about the sender's manners: alone a reason for a record. */
enum {
    MANNERS =
        HIT_BARE_LF | HIT_BARE_CR | HIT_NUL | HIT_EARLY_TALK | HIT_PIPELINED | HIT_SLOPPY_PATH | HIT_COUNTED
};

static bool has_news(const struct tally *t)
{
    return t->errors + t->refused_unknown + t->refused_relay + t->refused_limit + t->auth_attempts > 0 ||
           t->attempt_class != 0 || t->counted > 0 || (t->flags & ~t->flags_on_record & MANNERS) != 0;
}

static uint32_t session_flags(const struct session *s)
{
    return s->tally.flags | (s->esmtp ? HIT_ESMTP : 0u);
}

static struct bytes copied(uint8_t *to, const void *from, size_t n)
{
    if (n > 0)
        memcpy(to, from, n);
    return bytes_of(to, n);
}

static struct record *record_new(const struct session *s)
{
    struct record *r = calloc(1, sizeof(*r));
    const struct tally *t = &s->tally;
    const struct bytes helo = session_helo(s);

    if (r == NULL)
        return NULL;
    r->server = s->server;
    r->job.session = (struct session_record){
        .at = t->since,
        .session = s->id,
        .client = s->client,
        .local = s->local,
        .local_port = s->local_port,
        .duration_ms = (uint32_t)mono_diff(loop_now(s->server->loop), s->opened).ms,
        .helo = copied(r->helo, helo.p, helo.n),
        .flags = session_flags(s),
        .commands = t->commands,
        .errors = t->errors,
        .hits = t->hits,
        .refused_unknown = t->refused_unknown,
        .refused_relay = t->refused_relay,
        .refused_limit = t->refused_limit,
        .auth_attempts = t->auth_attempts,
        .attempt_class = t->attempt_class,
        .attempt_address = copied(r->attempt, t->attempt, t->attempt_len),
    };
    return r;
}

/* The counts are in a record: the next one starts from zero. */
static void tally_clear(struct tally *t)
{
    const wall_t since = t->since;

    free(t->attempt);
    *t = (struct tally){ .since = since, .flags = t->flags, .flags_on_record = t->flags };
}

static void message_job_done(struct message *m, enum trap_err result);

static void run_record_done(struct completion *c)
{
    struct record *r = MPSC_OWNER(c, struct record, done);

    r->server->jobs_out--;
    if (r->message != NULL) {
        if (r->result == TRAP_OK)
            limits_tell(&r->server->limits, r->job.session.client, loop_now(r->server->loop));
        message_job_done(r->message, r->result);
    } else if (r->result != TRAP_OK)
        log_warning("smtp.session.lost", LOG_U64("session", r->job.session.session),
                    LOG_STR("error", err_name(r->result)));
    free(r);
}

static void on_record_done(struct commit_job *job, enum trap_err result)
{
    struct record *r = MPSC_OWNER(job, struct record, job.job);

    r->result = result;
    server_complete(r->server, &r->done);
}

static enum trap_err record_submit(struct session *s, struct message *message)
{
    struct record *r;
    enum trap_err err;

    if (s->server->hits == NULL) /* the log is closed: what comes back now only ends */
        return TRAP_ECLOSED;
    r = record_new(s);
    if (r == NULL)
        return TRAP_ENOMEM;
    r->message = message;
    r->done.run = run_record_done;
    r->job.job.done = on_record_done;
    err = hit_log_submit_session(s->server->hits, &r->job);
    if (err != TRAP_OK) {
        free(r);
        return err;
    }
    s->server->jobs_out++;
    tally_clear(&s->tally);
    return TRAP_OK;
}

/* Whether this session is written down: where there is something to tell, and no more of one client than the
 * operator wants rows of it. */
static bool is_recorded(struct session *s, const char **why_out)
{
    struct server *server = s->server;

    *why_out = "none";
    if (!has_news(&s->tally))
        return false;
    *why_out = "limit";
    if (!limits_take(&server->limits, s->client, LIMITS_RECORDS, server->config->smtp.hits_per_sender_hour,
                     loop_now(server->loop)))
        return false;
    *why_out = "yes";
    return true;
}

void evidence_session_end(struct session *s)
{
    const struct tally *t = &s->tally;
    const char *why;
    const bool recorded = is_recorded(s, &why);

    log_info("smtp.session", LOG_U64("session", s->id), LOG_IP(s->client), LOG_BYTES("helo", session_helo(s)),
             LOG_STR("reason", s->reason != NULL ? s->reason : "xclient"),
             LOG_SPAN("duration", mono_diff(loop_now(s->server->loop), s->opened)),
             LOG_U64("commands", t->commands), LOG_U64("errors", t->errors), LOG_U64("hits", t->hits),
             LOG_U64("refused", (uint64_t)t->refused_unknown + t->refused_relay + t->refused_limit),
             LOG_U64("flags", session_flags(s)), LOG_STR("record", why));
    if (recorded) {
        const enum trap_err err = record_submit(s, NULL);

        if (err != TRAP_OK)
            log_warning("smtp.session.lost", LOG_U64("session", s->id), LOG_STR("error", err_name(err)));
    }
}

void evidence_attempt(struct session *s)
{
    const struct message *m = s->message;
    struct tally *t = &s->tally;
    uint32_t i = 0;

    if (s->state != SESSION_DATA || m->trap_count == 0 || t->attempt_class != 0)
        return;
    while (m->rcpts[i].klass == 0)
        i++;
    t->attempt = malloc(m->rcpts[i].len);
    if (t->attempt == NULL)
        return;
    memcpy(t->attempt, message_rcpt(m, i).p, m->rcpts[i].len);
    t->attempt_len = m->rcpts[i].len;
    t->attempt_class = m->rcpts[i].klass;
    t->flags |= m->flags | content_flags(m);
}

/* ---- messages ---- */

static bool is_rejected(const struct message *m)
{
    return m->server->config->smtp.after_data_reject && m->role_count == 0;
}

/* Fills in the hit. What it points to lives in the message. */
static enum trap_err hit_fill(const struct session *s, struct message *m)
{
    const size_t helo_at = m->text.n;
    uint32_t n = 0;

    buf_add(&m->text, session_helo(s));
    if (m->text.err != TRAP_OK)
        return m->text.err;
    for (uint32_t i = 0; i < m->rcpt_count; i++)
        if (m->rcpts[i].klass != 0)
            m->hit_rcpts[n++] =
                (struct hit_rcpt){ .klass = m->rcpts[i].klass, .address = message_rcpt(m, i) };
    m->flags |= (s->tally.flags & (HIT_EARLY_TALK | HIT_PIPELINED | HIT_XCLIENT | HIT_CUT)) |
                (s->esmtp ? HIT_ESMTP : 0u) | (is_rejected(m) ? HIT_REFUSED_AFTER_DATA : 0u);
    m->hit_job.hit = (struct hit){
        .at = wall_now(),
        .session = s->id,
        .sender = s->client,
        .local = s->local,
        .local_port = s->local_port,
        .helo = bytes_of(m->text.p + helo_at, m->text.n - helo_at),
        .reverse_path = message_reverse_path(m),
        .flags = m->flags,
        .size = m->size,
        .digest = body_digest_value(&m->digest),
        .rcpts = m->hit_rcpts,
        .rcpt_count = n,
        .sample = buf_bytes(&m->sample),
    };
    return TRAP_OK;
}

static void log_hit(const struct message *m)
{
    const struct hit *h = &m->hit_job.hit;

    log_info("smtp.hit", LOG_U64("seq", h->seq), LOG_U64("session", h->session), LOG_IP(h->sender),
             LOG_U64("traps", h->rcpt_count), LOG_STR("class", rcpt_class_name(h->rcpts[0].klass)),
             LOG_U64("size", h->size), LOG_U64("flags", h->flags));
}

/* Everything the message stood for came back. Gives the answer; returns the session that goes on outside of
 * a turn, or NULL. */
static struct session *message_finish(struct message *m)
{
    struct server *server = m->server;
    struct session *s = m->session;
    const bool ok = m->result == TRAP_OK;
    const bool is_hit = m->trap_count > 0;
    enum smtp_reply answer = SMTP_REPLY_NO_STORAGE;

    if (!ok) {
        server->storage_full_until = mono_add(loop_now(server->loop), SPAN_S(1));
        log_warning("smtp.storage", LOG_STR("error", err_name(m->result)),
                    LOG_U64("session", s != NULL ? s->id : 0));
    } else {
        answer = is_hit && is_rejected(m) ? SMTP_REPLY_REFUSED : SMTP_REPLY_MESSAGE_OK;
    }
    if (ok && is_hit && !m->counted)
        log_hit(m);
    if (s != NULL && ok && is_hit) {
        s->tally.hits += m->in_record ? 0 : 1;
        s->tally.counted += m->counted && !m->in_record ? 1 : 0;
        s->tally.flags_on_record |= m->counted ? 0 : m->flags;
        s->counted |= m->counted;
    }
    if (s != NULL && ok)
        s->commands_left = server->config->smtp.commands_max;
    else if (s != NULL)
        s->tally.refused_limit++;
    if (s != NULL) {
        const bool ended = s->state == SESSION_ENDED;

        session_message_done(s, m, answer);
        if (ended)
            s = NULL;
    }
    message_drop(m);
    return s;
}

static void message_job_done(struct message *m, enum trap_err result)
{
    struct session *s;

    m->jobs--;
    if (m->result == TRAP_OK)
        m->result = result;
    if (m->jobs > 0)
        return;
    s = message_finish(m);
    if (s == NULL)
        return;
    if (s->server->stopping)
        session_close_after(s, SMTP_REPLY_SHUTDOWN, "shutdown");
    session_resume(s);
}

static void run_hit_done(struct completion *c)
{
    struct message *m = MPSC_OWNER(c, struct message, hit_done);

    m->server->jobs_out--;
    message_job_done(m, m->hit_result);
}

static void run_copy_done(struct completion *c)
{
    struct message *m = MPSC_OWNER(c, struct message, copy_done);

    m->server->jobs_out--;
    message_job_done(m, m->copy_result);
}

static void on_hit_done(struct commit_job *job, enum trap_err result)
{
    struct message *m = MPSC_OWNER(job, struct message, hit_job.job);

    m->hit_result = result;
    server_complete(m->server, &m->hit_done);
}

/* Hands the evidence to the writer: a hit, or for the first counted message of a session its record. */
static enum trap_err submit_evidence(struct message *m)
{
    struct session *s = m->session;
    enum trap_err err;

    if (m->trap_count == 0)
        return TRAP_OK;
    if (m->counted) {
        if (s->counted || limits_told(&s->server->limits, s->client, loop_now(s->server->loop)))
            return TRAP_OK;
        s->tally.hits++;
        err = record_submit(s, m);
        if (err != TRAP_OK) {
            s->tally.hits--;
            return err;
        }
        m->in_record = true;
        m->jobs++;
        return TRAP_OK;
    }
    m->hit_done.run = run_hit_done;
    m->hit_job.job.done = on_hit_done;
    err = hit_log_submit(m->server->hits, &m->hit_job);
    if (err == TRAP_OK) {
        m->jobs++;
        m->server->jobs_out++;
    }
    return err;
}

static enum trap_err submit_copy(struct message *m)
{
    enum trap_err err;

    if (m->role_count == 0)
        return TRAP_OK;
    m->copy_done.run = run_copy_done;
    err = postbox_submit(m->server->postbox, m);
    if (err == TRAP_OK) {
        m->jobs++;
        m->server->jobs_out++;
    }
    return err;
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

/* False: the commit queue is full, try again later. Otherwise jobs are out, or m->result is set and there
 * are none. */
static bool submit(struct message *m)
{
    const enum trap_err err = m->server->hits == NULL ? TRAP_ECLOSED : submit_evidence(m);

    if (err == TRAP_EFULL)
        return false;
    m->result = err != TRAP_OK ? err : submit_copy(m);
    return true;
}

void evidence_submit(struct session *s)
{
    struct message *m = s->message;
    const struct conf_smtp *conf = &s->server->config->smtp;

    s->state = SESSION_COMMIT;
    m->counted = m->trap_count > 0 && !limits_take(&s->server->limits, s->client, LIMITS_HITS,
                                                   conf->hits_per_sender_hour, loop_now(s->server->loop));
    if (m->counted)
        session_note(s, HIT_COUNTED);
    m->result = hit_fill(s, m);
    if (m->result == TRAP_OK && (s->server->queue_head != NULL || !submit(m))) {
        queue_add(m);
        return;
    }
    if (m->jobs == 0)
        (void)message_finish(m); /* in its own turn, which goes on */
}

void evidence_retry(struct server *server)
{
    while (server->queue_head != NULL) {
        struct message *m = server->queue_head;

        if (!submit(m))
            return;
        queue_remove(m);
        if (m->jobs == 0) {
            m->jobs = 1;
            message_job_done(m, m->result);
        }
    }
}

void evidence_give_up(struct session *s)
{
    struct message *m = s->message;
    const bool queued = m->queued;

    log_warning("smtp.commit_wait", LOG_U64("session", s->id), LOG_IP(s->client),
                LOG_STR("where", queued ? "queue" : "disk"));
    s->server->storage_full_until = mono_add(loop_now(s->server->loop), SPAN_S(1));
    s->tally.refused_limit++;
    if (queued)
        queue_remove(m);
    session_message_done(s, m, SMTP_REPLY_NO_STORAGE);
    if (queued)
        message_drop(m);
}
