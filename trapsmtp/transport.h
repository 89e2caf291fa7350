/* transport.h - bytes between a session and its client: the one place that touches a session's socket.
 *
 * Why:     the session does not care whether it speaks in clear or through TLS; a session in clear pays one
 *          branch and no system call more.
 * Returns: as recv(2) and send(2): -1 with errno EAGAIN (or EINTR) means later, any other errno that the
 *          connection is gone. Nothing blocks.
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_tls_hostile.py, tests/replay
 */
#ifndef TRAPSMTP_TRANSPORT_H
#define TRAPSMTP_TRANSPORT_H

#include <base/bytes.h>

#include <sys/types.h>

struct session;

/* 0: the client says no more. */
ssize_t transport_recv(struct session *s, void *to, size_t room);
ssize_t transport_send(struct session *s, struct bytes what);
/* What the socket is to be watched for so that the session gets what it wants (LOOP_READ, LOOP_WRITE or
 * 0). */
int transport_events(const struct session *s, int wanted);
/* Throws away what came, unseen; the result is that of transport_recv(). */
ssize_t transport_discard(struct session *s, void *scratch, size_t room);
/* We say no more; the client may. False: the connection is gone. */
bool transport_shut(struct session *s);
/* Gives the descriptor back. */
void transport_close(struct session *s);

#endif
