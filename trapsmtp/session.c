/* The session of RFC 5321, sections 3 and 4, as a trap sees it:
 *
 *   accept on listen ------ 220 --------------> READY
 *   accept on proxy_listen --> PROXY --header, 220--> READY    other header, time-out --> ENDED, no reply
 *   accept on tls_listen --> HANDSHAKE --agreed, 220--> READY    failed, time-out --> ENDED, no reply
 *
 *   READY --MAIL--> MAIL --RCPT accepted--> RCPT --DATA--> DATA --CRLF.CRLF--> COMMIT
 *     ^               |                     | ^ |            |                   |
 *     |<--RSET, EHLO, HELO------------------+ +-+ RCPT       | 552 too big       |
 *     |<-----------------------------------------------------+                   |
 *     |<--250 after the hit is on disk; 452 when it cannot be, or takes longer than commit_wait
 *
 *   RCPT --BDAT--> CHUNK --all octets--> CHUNKED --BDAT--> CHUNK --all octets, LAST--> COMMIT
 *   CHUNKED --RSET, EHLO, HELO--> READY
 *   any of READY, MAIL, RCPT, CHUNKED:
 *       --BDAT that is refused--> CHUNK (swallowed) --all octets--> where it was; too big: READY
 *       --STARTTLS, 220--> HANDSHAKE --agreed--> READY, all before it forgotten
 *   READY --AUTH, 334--> AUTH --line--> AUTH or READY
 *   READY --XCLIENT, 220--> READY, as new
 *
 *   any --QUIT, 421--> CLOSING --all sent--> ENDED          any --client gone--> ENDED
 *   ENDED waits for a message that is still with the writer, then it is freed.
 *
 * What may be trusted:
 *   PROXY      peer: the kernel's word, and in proxy_from. client: nobody yet.
 *   HANDSHAKE  nothing is read but by OpenSSL, and nothing is written in clear.
 *   READY      client, local: the kernel's word, or the PROXY header's, or XCLIENT's from a peer in
 *              xclient_from. helo: the client's claim.
 *   MAIL       message->reverse_path is syntactically right (from a front MX not even that); nothing else is
 *              known of it.
 *   RCPT       every entry of message->rcpts was decided by recipient.c: trap or role, never foreign. At
 *              least one, or retired traps of a front MX only: then there is none.
 *   DATA       bytes are content until smtp_eod.c says otherwise: no verb is looked for.
 *   CHUNK      so many bytes are content, or swallowed: nothing is looked for in them.
 *   CHUNKED    as RCPT, and the message has content.
 *   AUTH       a line is a response, never a command.
 *   COMMIT     the message belongs to the writer: it is not touched here, and no further input is looked at.
 *   CLOSING    input is dropped unread.
 *   ENDED      fd is closed, watchers are stopped, only session_message_done() comes.
 */
#include "session.h"

#include "auth.h"
#include "command.h"
#include "forward.h"
#include "proxy.h"
#include "server.h"
#include "tarpit.h"
#include "session_record.h"
#include "session_tls.h"
#include "transport.h"

#include <base/log.h>
#include <mail/keyed.h>

#include <stdlib.h>
#include <unistd.h>

static void link_in(struct session **list, struct session *s)
{
    s->next = *list;
    s->link = list;
    if (s->next != NULL)
        s->next->link = &s->next;
    *list = s;
}

static void unlink_from(struct session *s)
{
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
}

bool session_trusts(const struct session *s, const struct prefix_set *set)
{
    return prefix_set_has(set, s->peer) && prefix_set_has(set, s->speaker);
}

bool session_may_xclient(const struct session *s)
{
    return session_trusts(s, &s->server->config->smtp.xclient_from);
}

bool session_move(struct session *s, struct ip client)
{
    struct server *server = s->server;

    if (s->in_limits)
        client_limits_leave(&server->limits, s->client);
    s->in_limits = false;
    s->client = client;
    if (ip_eq(client, IP_NOBODY))
        return true;
    s->in_limits = client_limits_enter(&server->limits, client, server->config->smtp.sessions_per_ip,
                                       loop_now(server->loop));
    return s->in_limits;
}

