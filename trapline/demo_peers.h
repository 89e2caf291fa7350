/* demo_peers.h - the other side of `trapline demo`: a harvester (HTTP), a spammer (SMTP), somebody who asks a
 * DNS server.
 *
 * Why:     they speak as a stranger from a given address would: through X-Forwarded-For and XCLIENT, which
 *          the demo's own configuration trusts from this machine. Only 127.0.0.1 is ever connected to.
 * Errors:  false, with one line about it on standard error.
 * Threads: main only. Each call waits at most PEER_WAIT_MS.
 */
#ifndef TRAPLINE_DEMO_PEERS_H
#define TRAPLINE_DEMO_PEERS_H

#include <base/buf.h>

enum { PEER_WAIT_MS = 10000 };

/* A port of 127.0.0.1 that nobody listens on at this moment; 0 on failure. */
uint16_t peer_free_port(bool udp);
/* The whole answer, head and body. */
bool peer_get(uint16_t port, const char *path, const char *client, struct buf *answer_out);
/* The first address behind `mailto:` in the page. */
bool peer_extract(struct bytes page, char *out, size_t max);
/* One message through XCLIENT; prints each line of the dialogue. True when it was accepted. */
bool peer_mail(uint16_t port, const char *client, const char *from, const char *to);
/* Asks for name (without the final dot) and type 1 (A) or 16 (TXT); out gets "127.0.0.2", the text, or
 * "NXDOMAIN". */
bool peer_ask(uint16_t port, const char *name, uint16_t type, char *out, size_t max);

#endif
