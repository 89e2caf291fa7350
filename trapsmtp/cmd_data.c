/* DATA (RFC 5321 4.1.1.4): from here on bytes are content until CRLF.CRLF, which content.c finds. Binary
 * content can only come by BDAT (RFC 3030 3). */
#include "command.h"
#include "content.h"
#include "server.h"

enum step cmd_data(struct session *s, struct bytes argument)
{
    (void)argument;
    if (s->message->body == SMTP_BODY_BINARYMIME) {
        reply(s, SMTP_REPLY_NEED_BDAT);
        return STEP_ERROR;
    }
    content_begin(s);
    session_data_begins(s);
    s->state = SESSION_DATA;
    reply(s, SMTP_REPLY_START_INPUT);
    return STEP_CONTINUE;
}
