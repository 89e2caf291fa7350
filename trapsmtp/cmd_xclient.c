/* XCLIENT (Postfix XCLIENT_README): a peer in xclient_from says who the client is. Everybody else gets what
 * an unknown verb gets.
 *
 * It begins a new session on the same connection: new record, new id, a new 220. HELO given here stays: the
 * peer's own EHLO behind it says nothing of the client. An address that the peer does not know is recorded as
 * the unspecified address, which can never be listed; the peer's own address is never taken for it. */
#include "command.h"
#include "server.h"
#include "session_record.h"

#include <mail/smtp_xclient.h>

static void take_over(struct session *s, const struct smtp_xclient *x)
{
    session_reset(s);
    s->front = false;
    session_set_helo(s, BYTES(""));
    s->esmtp = (x->given & SMTP_XCLIENT_PROTO) != 0 && x->esmtp;
    s->helo_fixed = ((x->given | x->unknown) & SMTP_XCLIENT_HELO) != 0;
    if ((x->given & SMTP_XCLIENT_HELO) != 0)
        session_set_helo(s, bytes_of(x->helo, x->helo_len));
    if ((x->given & SMTP_XCLIENT_DESTADDR) != 0)
        s->local = x->destaddr;
    if ((x->given & SMTP_XCLIENT_DESTPORT) != 0)
        s->local_port = x->destport;
}

enum step cmd_xclient(struct session *s, struct bytes argument)
{
    const uint32_t proxied = s->tally.flags & HIT_PROXY;
    struct smtp_xclient x;

    if (!session_may_xclient(s)) {
        reply(s, SMTP_REPLY_UNKNOWN_COMMAND);
        return STEP_ERROR;
    }
    if (s->state != SESSION_READY) {
        reply(s, SMTP_REPLY_BAD_SEQUENCE);
        return STEP_ERROR;
    }
    if (smtp_xclient_parse(argument, &x) != TRAP_OK) {
        reply(s, SMTP_REPLY_SYNTAX);
        return STEP_ERROR;
    }
    session_record_end(s);
    session_begin_record(s);
    take_over(s, &x);
    session_note(s, HIT_XCLIENT | proxied);
    if (((x.given | x.unknown) & SMTP_XCLIENT_ADDR) != 0 &&
        !session_move(s, (x.given & SMTP_XCLIENT_ADDR) != 0 ? x.addr : IP_NOBODY)) {
        session_close_after(s, SMTP_REPLY_TOO_MANY_CONNECTIONS, "sessions_per_ip");
        return STEP_CLOSE;
    }
    session_greet(s);
    return STEP_CONTINUE;
}
