/* session_record.h - what is on record of a session that is not about a message: behaviour, refusals, AUTH, an
 * unfinished message to a trap.
 *
 * Limits:  of one client hits_per_sender_hour records an hour are written; beyond that a session is in the
 *          log only.
 * Threads: loop only; done() of the job runs on the writer's thread and only passes the result on.
 * Tests:   tests/replay, tests/functional/test_smtp_limits.py
 */
#ifndef TRAPSMTP_SESSION_RECORD_H
#define TRAPSMTP_SESSION_RECORD_H

#include "session.h"

/* The message of this session ends here without being accepted: if it was in DATA and for a trap, that is on
 * record. */
void session_record_attempt(struct session *s);
/* Writes the session record if there is something to tell, and the line of the log. The counts start anew. */
void session_record_end(struct session *s);
/* Writes what is known so far, for a message that waits for it (evidence_job_done()). */
TRAP_NODISCARD enum trap_err session_record_submit(struct session *s, struct message *message);

#endif
