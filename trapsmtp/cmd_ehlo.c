/* EHLO and HELO (RFC 5321 4.1.1.1): who the client says it is. Clears a transaction (4.1.4). The name is a
 * claim and recorded as received; a name that is wrong is no reason to refuse mail (4.1.4), and tells much
 * about the sender. */
#include "command.h"
#include "server.h"

static bool begin(struct session *s, struct bytes name, bool esmtp)
{
    if (name.n == 0) {
        reply(s, SMTP_REPLY_BAD_HELO);
        return false;
    }
    session_reset(s);
    if (!s->helo_fixed)
        session_set_helo(s, name);
    s->esmtp = esmtp;
    return true;
}

enum step cmd_ehlo(struct session *s, struct bytes argument)
{
    if (!begin(s, argument, true))
        return STEP_ERROR;
    reply_ehlo(s);
    return STEP_CONTINUE;
}

enum step cmd_helo(struct session *s, struct bytes argument)
{
    if (!begin(s, argument, false))
        return STEP_ERROR;
    reply_helo(s);
    return STEP_CONTINUE;
}
