/* body_digest.h - 64 bits by which two messages of one campaign are known as the same.
 *
 * Why:     samples are kept once a campaign; campaigns are counted. Senders vary what is cheap to vary: the
 *          recipient's address, a number, case, blanks, a random token. A digest is not evidence: it has no
 *          key, and whoever wants two bodies of one digest can make them.
 * Rule:    a word is the longest run of letters, digits and @ . - _ +. Kept are words that begin with a
 *          letter, have BODY_DIGEST_WORD_MIN to BODY_DIGEST_WORD_MAX octets, and hold no digit and no "@".
 *          Neither their case nor their order counts, nor what stands between words. So addresses, numbers,
 *          hexadecimal and other long tokens, host names, minted local-parts (12 letters or more), and how
 *          lines are filled make no difference. Octets above 127 are kept one by one, in their order.
 *          Where less than 64 octets or than a quarter of a body are kept (a few words, Base64), the digest
 *          is that of its octets as they are: nothing less tells such bodies apart.
 * Input:   the body after transparency is undone, in pieces of any length: the digest does not depend on
 *          them.
 * Version: 2. Version 1 was over the octets alone. The seeds differ: no digest of one is one of the other.
 * Cost:    1.4 us for 2 kB of real mail (1.5 GB/s; docs/adr/0003), 0.2 of it for the octets as they are.
 * Owns:    nothing.   Errors: cannot fail.   Threads: one owner.
 * Tests:   tests/unit/mail/test_body_digest.c
 */
#ifndef MAIL_BODY_DIGEST_H
#define MAIL_BODY_DIGEST_H

#include <base/bytes.h>

enum { BODY_DIGEST_WORD_MIN = 3, BODY_DIGEST_WORD_MAX = 11, BODY_DIGEST_HELD = 80 };

struct body_digest {
    uint64_t exact[2], length; /* of all octets; length % 8 of them wait in `word` */
    uint64_t word;
    uint64_t words, high, kept; /* of what is kept; `kept` counts octets */
    bool in_long;               /* the last octets are of a word that is too long to be kept */
    uint8_t held_n;
    uint8_t held[BODY_DIGEST_HELD]; /* the end of the last piece, whose last word may go on */
};

void body_digest_init(struct body_digest *d);
void body_digest_add(struct body_digest *d, struct bytes s);
/* Never 0. May be asked more than once. */
uint64_t body_digest_value(const struct body_digest *d);

#endif
