/* reply.h - replies of the session whose turn it is: gathered, and sent with one call at the end of the turn.
 *
 * Why:     a turn of pipelined commands costs one write; a session that has nothing to say owns no buffer.
 * Bounds:  a turn's replies take at most OUTPUT_BYTES before they are sent; what the client does not take at
 *          once is kept in the session (at most as much), and no more commands of that session are read
 *          until it is gone.
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_limits.py, tests/replay/scripts/connections.txt
 */
#ifndef TRAPSMTP_REPLY_H
#define TRAPSMTP_REPLY_H

#include <mail/smtp_reply.h>

struct session;

enum { OUTPUT_BYTES = 16 * 1024 };
struct output {
    size_t n;
    uint8_t p[OUTPUT_BYTES];
};

void reply(struct session *s, enum smtp_reply r);
/* Text put together by the caller. */
void reply_bytes(struct session *s, struct bytes text);
/* SMTP_REPLY_REFUSED, with lookup_url for this client. */
void reply_refused(struct session *s);

/* Sends what is gathered. False: the connection is broken. The rest that the client did not take waits in
 * the session. */
bool reply_flush(struct session *s);

#endif
