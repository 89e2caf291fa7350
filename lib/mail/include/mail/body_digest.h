/* body_digest.h - 64 bits by which two copies of one message body are known as the same.
 *
 * Why:     samples are kept once a text; campaigns are counted. A digest is not evidence: it has no key, and
 *          whoever wants two bodies of one digest can make them.
 * Input:   the body after transparency is undone, in pieces of any length: the digest does not depend on
 *          them.
 * Version: 1 hashes the octets as they are. A later version may normalise (case, digits, blanks) and will
 *          then take another seed.
 * Owns:    nothing.   Errors: cannot fail.   Threads: one owner.
 * Tests:   tests/unit/mail/test_body_digest.c
 */
#ifndef MAIL_BODY_DIGEST_H
#define MAIL_BODY_DIGEST_H

#include <base/bytes.h>

struct body_digest {
    uint64_t hash, length, word;
};

void body_digest_init(struct body_digest *d);
void body_digest_add(struct body_digest *d, struct bytes s);
/* Never 0. May be asked more than once. */
uint64_t body_digest_value(const struct body_digest *d);

#endif
