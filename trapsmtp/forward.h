/* forward.h - mail that a front MX took for a trap inside its own domain and passes on to us: who its client
 * was (XFORWARD), and how such a peer is answered.
 *
 * Who:     a peer in xforward_from, until XCLIENT or a PROXY header says that somebody else talks. To all
 *          others XFORWARD is an unknown verb.
 * Client:  XFORWARD names it for one transaction: from the command until the message has its answer, or RSET,
 *          EHLO, XCLIENT. What it does not say is not known: address ::, which can be on no list, and an
 *          empty HELO. Nothing of the peer's own session is taken for the client's.
 * Answers: the front MX has accepted the mail. A 5xx would make it bounce, to an address that a spammer
 *          wrote, so that nothing about a mail is answered 5xx: what can be taken is taken, the rest is 450,
 *          and the front MX asks its maps again when it comes back (docs/adr/0017-inside-a-domain.md).
 * Manners: those of the front MX are its own: no marks, no attempts, no limits of errors.
 * Threads: loop only.
 * Tests:   tests/replay/scripts/xforward.txt, tests/functional/test_inside_domain_postfix.py
 */
#ifndef TRAPSMTP_FORWARD_H
#define TRAPSMTP_FORWARD_H

#include "session.h"

/* The peer may say XFORWARD. */
bool forward_allowed(const struct session *s);
/* This session, or at least this transaction, comes from a front MX. */
bool forward_is_relayed(const struct session *s);

/* The argument of XFORWARD: see smtp_xforward_parse(). TRAP_ENOMEM. */
TRAP_NODISCARD enum trap_err forward_take(struct session *s, struct bytes argument);
/* A front MX that cannot say XFORWARD (Exim) gives the same attributes in the parameter AUTH of MAIL (RFC
 * 4954 5), in xtext. Other parameters are passed over. */
TRAP_NODISCARD enum trap_err forward_take_auth(struct session *s, struct bytes params);

/* At MAIL. False: the client named has sessions_per_ip transactions already. */
bool forward_begin(struct session *s);
/* The transaction is over: what was said of its client is forgotten. */
void forward_end(struct session *s);

/* What a hit says of its client: of the session's own where it is not relayed. */
struct ip forward_sender(const struct session *s);
struct bytes forward_helo(const struct session *s);
/* enum hit_flag */
uint32_t forward_flags(const struct session *s);

/* The reply that the peer gets in place of r. */
enum smtp_reply forward_answer(const struct session *s, enum smtp_reply r);

#endif
