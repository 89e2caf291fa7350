#include "transport.h"

#include "session.h"
#include "tls.h"

#include <sys/socket.h>
#include <unistd.h>

ssize_t transport_recv(struct session *s, void *to, size_t room)
{
    return s->tls == NULL ? recv(s->fd, to, room, MSG_DONTWAIT) : tls_recv(s->tls, to, room);
}

ssize_t transport_send(struct session *s, struct bytes what)
{
    return s->tls == NULL ? send(s->fd, what.p, what.n, MSG_NOSIGNAL | MSG_DONTWAIT) : tls_send(s->tls, what);
}

int transport_events(const struct session *s, int wanted)
{
    const bool discards = s->state == SESSION_CLOSING && s->unsent.n == 0;

    return s->tls == NULL || discards ? wanted : tls_events(s->tls, wanted);
}

ssize_t transport_discard(struct session *s, void *scratch, size_t room)
{
    return recv(s->fd, scratch, room, MSG_DONTWAIT);
}

bool transport_shut(struct session *s)
{
    if (s->tls != NULL)
        tls_shut(s->tls);
    return shutdown(s->fd, SHUT_WR) == 0;
}

void transport_close(struct session *s)
{
    if (s->tls != NULL) {
        tls_shut(s->tls);
        tls_stream_free(&s->tls);
    }
    (void)close(s->fd);
    s->fd = -1;
}
