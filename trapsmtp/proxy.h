/* proxy.h - sessions on smtp.proxy_listen: a balancer connects and says who the client is before SMTP begins.
 *
 * Trust:   only peers in proxy_from may connect there; the client is taken from the header, and from nothing
 *          else. Until a whole right header is there nothing is believed, sent or put on record.
 * Nobody:  a header that names no client (LOCAL: the balancer's own health check; UNKNOWN) is served under
 *          the unspecified address, which can never be listed: the balancer's own address is never taken for
 *          it.
 * Threads: loop only.
 * Tests:   tests/replay/scripts/proxy.txt, proxy-late.txt, tests/functional/test_smtp_proxy.py,
 *          test_haproxy.py
 */
#ifndef TRAPSMTP_PROXY_H
#define TRAPSMTP_PROXY_H

#include "session.h"

/* Takes the header off *in and greets. False: more of it is needed. A wrong one breaks the connection. */
bool proxy_feed(struct session *s, struct bytes *in);
/* The connection ended before its header was there: a line of the log. */
void proxy_log_end(const struct session *s);

#endif
