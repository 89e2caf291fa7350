#include "reply.h"

#include "forward.h"
#include "server.h"
#include "session.h"
#include "tarpit.h"
#include "transport.h"

#include <errno.h>

/* Sends as much as the client takes now; *in starts at the rest. */
static bool send_some(struct session *s, struct bytes *in)
{
    while (in->n > 0) {
        const ssize_t n = transport_send(s, *in);

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        *in = bytes_skip(*in, (size_t)n);
    }
    return true;
}

/* Keeps what was not taken. More than OUTPUT_BYTES cannot come together: commands stop while something
 * waits. */
static bool keep(struct session *s, struct bytes rest)
{
    if (rest.n == 0)
        return true;
    if (s->unsent.max == 0)
        buf_init(&s->unsent, 2 * OUTPUT_BYTES);
    buf_add(&s->unsent, rest);
    return s->unsent.err == TRAP_OK;
}

bool reply_flush(struct session *s)
{
    struct output *out = &s->server->output;
    struct bytes rest = bytes_of(out->p, out->n);
    bool ok = true;

    if (out->n > 0 && tarpit_hold(s)) {
        out->n = 0;
        return keep(s, rest);
    }
    if (s->dripping)
        return true;
    if (s->unsent.n > 0) {
        rest = buf_bytes(&s->unsent);
        ok = send_some(s, &rest);
        buf_consume(&s->unsent, s->unsent.n - rest.n);
        if (s->unsent.n == 0)
            buf_free(&s->unsent); /* idle sessions own nothing */
    }
    rest = bytes_of(out->p, out->n);
    out->n = 0;
    if (ok && s->unsent.n == 0)
        ok = send_some(s, &rest);
    return ok && keep(s, rest);
}

void reply_bytes(struct session *s, struct bytes text)
{
    struct output *out = &s->server->output;

    if (text.n > sizeof(out->p) - out->n && !reply_flush(s))
        s->broken = true;
    if (text.n > sizeof(out->p) - out->n)
        return; /* no reply is that long */
    memcpy(out->p + out->n, text.p, text.n);
    out->n += text.n;
}

void reply(struct session *s, enum smtp_reply r)
{
    reply_bytes(s, smtp_reply_line(forward_answer(s, r)));
}

static void reply_text(struct session *s, const char *text)
{
    reply_bytes(s, bytes_str(text));
}

void reply_refused(struct session *s)
{
    const char *url = s->server->config->smtp.lookup_url;
    const struct bytes line = smtp_reply_line(SMTP_REPLY_REFUSED);
    char client[IP_TEXT_MAX];

    if (url[0] == '\0') {
        reply_bytes(s, line);
        return;
    }
    reply_bytes(s, bytes_take(line, line.n - 2));
    reply_text(s, ", see ");
    (void)ip_text(s->client, client);
    for (const char *p = url; *p != '\0'; p++)
        if (*p == '$')
            reply_text(s, client);
        else
            reply_bytes(s, bytes_of(p, 1));
    reply_text(s, "\r\n");
}
