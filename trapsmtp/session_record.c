#include "session_record.h"

#include "auth.h"
#include "content.h"
#include "evidence.h"
#include "server.h"
#include "tls_facts.h"

#include <base/log.h>

#include <stdlib.h>

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
    struct tls_facts tls;
    struct auth_list *auths;
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
        .first_command_ms = UINT32_MAX,
        .attempt_class = t->attempt_class,
        .attempt_address = copied(r->attempt, t->attempt, t->attempt_len),
    };
    if (s->tls_facts != NULL) {
        r->tls = *s->tls_facts;
        tls_facts_tell(&r->tls, &r->job.session);
    }
    r->auths = auth_list_copy(s->auths);
    auth_list_tell(r->auths, &r->job.session);
    return r;
}

static void record_free(struct record *r)
{
    if (r == NULL)
        return;
    auth_list_free(&r->auths);
    free(r);
}

/* The counts are in a record: the next one starts from zero. */
static void tally_clear(struct tally *t)
{
    const wall_t since = t->since;

    free(t->attempt);
    *t = (struct tally){ .since = since, .flags = t->flags, .flags_on_record = t->flags };
}

static void run_record_done(struct completion *c)
{
    struct record *r = MPSC_OWNER(c, struct record, done);

    r->server->jobs_out--;
    if (r->message != NULL) {
        if (r->result == TRAP_OK)
            limits_tell(&r->server->limits, r->job.session.client, loop_now(r->server->loop));
        evidence_job_done(r->message, r->result);
    } else if (r->result != TRAP_OK)
        log_warning("smtp.session.lost", LOG_U64("session", r->job.session.session),
                    LOG_STR("error", err_name(r->result)));
    record_free(r);
}

static void on_record_done(struct commit_job *job, enum trap_err result)
{
    struct record *r = MPSC_OWNER(job, struct record, job.job);

    r->result = result;
    server_complete(r->server, &r->done);
}

enum trap_err session_record_submit(struct session *s, struct message *message)
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
        record_free(r);
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
    if (!has_news(&s->tally) && s->tls_facts == NULL)
        return false;
    *why_out = "limit";
    if (!limits_take(&server->limits, s->client, LIMITS_RECORDS, server->config->smtp.hits_per_sender_hour,
                     loop_now(server->loop)))
        return false;
    *why_out = "yes";
    return true;
}

void session_record_end(struct session *s)
{
    const struct tally *t = &s->tally;
    const char *why;
    const bool recorded = is_recorded(s, &why);

    log_info("smtp.session", LOG_U64("session", s->id), LOG_IP(s->client), LOG_BYTES("helo", session_helo(s)),
             LOG_STR("reason", s->reason != NULL ? s->reason : "xclient"),
             LOG_SPAN("duration", mono_diff(loop_now(s->server->loop), s->opened)),
             LOG_U64("commands", t->commands), LOG_U64("errors", t->errors), LOG_U64("hits", t->hits),
             LOG_U64("refused", (uint64_t)t->refused_unknown + t->refused_relay + t->refused_limit),
             LOG_U64("flags", session_flags(s)), LOG_STR("tls", tls_facts_text(s->tls_facts)),
             LOG_STR("record", why));
    if (recorded) {
        const enum trap_err err = session_record_submit(s, NULL);

        if (err != TRAP_OK)
            log_warning("smtp.session.lost", LOG_U64("session", s->id), LOG_STR("error", err_name(err)));
    }
}

void session_record_attempt(struct session *s)
{
    const struct message *m = s->message;
    struct tally *t = &s->tally;
    uint32_t i = 0;

    if (!content_begun(s) || m->trap_count == 0 || t->attempt_class != 0 || m->relayed)
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
