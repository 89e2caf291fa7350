/* tarpit.h - slow replies for clients that are on a live zone: a delay before each, then a byte at a time.
 *
 * Why:     costs a listed sender its time. Optional: what a client gives up on is evidence that we do not
 *          get.
 * Who:     by the snapshot of what is listed (store/listed.h), decided when the session greets. Never by
 *          recipient or content: the pace tells nothing about a trap.
 * Bounds:  smtp.tarpit_sessions at once, smtp.tarpit_max of a session; beyond both, full speed. A slow
 *          session holds at most the replies of one turn.
 * How:     the replies of a turn wait in session->unsent; while they do (`dripping`) nothing is read, and the
 *          session's timer sends them.
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_tarpit.py
 */
#ifndef TRAPSMTP_TARPIT_H
#define TRAPSMTP_TARPIT_H

#include "session.h"

/* The client is known: shall it be slowed down? */
void tarpit_begin(struct session *s);
/* From here on at full speed; what waits is sent with the next flush. */
void tarpit_end(struct session *s);
/* Must the replies of this turn wait? Sets when the first byte goes. */
bool tarpit_hold(struct session *s);
/* The session's timer: sends what is due. False: the connection is gone. */
bool tarpit_drip(struct session *s);

#endif
