/* STARTTLS (RFC 3207). What the client sent behind it in the clear could come from anybody on the way
 * (CVE-2011-0411): it is dropped, and on record. */
#include "command.h"
#include "server.h"
#include "tls.h"
#include "transport.h"

/* The part that we have not read yet. (The part that we have is dropped at the end of the turn.) */
static void drop_waiting(struct session *s)
{
    enum { READS_MAX = 16 };
    const struct server *server = s->server;

    for (int i = 0; i < READS_MAX && transport_discard(s, server->input, server->input_cap) > 0; i++)
        session_note(s, HIT_INJECTED);
}

enum step cmd_starttls(struct session *s, struct bytes argument)
{
    const struct server *server = s->server;

    (void)argument;
    if (server->tls == NULL) {
        reply(s, SMTP_REPLY_NOT_IMPLEMENTED);
        return STEP_ERROR;
    }
    if (s->tls != NULL || !s->esmtp) {
        reply(s, SMTP_REPLY_BAD_SEQUENCE);
        return STEP_ERROR;
    }
    if (!tls_ready(server->tls)) {
        reply(s, SMTP_REPLY_NO_TLS);
        return STEP_ERROR;
    }
    drop_waiting(s);
    session_reset(s);
    reply(s, SMTP_REPLY_START_TLS);
    s->state = SESSION_HANDSHAKE;
    return STEP_CONTINUE;
}
