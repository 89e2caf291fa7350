#include "session_tls.h"

#include "server.h"
#include "tls.h"

#include <stdlib.h>

static bool make_facts(struct session *s)
{
    if (s->tls_facts == NULL)
        s->tls_facts = calloc(1, sizeof(*s->tls_facts));
    return s->tls_facts != NULL;
}

void session_tls_begin(struct session *s)
{
    s->state = SESSION_HANDSHAKE;
    if (!make_facts(s) || !tls_ready(s->server->tls) ||
        tls_stream_new(s->server->tls, s->fd, s->tls_facts, &s->tls) != TRAP_OK) {
        session_end(s, "memory");
        return;
    }
    session_watch(s);
    session_await(s);
}

/* What was said in clear is forgotten (RFC 3207 4.2): anybody on the way may have said it. */
static void begin_anew(struct session *s)
{
    session_note(s, HIT_TLS);
    session_reset(s);
    if (!s->helo_fixed)
        session_set_helo(s, bytes_of(NULL, 0));
    s->esmtp = false;
}

/* Who connected to a port of tls_listen and said nothing (a port scan, a health check) did nothing wrong. */
static void count_error(struct session *s)
{
    s->tally.errors += s->tally.commands > 0 || s->tls_facts->heard ? 1 : 0;
}

static void fail(struct session *s)
{
    count_error(s);
    s->state = SESSION_CLOSING;
    s->linger = true;
    s->reason = "handshake failed";
    session_turn(s, bytes_of(NULL, 0));
}

void session_tls_step(struct session *s)
{
    switch (tls_handshake(s->tls)) {
    case TLS_AGAIN:
        session_watch(s);
        return;
    case TLS_FAILED:
        fail(s);
        return;
    case TLS_DONE:
        break;
    }
    begin_anew(s);
    session_watch(s);
    session_await(s);
    if (s->greeted)
        session_turn(s, bytes_of(NULL, 0));
    else
        session_on_open(s);
}

void session_tls_timeout(struct session *s)
{
    count_error(s);
    session_end(s, "handshake_timeout");
}

void session_tls_on_plain(struct session *s, struct bytes in)
{
    session_note(s, HIT_TLS_ON_PLAIN);
    if (make_facts(s))
        tls_facts_read_records(s->tls_facts, in);
}
