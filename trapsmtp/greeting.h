/* greeting.h - how the sink introduces itself: the 220 line and the answers to HELO and EHLO.
 *
 * Why:     whoever could tell sinks of this program by their first lines would leave them alone. The words of
 *          the 220 line and the order of the EHLO keywords are drawn for each installation, from its master
 *          key and name, and stay the same for ever (a server that changes its ways from day to day is as
 *          easy to tell).
 * Threads: drawn at the start, then loop only.
 * Tests:   tests/functional/test_smtp_greeting.py
 */
#ifndef TRAPSMTP_GREETING_H
#define TRAPSMTP_GREETING_H

#include <mail/keyed.h>

struct session;

enum { GREETING_KEYWORDS = 12 };
struct greeting {
    const char *words;                /* behind the name in the 220 line */
    uint8_t order[GREETING_KEYWORDS]; /* of the table of keywords */
};
void greeting_draw(struct greeting *g, const struct hash_key *key, const char *hostname);

/* "220 hostname ..." */
void reply_greeting(struct session *s);
void reply_helo(struct session *s);
/* The keywords of what this session is offered. */
void reply_ehlo(struct session *s);

#endif
