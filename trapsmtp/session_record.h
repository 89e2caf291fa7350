/* session_record.h - what is on record of a session that is not about a message: behaviour, refusals, AUTH,
 * an unfinished message to a trap. By itself it lists nobody.
 *
 * Written: for every session in which the client sent something, unless the rows of its hits say all of it:
 *          client, HELO, time to the first command and every flag. What a proxy says before XCLIENT is the
 *          proxy's and only written when there is something to tell. A session that only wrote to postmaster
 *          or abuse and behaved leaves no record: such mail is never evidence.
 * Limits:  of one client hits_per_sender_hour records and as many lines of the log an hour (IPv6: also
 *          CLIENT_NET_SHARES times that of its /48). What is left out is counted (smtp.session.more).
 * Threads: loop only; done() of the job runs on the writer's thread and only passes the result on.
 * Tests:   tests/replay/scripts/evidence.txt, evidence-other-protocols.txt,
 *          tests/functional/test_smtp_crowd.py
 */
#ifndef TRAPSMTP_SESSION_RECORD_H
#define TRAPSMTP_SESSION_RECORD_H

#include "session.h"

/* What is known of the session so far (enum hit_flag): for its record, and for hits. */
uint32_t session_record_flags(const struct session *s);
/* A recipient that nobody has; `hash` of its address: SESSION_WALK_MIN different ones are a walk through a
 * dictionary. */
void session_record_unknown(struct session *s, uint32_t hash);
/* The message of this session ends here without being accepted: if it was in DATA and for a trap, that is on
 * record. */
void session_record_attempt(struct session *s);
/* Writes the session record if there is something to tell, and the line of the log. */
void session_record_end(struct session *s);

#endif