struct bytes session_helo(const struct session *s)
{
    return bytes_of(s->helo, s->helo_len);
}

void session_set_helo(struct session *s, struct bytes name)
{
    enum { HELO_MAX = 255 };
    const size_t n = name.n < HELO_MAX ? name.n : HELO_MAX;
    uint8_t *copy = n > 0 ? malloc(n) : NULL;

    if (name.n > HELO_MAX || (copy == NULL && n > 0)) /* without memory it is cut to nothing */
        session_note(s, HIT_CUT);
    if (copy != NULL)
        memcpy(copy, name.p, n);
    free(s->helo);
    s->helo = copy;
    s->helo_len = copy != NULL ? (uint8_t)n : 0;
}

void session_note(struct session *s, uint32_t hit_flags)
{
    if (!s->front) /* its manners are not those of the clients whose mail it brings */
        s->tally.flags |= hit_flags;
}

void session_reset(struct session *s)
{
    if (s->state == SESSION_CHUNKED) /* RSET, EHLO: the message was begun and is not finished */
        session_record_attempt(s);
    if (s->message != NULL)
        message_drop(s->message);
    s->message = NULL;
    forward_end(s);
    s->state = SESSION_READY;
}

void session_greet(struct session *s)
{
    tarpit_begin(s);
    reply_greeting(s);
}

void session_begin_record(struct session *s)
{
    s->id = server_session_id(s->server);
    free(s->tally.attempt);
    free(s->tls_facts);
    s->tls_facts = NULL; /* under XCLIENT it was the proxy's */
    auth_list_free(&s->auths);
    s->tally = (struct tally){ .since = wall_now() };
    s->heard = false;
    s->first_command_ms = UINT32_MAX;
}

void session_close_after(struct session *s, enum smtp_reply last, const char *reason)
{
    reply(s, last);
    if (s->message != NULL) {
        session_record_attempt(s);
        session_reset(s);
    }
    s->state = SESSION_CLOSING;
    s->linger = true;
    s->reason = reason;
}

/* No session is made; the reason is said and counted in the log. In clear nothing can be said where TLS is
 * awaited. */
static void refuse(struct server *server, const struct connection *c, struct bytes line, const char *reason)
{
    const ssize_t n = c->kind == LISTENER_TLS ? 0 : send(c->fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)close(c->fd);
    if (server->refused++ > 0)
        return; /* one line a second; the tick tells how many more */
    log_info("smtp.refused", LOG_IP(c->peer), LOG_STR("reason", reason),
             LOG_U64("sessions", server->session_count), LOG_U64("told", n > 0 ? 1 : 0));
}

static bool enter(struct server *server, struct ip peer, bool counted, mono_t now, const char **reason_out)
{
    if (server->session_count >= server->config->smtp.sessions_max) {
        *reason_out = "sessions_max";
        return false;
    }
    *reason_out = "sessions_per_ip";
    return !counted || client_limits_enter(&server->limits, peer, server->config->smtp.sessions_per_ip, now);
}

void session_open(struct server *server, const struct connection *c)
{
    const struct conf_smtp *conf = &server->config->smtp;
    const bool proxied = c->kind == LISTENER_PROXY; /* the client is not known yet, nor counted */
    const bool counted = !proxied && !prefix_set_has(&conf->xclient_from, c->peer) &&
                         !prefix_set_has(&conf->xforward_from, c->peer);
    const struct bytes too_many = smtp_reply_line(SMTP_REPLY_TOO_MANY_CONNECTIONS);
    const mono_t now = loop_now(server->loop);
    const char *reason;
    struct session *s;

    if (proxied && !prefix_set_has(&conf->proxy_from, c->peer)) {
        refuse(server, c, BYTES(""), "proxy_from");
        return;
    }
    if (!enter(server, c->peer, counted, now, &reason)) {
        refuse(server, c, too_many, reason);
        return;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        if (counted)
            client_limits_leave(&server->limits, c->peer);
        refuse(server, c, too_many, "memory");
        return;
    }
    s->server = server;
    s->fd = c->fd;
    s->state = proxied ? SESSION_PROXY : SESSION_READY;
    s->in_limits = counted;
    s->peer = c->peer;
    s->speaker = s->client = proxied ? IP_NOBODY : c->peer;
    s->front = forward_allowed(s);
    s->local = c->local;
    s->local_port = c->local_port;
    s->opened = now;
    s->ends = mono_add(now, conf->session_max);
    s->commands_left = conf->commands_max;
    s->errors_left = conf->errors_max;
    smtp_line_init(&s->line, conf->line_max_bytes);
    session_begin_record(s);
    link_in(&server->sessions, s);
    server->session_count++;
    loop_io_init(&s->io, c->fd, LOOP_READ, session_on_io, s);
    loop_io_start(server->loop, &s->io);
    s->watched = LOOP_READ;
    loop_timer_init(&s->timer, session_on_timer, s);
    session_await(s);
    if (c->kind == LISTENER_TLS)
        session_tls_begin(s);
    else
        session_on_open(s);
}

