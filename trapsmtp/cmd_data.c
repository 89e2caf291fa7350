/* DATA (RFC 5321 4.1.1.4): from here on bytes are content until CRLF.CRLF, which content.c finds. */
#include "command.h"
#include "content.h"
#include "server.h"

enum step cmd_data(struct session *s, struct bytes argument)
{
    (void)argument;
    content_begin(s);
    s->data_started = loop_now(s->server->loop);
    s->state = SESSION_DATA;
    reply(s, SMTP_REPLY_START_INPUT);
    return STEP_CONTINUE;
}
