/* RSET (RFC 5321 4.1.1.5): forgets the transaction, keeps the greeting. */
#include "command.h"
#include "server.h"

enum step cmd_rset(struct session *s, struct bytes argument)
{
    (void)argument;
    session_reset(s);
    reply(s, SMTP_REPLY_OK);
    return STEP_CONTINUE;
}
