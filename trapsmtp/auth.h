/* auth.h - log-ins that were tried in a session, as they go into its record.
 *
 * Kept:    the first AUTH_KEPT_MAX different ones: mechanism, user name, keyed hash of the password. The
 *          session record has the count of all. Never the password.
 * Memory:  none before the first attempt, then some 300 bytes each.
 * Threads: loop only; a copy made for a record is read by the writer and freed by the loop.
 * Tests:   tests/replay/scripts/auth.txt
 */
#ifndef TRAPSMTP_AUTH_H
#define TRAPSMTP_AUTH_H

#include <mail/smtp_auth.h>
#include <store/record.h>

struct auth_list;

/* `secret` NULL: none was given. Without mechanism or memory, or when the list is full, the attempt is only
 * counted. */
void auth_list_add(struct auth_list **list, const struct smtp_auth *a, const uint8_t *secret);
void auth_list_free(struct auth_list **list);

/* NULL for an empty list, and where there is no memory. */
struct auth_list *auth_list_copy(const struct auth_list *list);
/* What the record points to lives in the list. NULL: nothing. */
void auth_list_tell(struct auth_list *list, struct session_record *out);

#endif
