/* XFORWARD (Postfix XFORWARD_README): a front MX in xforward_from says whose mail the next transaction is.
 * Everybody else gets what an unknown verb gets. Postfix goes on with MAIL whatever the answer is: a mistake
 * leaves the attribute unknown, never that of the peer or of the mail before. */
#include "command.h"
#include "forward.h"
#include "server.h"

enum step cmd_xforward(struct session *s, struct bytes argument)
{
    if (!forward_allowed(s)) {
        reply(s, SMTP_REPLY_UNKNOWN_COMMAND);
        return STEP_ERROR;
    }
    if (s->state != SESSION_READY) {
        reply(s, SMTP_REPLY_BAD_SEQUENCE);
        return STEP_ERROR;
    }
    switch (forward_take(s, argument)) {
    case TRAP_OK:
        reply(s, SMTP_REPLY_OK);
        return STEP_CONTINUE;
    case TRAP_ENOMEM:
        session_close_after(s, SMTP_REPLY_NO_MEMORY, "memory");
        return STEP_CLOSE;
    default:
        reply(s, SMTP_REPLY_SYNTAX);
        return STEP_ERROR;
    }
}
