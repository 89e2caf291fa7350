/* socketmap.h - "is this recipient a trap?", asked by the mail server of a real domain (Postfix
 * socketmap_table(5)).
 *
 * Asked:   netstrings "NAME SP KEY"; KEY is local@domain in any case. A further question may follow before
 *          the answer to the first. Names:
 *            trap   for recipient maps: a minted address in exact form under a current epoch, a static
 *                   trap, or any address of a trap domain that accepts all. Not a guess, a reserved name or
 *                   a role.
 *            route  for transport maps, which are asked again each time queued mail is tried: all of that,
 *                   and what was such a trap once (recipient_past()), so that no queued mail becomes a
 *                   bounce.
 * Answers: "OK trap", "NOTFOUND "; "PERM ..." to another name. What is no question closes the connection.
 * Cost:    the same for every address of a domain, whatever the answer.
 * Who:     whoever can connect can wash his list here. A path is open to owner and group; at an IP address
 *          only loopback and xforward_from are answered.
 * Bounds:  socketmap_max connections; QUESTION_MAX bytes a question, kept only while it is not whole;
 *          ANSWERS_MAX bytes of answers that the client does not read, and no further question until it does;
 *          socketmap_timeout for each.
 * Threads: loop only; socketmap_open() before it runs.
 * Tests:   tests/functional/test_socketmap.py, tests/functional/test_inside_domain_postfix.py
 */
#ifndef TRAPSMTP_SOCKETMAP_H
#define TRAPSMTP_SOCKETMAP_H

#include <base/config.h>

struct server;
struct socketmap;

/* Binds socketmap_listen, before privileges are dropped; *out is NULL where the key is empty. */
TRAP_NODISCARD enum trap_err socketmap_open(const struct config *config, struct socketmap **out,
                                            struct err_text *why);
/* All of these take NULL, too. The server must outlive what socketmap_stop() ends: all connections. */
void socketmap_start(struct socketmap *m, struct server *server);
void socketmap_wake(struct socketmap *m); /* there may be descriptors again */
void socketmap_stop(struct socketmap *m);
void socketmap_free(struct socketmap **m);

#endif
