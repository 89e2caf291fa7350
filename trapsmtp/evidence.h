/* evidence.h - builds hits and sees messages through to the disk.
 *
 * Rule:    250 only after the commit of everything the message stands for: its hit, and the file for
 *          postmaster. What cannot be written, or not within commit_wait, is answered 452.
 * Limits:  beyond hits_per_sender_hour a message has no row of its own: it is counted in the session record
 *          (HIT_COUNTED). The first of a sender and hour waits until such a record is on disk; the count of
 *          further ones is written when the session ends.
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
/* One of the message's jobs came back; after the last one the message has its answer. Outside of a turn. */
void evidence_job_done(struct message *m, enum trap_err result);

#endif
