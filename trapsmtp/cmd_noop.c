/* NOOP [text] (RFC 5321 4.1.1.9). */
#include "command.h"
#include "server.h"

enum step cmd_noop(struct session *s, struct bytes argument)
{
    (void)argument;
    reply(s, SMTP_REPLY_OK);
    return STEP_CONTINUE;
}