static void free_dead(void *arg)
{
    session_free_dead(arg);
}

void session_free_dead(struct server *server)
{
    while (server->dead != NULL) {
        struct session *s = server->dead;

        unlink_from(s);
        free(s->helo);
        free(s->tally.attempt);
        free(s->tls_facts);
        auth_list_free(&s->auths);
        free(s);
    }
}

/* Nothing is out any more: let the loop free it. If that cannot be arranged the next tick does. */
static void finish(struct session *s)
{
    struct server *server = s->server;
    const bool first = server->dead == NULL;

    forward_end(s);
    unlink_from(s);
    link_in(&server->dead, s);
    if (first && loop_defer(server->loop, free_dead, server) != TRAP_OK)
        log_warning("smtp.defer", LOG_STR("error", "out of memory"));
}

void session_end(struct session *s, const char *reason)
{
    struct server *server = s->server;

    if (s->state == SESSION_ENDED)
        return;
    if (s->reason == NULL)
        s->reason = reason;
    auth_abandon(s);
    loop_io_stop(server->loop, &s->io);
    loop_timer_stop(server->loop, &s->timer);
    transport_close(s);
    if (s->in_limits)
        client_limits_leave(&server->limits, s->client);
    tarpit_end(s);
    server->session_count--;
    if (s->kept_len > 0)
        keyed_wipe(s->kept, s->kept_len); /* may be a part of a password */
    free(s->kept);
    s->kept = NULL;
    s->kept_len = 0;
    buf_free(&s->unsent);
    if (s->state == SESSION_COMMIT) { /* the message comes back to session_message_done() */
        s->state = SESSION_ENDED;
        return;
    }
    if (s->message != NULL) {
        session_record_attempt(s);
        session_reset(s);
    }
    if (s->state == SESSION_PROXY)
        proxy_log_end(s);
    else
        session_record_end(s);
    s->state = SESSION_ENDED;
    finish(s);
}

void session_message_done(struct session *s, struct message *m, enum smtp_reply answer)
{
    TRAP_BUG_ON(s->message != m);
    s->message = NULL;
    m->session = NULL;
    if (s->state == SESSION_ENDED) {
        session_record_end(s);
        finish(s);
        return;
    }
    s->state = SESSION_READY;
    if (answer == SMTP_REPLY_REFUSED)
        reply_refused(s);
    else
        reply(s, answer);
    forward_end(s); /* behind the reply: as long as it is known who is answered */
    if (s->server->stopping)
        session_close_after(s, SMTP_REPLY_SHUTDOWN, "shutdown");
}

void session_stop(struct session *s)
{
    const bool dripping = s->dripping;

    tarpit_end(s);
    if ((s->state & (SESSION_PROXY | SESSION_HANDSHAKE)) != 0) {
        session_end(s, "shutdown");
        return;
    }
    if ((s->state & (SESSION_TALKING | SESSION_CONTENT | SESSION_AUTH)) != 0)
        session_close_after(s, SMTP_REPLY_SHUTDOWN, "shutdown");
    else if (!dripping) /* a commit, or a client that has its last reply: both end by themselves */
        return;
    session_resume(s);
}
