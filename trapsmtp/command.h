/* command.h - the table of verbs, and what all commands have in common: bad octets, wrong states, limits.
 *
 * To add a verb: its name in lib/mail/smtp_command.c, one line in the table of command.c, one file
 *                cmd_VERB.c.
 * Threads: loop only.
 * Tests:   tests/replay/scripts/lines-and-verbs.txt, order.txt, octets-in-commands.txt
 */
#ifndef TRAPSMTP_COMMAND_H
#define TRAPSMTP_COMMAND_H

#include "session.h"

#include <mail/smtp_path.h>

/* One line without CRLF. `more`: the client sent something behind it already. */
void command_run(struct session *s, struct bytes line, bool more);
void command_too_long(struct session *s);
/* Lines or octets of another protocol follow: none of them may run as a command. `name` is a constant. */
void command_other_protocol(struct session *s, const char *name);
/* One refused command: counts, and closes the session at errors_max. */
void command_refused(struct session *s);

/* In SESSION_CHUNK: takes the octets of the chunk from *in; behind its last one gives the answer. */
void bdat_feed(struct session *s, struct bytes *in);

/* In SESSION_AUTH: the client's line, or the end of one that was too long. */
void auth_line(struct session *s, struct bytes line);
void auth_too_long(struct session *s);
/* The session ends: a user name that was said without a password is on record, too. */
void auth_abandon(struct session *s);

/* Octets that a line must not hold, as enum hit_flag; of enum smtp_line_flag. */
uint32_t octet_flags(uint32_t line_flags);
/* What is wrong with a path that was taken all the same, as enum hit_flag. */
uint32_t path_flags(const struct smtp_path *path, bool smtputf8);

/* One file each. The state was checked; the argument has no control characters, but that of a front MX
 * (forward.h) may. */
enum step cmd_auth(struct session *s, struct bytes argument);
enum step cmd_bdat(struct session *s, struct bytes argument);
enum step cmd_data(struct session *s, struct bytes argument);
enum step cmd_ehlo(struct session *s, struct bytes argument);
enum step cmd_helo(struct session *s, struct bytes argument);
enum step cmd_help(struct session *s, struct bytes argument);
enum step cmd_mail(struct session *s, struct bytes argument);
enum step cmd_noop(struct session *s, struct bytes argument);
enum step cmd_quit(struct session *s, struct bytes argument);
enum step cmd_rcpt(struct session *s, struct bytes argument);
enum step cmd_rset(struct session *s, struct bytes argument);
enum step cmd_starttls(struct session *s, struct bytes argument);
enum step cmd_vrfy(struct session *s, struct bytes argument);
enum step cmd_xclient(struct session *s, struct bytes argument);
enum step cmd_xforward(struct session *s, struct bytes argument);

#endif
