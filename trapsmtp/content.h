/* content.h - the content of a message as it streams in, by DATA or BDAT: end-of-data, header scan, digest,
 * sample, copy for postmaster.
 *
 * Why:     nothing of a message is kept but what is asked for: the head of sample_max bytes, and all of it
 *          only for a role address.
 * Sample:  octet for octet what was on the wire, the end (dot CRLF) not included.
 * Limits:  beyond message_max content is counted and dropped; the answer (552) comes after end-of-data. What
 *          a front MX passes on is taken without its rest, and marked.
 * Threads: loop only.
 * Tests:   tests/replay/scripts/content.txt, bodies.txt, header-size.txt, tests/replay/test_end_of_data.py
 */
#ifndef TRAPSMTP_CONTENT_H
#define TRAPSMTP_CONTENT_H

#include "session.h"

void content_begin(struct session *s);
/* In SESSION_DATA. Consumes from *in; at end-of-data hands the message to evidence.h, which moves the
 * session on. */
void content_feed(struct session *s, struct bytes *in);

/* In SESSION_CHUNK: octets of a chunk, in which a dot is a dot. */
void content_add_chunk(struct session *s, struct bytes octets);
/* Behind the last chunk: as at end-of-data. */
void content_end(struct session *s);

/* Whether the message of this session has content, finished or not, on its way to the disk or back from it. */
bool content_begun(const struct session *s);
/* What is known of the content so far, as enum hit_flag. */
uint32_t content_flags(const struct message *m);

#endif
