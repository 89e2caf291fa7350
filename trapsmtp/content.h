/* content.h - the content of a message as it streams in: end-of-data, header scan, digest, sample, copy for
 * postmaster.
 *
 * Why:     nothing of a message is kept but what is asked for: the head of sample_max bytes, and all of it
 *          only for a role address.
 * Limits:  beyond message_max content is counted and dropped; the answer (552) comes after end-of-data.
 * Threads: loop only.
 */
#ifndef TRAPSMTP_CONTENT_H
#define TRAPSMTP_CONTENT_H

#include "session.h"

void content_begin(struct session *s);
/* In SESSION_DATA. Consumes from *in; at end-of-data hands the message to evidence.h, which moves the
 * session on. */
void content_feed(struct session *s, struct bytes *in);

/* What is known of the content so far, as enum hit_flag. */
uint32_t content_flags(const struct message *m);

#endif
