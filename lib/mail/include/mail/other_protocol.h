/* other_protocol.h - the first octets or the first line of clients that speak something else than SMTP.
 *
 * Why:     what follows must not run as commands (a browser, or a server made to talk to us, can be told what
 *          to send), a scanner that waits for an answer in its own protocol need not hold a session, and it
 *          is evidence.
 * Looks at: the beginning of a session only. HTTP's verbs and header lines are told by smtp_command.h, at any
 *          time. TLS on the plain port is not looked for here (trapsmtp does: it keeps the fingerprint).
 * Input:   octets: what was received so far, of any length; a pattern that is not complete is no match yet.
 *          line: without CRLF.
 * Owns:    returns a constant name for the log, or NULL.   Errors: cannot fail.   Threads: any.
 * Tests:   tests/unit/mail/test_other_protocol.c, tests/replay/scripts/evidence-other-protocols.txt
 */
#ifndef MAIL_OTHER_PROTOCOL_H
#define MAIL_OTHER_PROTOCOL_H

#include <base/bytes.h>

/* Binary protocols: told before there is a line. */
const char *other_protocol_octets(struct bytes start);
/* The first line of a session. */
const char *other_protocol_line(struct bytes line);

#endif
