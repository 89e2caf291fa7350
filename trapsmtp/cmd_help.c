/* HELP [text] (RFC 5321 4.1.1.8): the same for every topic. */
#include "command.h"
#include "server.h"

enum step cmd_help(struct session *s, struct bytes argument)
{
    (void)argument;
    reply(s, SMTP_REPLY_HELP);
    return STEP_CONTINUE;
}
