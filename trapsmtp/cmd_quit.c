/* QUIT (RFC 5321 4.1.1.10). What the client sent behind it is dropped. */
#include "command.h"
#include "server.h"

enum step cmd_quit(struct session *s, struct bytes argument)
{
    (void)argument;
    session_close_after(s, SMTP_REPLY_BYE, "quit");
    s->linger = false; /* unless it did send something */
    return STEP_CLOSE;
}
