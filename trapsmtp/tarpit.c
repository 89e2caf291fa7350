#include "tarpit.h"

#include "server.h"
#include "transport.h"

#include <errno.h>

void tarpit_begin(struct session *s)
{
    struct server *server = s->server;

    tarpit_end(s);
    if (!server->config->smtp.tarpit || server->slow_sessions >= server->config->smtp.tarpit_sessions ||
        !listed_has(&server->listed, s->client, wall_now()))
        return;
    s->slow = true;
    server->slow_sessions++;
    session_note(s, HIT_TARPIT);
}

void tarpit_end(struct session *s)
{
    if (s->slow)
        s->server->slow_sessions--;
    s->slow = s->dripping = false;
}

static bool is_over(const struct session *s)
{
    return loop_now(s->server->loop).ms >= mono_add(s->opened, s->server->config->smtp.tarpit_max).ms;
}

bool tarpit_hold(struct session *s)
{
    if (!s->slow)
        return false;
    if (is_over(s)) {
        tarpit_end(s);
        return false;
    }
    if (!s->dripping)
        s->drip_at = mono_add(loop_now(s->server->loop), s->server->config->smtp.tarpit_delay);
    s->dripping = true;
    return true;
}

bool tarpit_drip(struct session *s)
{
    const struct conf_smtp *conf = &s->server->config->smtp;
    const bool all = conf->tarpit_stutter.ms == 0 || is_over(s);
    ssize_t n;

    n = transport_send(s, bytes_take(buf_bytes(&s->unsent), all ? s->unsent.n : 1));
    if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return false;
    if (n > 0)
        buf_consume(&s->unsent, (size_t)n);
    /* What the client does not take now goes the way of any other session's replies. */
    s->dripping = n > 0 && !all && s->unsent.n > 0;
    s->drip_at = mono_add(loop_now(s->server->loop), conf->tarpit_stutter);
    if (s->unsent.n == 0)
        buf_free(&s->unsent);
    return true;
}
