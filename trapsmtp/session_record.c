#include "session_record.h"

#include "auth.h"
#include "content.h"
#include "server.h"
#include "tls_facts.h"

#include <base/log.h>
#include <mail/helo_class.h>

#include <stdlib.h>

enum { ADDRESS_MAX = SMTP_ADDRESS_MAX, HELO_MAX = 255 };

/* What a session record points to, until it is on disk. */
struct record {
    struct session_job job; /* first member */
    struct completion done;
    struct server *server;
    enum trap_err result;
    uint8_t helo[HELO_MAX];
    uint8_t attempt[ADDRESS_MAX];
    struct tls_facts tls;
    struct auth_list *auths;
};

uint32_t session_record_flags(const struct session *s)
{
    const struct tally *t = &s->tally;

    return t->flags | (s->esmtp ? HIT_ESMTP : 0u) | (t->auth_attempts > 0 ? HIT_AUTH : 0u) |
           (t->refused_relay > 0 ? HIT_RELAY_PROBE : 0u);
}

/* Something that was refused, or not finished. */
static bool broke_a_rule(const struct tally *t)
{
    return t->errors + t->refused_unknown + t->refused_relay + t->refused_limit + t->auth_attempts > 0 ||
           t->attempt_class != 0;
}

static bool said_hello(const struct session *s)
{
    return s->tls_facts != NULL && s->tls_facts->heard;
}

static bool is_wanted(const struct session *s)
{
    const struct tally *t = &s->tally;

    if (broke_a_rule(t))
        return true;
    if (s->reason == NULL || s->front) /* what is said before XCLIENT, or by our own front MX */
        return false;
    if (t->roles > 0 && t->hits == 0) /* mail for people */
        return false;
    if (said_hello(s)) /* its fingerprint is in no row of a hit */
        return true;
    if (!s->heard && t->commands == 0)
        return false;
    return t->rows == 0 || (session_record_flags(s) & ~t->flags_on_record) != 0;
}

static bool is_own_name(struct bytes name, const void *arg)
{
    const struct config *config = arg;

    return bytes_ieq(name, bytes_str(config->smtp.hostname)) || config_trap_domain(config, name) != NULL;
}

static enum helo_class class_of_helo(const struct session *s)
{
    const struct helo_context context = { s->client, s->local, is_own_name, s->server->config };

    return helo_class(session_helo(s), &context);
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
        .flags = session_record_flags(s),
        .commands = t->commands,
        .errors = t->errors,
        .hits = t->hits,
        .refused_unknown = t->refused_unknown,
        .refused_relay = t->refused_relay,
        .refused_limit = t->refused_limit,
        .auth_attempts = t->auth_attempts,
        .helo_class = (uint8_t)class_of_helo(s),
        .first_command_ms = s->first_command_ms,
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

static void lost(uint64_t session, enum trap_err err)
{
    log_warning("smtp.session.lost", LOG_U64("session", session), LOG_STR("error", err_name(err)));
}

static void run_record_done(struct completion *c)
{
    struct record *r = MPSC_OWNER(c, struct record, done);

    r->server->jobs_out--;
    if (r->result != TRAP_OK)
        lost(r->job.session.session, r->result);
    record_free(r);
}

static void on_record_done(struct commit_job *job, enum trap_err result)
{
    struct record *r = MPSC_OWNER(job, struct record, job.job);

    r->result = result;
    server_complete(r->server, &r->done);
}

static void submit(const struct session *s)
{
    struct record *r = record_new(s);
    enum trap_err err = r == NULL ? TRAP_ENOMEM : TRAP_ECLOSED;

    if (r != NULL && s->server->hits != NULL) { /* the log is closed: what comes back now only ends */
        r->done.run = run_record_done;
        r->job.job.done = on_record_done;
        err = hit_log_submit_session(s->server->hits, &r->job);
    }
    if (err == TRAP_OK) {
        s->server->jobs_out++;
        return;
    }
    lost(s->id, err);
    record_free(r);
}

static bool take(const struct session *s, enum client_hourly what)
{
    struct server *server = s->server;

    return client_limits_take(&server->limits, s->client, what, server->config->smtp.hits_per_sender_hour,
                              loop_now(server->loop));
}

static void write_line(const struct session *s, const char *recorded)
{
    const struct tally *t = &s->tally;
    char marks[HIT_FLAGS_TEXT_MAX];

    if (!take(s, CLIENT_LINES)) {
        s->server->lines_left_out++;
        return;
    }
    log_info("smtp.session", LOG_U64("session", s->id), LOG_IP(s->client), LOG_BYTES("helo", session_helo(s)),
             LOG_STR("reason", s->reason != NULL ? s->reason : "xclient"),
             LOG_SPAN("duration", mono_diff(loop_now(s->server->loop), s->opened)),
             LOG_U64("commands", t->commands), LOG_U64("errors", t->errors), LOG_U64("hits", t->hits),
             LOG_U64("refused", (uint64_t)t->refused_unknown + t->refused_relay + t->refused_limit),
             LOG_STR("marks", hit_flags_text(session_record_flags(s), marks)),
             LOG_STR("tls", tls_facts_text(s->tls_facts)), LOG_STR("record", recorded));
}

void session_record_end(struct session *s)
{
    const bool wanted = is_wanted(s), recorded = wanted && take(s, CLIENT_RECORDS);

    write_line(s, recorded ? "yes" : wanted ? "limit" : "none");
    if (recorded)
        submit(s);
}

void session_record_unknown(struct session *s, uint32_t hash)
{
    struct tally *t = &s->tally;

    t->refused_unknown++;
    for (size_t i = 0; i < t->walk_count; i++)
        if (t->walk[i] == hash)
            return;
    if (t->walk_count == SESSION_WALK_MIN - 1)
        t->flags |= HIT_DICTIONARY;
    else
        t->walk[t->walk_count++] = hash;
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
