/* evidence.h - builds hits and sees messages through to the disk.
 *
 * Rule:    250 only after the commit of everything the message stands for: its hit, and the file for
 *          postmaster. What cannot be written, or not within commit_wait, is answered 452.
 * Limits:  beyond hits_per_sender_hour a message has no row of its own: it is one more in the sender's
 *          counter row of the hour, and waits for the commit of that like any other.
 * Threads: loop only; done() of the jobs runs on the writer's thread and only passes the result on.
 * Tests:   tests/replay, tests/functional/test_smtp_limits.py
 */
#ifndef TRAPSMTP_EVIDENCE_H
#define TRAPSMTP_EVIDENCE_H

#include "session.h"

/* At end-of-data, in a turn. The session is SESSION_COMMIT afterwards, or SESSION_READY with its answer when
 * nothing has to wait. */
void evidence_submit(struct session *s);
/* commit_wait is over: 452. The session is SESSION_READY. */
void evidence_give_up(struct session *s);
/* There may be room in the commit queue: submits what waits, oldest first. */
void evidence_retry(struct server *server);

#endif
