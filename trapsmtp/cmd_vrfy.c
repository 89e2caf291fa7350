/* VRFY (RFC 5321 3.5.3, 7.3): 252 for everything, so that no list of traps can be asked for. */
#include "command.h"
#include "server.h"

enum step cmd_vrfy(struct session *s, struct bytes argument)
{
    reply(s, argument.n == 0 ? SMTP_REPLY_SYNTAX : SMTP_REPLY_CANNOT_VERIFY);
    return argument.n == 0 ? STEP_ERROR : STEP_CONTINUE;
}
