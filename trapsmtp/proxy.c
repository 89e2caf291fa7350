#include "proxy.h"

#include "forward.h"
#include "server.h"

#include <base/log.h>
#include <mail/proxy_header.h>

#include <sys/ioctl.h>

/* Octets of the client that came before our greeting left: behind the header, or waiting in the kernel. */
static bool talks_early(const struct session *s, struct bytes behind)
{
    int waiting = 0;

    return behind.n > 0 || (ioctl(s->fd, FIONREAD, &waiting) == 0 && waiting > 0);
}

/* False: the client has too many sessions. */
static bool take_over(struct session *s, const struct proxy_header *h)
{
    if (h->local)
        s->speaker = s->peer;
    if (!h->known)
        return true;
    s->speaker = s->client = h->client;
    s->local = h->dest;
    s->local_port = h->dest_port;
    return session_trusts(s, &s->server->config->smtp.xclient_from) || forward_allowed(s) ||
           session_move(s, h->client);
}

static void begin(struct session *s, const struct proxy_header *h, struct bytes behind)
{
    const bool room = take_over(s, h);

    s->state = SESSION_READY;
    s->front = forward_allowed(s);
    session_note(s, HIT_PROXY);
    if (talks_early(s, behind)) {
        s->heard = true;
        s->first_command_ms = 0;
        session_note(s, HIT_EARLY_TALK);
    }
    if (room)
        session_greet(s);
    else
        session_close_after(s, SMTP_REPLY_TOO_MANY_CONNECTIONS, "sessions_per_ip");
}

bool proxy_feed(struct session *s, struct bytes *in)
{
    struct proxy_header h;

    switch (proxy_header_parse(in, &h)) {
    case PROXY_HEADER_MORE:
        return false;
    case PROXY_HEADER_BAD:
        s->reason = "header";
        s->broken = true;
        return true;
    case PROXY_HEADER_DONE:
        begin(s, &h, *in);
        return true;
    }
    return false;
}

void proxy_log_end(const struct session *s)
{
    if (s->reason != NULL && strcmp(s->reason, "header") == 0)
        log_warning("smtp.proxy", LOG_IP(s->peer), LOG_STR("reason", "header"),
                    LOG_STR("todo", "let the proxy send a PROXY header, version 1 or 2"));
    else
        log_info("smtp.proxy", LOG_IP(s->peer), LOG_STR("reason", s->reason));
}
