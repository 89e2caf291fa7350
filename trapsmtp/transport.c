#include "transport.h"

#include "session.h"

#include <sys/socket.h>
#include <unistd.h>

ssize_t transport_recv(struct session *s, void *to, size_t room)
{
    return recv(s->fd, to, room, MSG_DONTWAIT);
}

ssize_t transport_send(struct session *s, struct bytes what)
{
    return send(s->fd, what.p, what.n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int transport_events(const struct session *s, int wanted)
{
    (void)s;
    return wanted;
}

ssize_t transport_discard(struct session *s, void *scratch, size_t room)
{
    return recv(s->fd, scratch, room, MSG_DONTWAIT);
}

bool transport_shut(struct session *s)
{
    return shutdown(s->fd, SHUT_WR) == 0;
}

void transport_close(struct session *s)
{
    (void)close(s->fd);
    s->fd = -1;
}
