/* smtp_bdat.h - BDAT of CHUNKING: its argument, and counting the octets of a chunk (RFC 3030 2).
 *
 * Why:     a chunk is so many octets, whatever they are: text of a chunk that runs as a command, or a command
 *          taken for text, is smuggling. Where the number is not known the stream is lost.
 * Form:    chunk-size [SP "LAST"], chunk-size = 1*DIGIT; LAST in any case.
 * Units:   octets; no more than SMTP_BDAT_OCTETS_MAX, which nobody sends in one session: a larger number,
 *          also one beyond 64 bits, is as bad as none.
 * Owns:    nothing; smtp_bdat_take() gives a part of its input.
 * Errors:  SMTP_BDAT_LOST leaves *out untouched.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_bdat.c, tests/fuzz/fuzz_smtp_bdat.c
 */
#ifndef MAIL_SMTP_BDAT_H
#define MAIL_SMTP_BDAT_H

#include <base/bytes.h>

#define SMTP_BDAT_OCTETS_MAX (UINT64_C(1) << 40)

struct smtp_bdat {
    uint64_t left; /* octets of the chunk that have not come yet */
    bool last;
};

enum smtp_bdat_result {
    SMTP_BDAT_OK,
    SMTP_BDAT_SYNTAX, /* the size is good, what follows it is not: so many octets come all the same */
    SMTP_BDAT_LOST    /* no size: nobody knows where the next command begins */
};

enum smtp_bdat_result smtp_bdat_parse(struct bytes argument, struct smtp_bdat *out);

/* Cuts what belongs to the chunk off *in. The chunk is complete when `left` is 0. */
struct bytes smtp_bdat_take(struct smtp_bdat *b, struct bytes *in);

#endif
