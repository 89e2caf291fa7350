#include "reply.h"

#include "forward.h"
#include "server.h"
#include "session.h"
#include "tls.h"
#include "tarpit.h"
#include "transport.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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

void reply_greeting(struct session *s)
{
    s->greeted = true;
    reply_text(s, "220 ");
    reply_text(s, s->server->config->smtp.hostname);
    reply_text(s, " ESMTP\r\n");
    s->greeted_at = loop_now(s->server->loop);
}

void reply_helo(struct session *s)
{
    reply_text(s, "250 ");
    reply_text(s, s->server->config->smtp.hostname);
    reply_text(s, "\r\n");
}

void reply_ehlo(struct session *s)
{
    const struct conf_smtp *conf = &s->server->config->smtp;
    char size[40];

    if (s->front) /* a limit would make it bounce what is larger (RFC 1870 3) */
        (void)snprintf(size, sizeof(size), "250-SIZE\r\n");
    else
        (void)snprintf(size, sizeof(size), "250-SIZE %" PRIu64 "\r\n", conf->message_max_bytes);
    reply_text(s, "250-");
    reply_text(s, conf->hostname);
    reply_text(s, "\r\n250-PIPELINING\r\n");
    reply_text(s, size);
    if (s->tls == NULL && s->server->tls != NULL && tls_ready(s->server->tls))
        reply_text(s, "250-STARTTLS\r\n");
    if (session_may_xclient(s))
        reply_text(s, "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n");
    if (forward_allowed(s))
        reply_text(s, "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
    if (conf->auth)
        reply_text(s, "250-AUTH PLAIN LOGIN\r\n");
    reply_text(s, "250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n"
                  "250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n");
}
