/* session_tls.h - the handshake in the life of a session.
 *
 *   READY --STARTTLS--> HANDSHAKE --agreed--> READY, as new       implicit: accept --> HANDSHAKE --> greeting
 *   HANDSHAKE --failed, handshake_timeout--> closed without a word: a reply in clear would be read as TLS
 *
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_tls.py, test_smtp_tls_hostile.py
 */
#ifndef TRAPSMTP_SESSION_TLS_H
#define TRAPSMTP_SESSION_TLS_H

#include "session.h"

/* TLS begins, now that the last reply in clear is out. */
void session_tls_begin(struct session *s);
/* The socket is ready for the next step of the handshake. */
void session_tls_step(struct session *s);
/* handshake_timeout is over. */
void session_tls_timeout(struct session *s);
/* A ClientHello where plain text was expected: keeps what it tells. */
void session_tls_on_plain(struct session *s, struct bytes in);

#endif
