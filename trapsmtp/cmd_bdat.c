/* BDAT (RFC 3030 2): so many octets of the message, whatever they hold. A chunk that is refused comes all the
 * same: its octets are swallowed, then the refusal is said, so that they can never run as commands. Where
 * their number is not known the stream is lost and the connection ends. */
#include "command.h"
#include "content.h"
#include "server.h"
#include "session_record.h"

/* All octets of the chunk came. */
static void chunk_end(struct session *s)
{
    const struct chunk *c = &s->chunk;

    if (c->refused) {
        s->state = c->back;
        reply(s, c->answer);
        if (c->answer == SMTP_REPLY_TOO_BIG)
            s->tally.refused_limit++;
        else
            command_refused(s);
        return;
    }
    if (c->size.last) {
        content_end(s);
        return;
    }
    s->state = SESSION_CHUNKED;
    reply(s, SMTP_REPLY_CHUNK_OK);
}

static void chunk_begin(struct session *s, struct smtp_bdat size)
{
    s->chunk = (struct chunk){ .size = size, .back = s->state };
    s->state = SESSION_CHUNK;
    session_data_begins(s);
}

static void chunk_refuse(struct session *s, struct smtp_bdat size, enum smtp_reply answer)
{
    chunk_begin(s, size);
    s->chunk.refused = true;
    s->chunk.answer = answer;
}

/* In a transaction that may have content. */
static void chunk_accept(struct session *s, struct smtp_bdat size)
{
    struct message *m = s->message;

    if (s->state == SESSION_RCPT)
        content_begin(s);
    m->flags |= HIT_BDAT;
    if (size.left > 0)
        s->commands_left++; /* a message may have many chunks: its size has a limit of its own */
    chunk_begin(s, size);
    if (m->relayed || size.left <= s->server->config->smtp.message_max_bytes - m->received)
        return;
    session_record_attempt(s);
    session_reset(s);
    chunk_refuse(s, size, SMTP_REPLY_TOO_BIG);
}

enum step cmd_bdat(struct session *s, struct bytes argument)
{
    struct smtp_bdat size;

    switch (smtp_bdat_parse(argument, &size)) {
    case SMTP_BDAT_LOST:
        s->tally.errors++;
        session_close_after(s, SMTP_REPLY_CHUNK_LOST, "bdat");
        return STEP_CLOSE;
    case SMTP_BDAT_SYNTAX:
        chunk_refuse(s, size, SMTP_REPLY_SYNTAX);
        break;
    case SMTP_BDAT_OK:
        if (s->state == SESSION_READY)
            chunk_refuse(s, size, SMTP_REPLY_NEED_MAIL);
        else if (s->state == SESSION_MAIL)
            chunk_refuse(s, size, SMTP_REPLY_NEED_RCPT);
        else
            chunk_accept(s, size);
        break;
    }
    if (size.left == 0)
        chunk_end(s);
    return STEP_CONTINUE;
}

void bdat_feed(struct session *s, struct bytes *in)
{
    const struct bytes octets = smtp_bdat_take(&s->chunk.size, in);

    s->data_received += octets.n;
    if (!s->chunk.refused)
        content_add_chunk(s, octets);
    if (s->chunk.size.left == 0)
        chunk_end(s);
}
