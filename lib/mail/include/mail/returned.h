/* returned.h - what the body of an automatic message carries: the head of another message that came back,
 * delivery status fields, a feedback report; and whether that other message names one of our addresses as its
 * author.
 *
 * Why:     a bounce for mail that somebody sent in a trap's name is no spam, but only what it returns can
 *          prove it (docs/adr/0024).
 * Finds:   blocks of header fields, one a line, folded or not, quoted with ">" or indented or not, wherever
 *          they stand: MIME is not asked for, since many bounces are none. A head is three or more of
 *          Received, Return-Path, From, Sender, To, Subject, Date, Message-ID, one of them Received,
 *          Return-Path or Message-ID; or all of From, To, Subject and Date. Status: three or more fields of
 *          RFC 3464 2.2 and 2.3. Feedback: RFC 5965 3.1.
 * Author:  From, Sender and Return-Path of such a head; Original-Mail-From of a feedback report.
 * Input:   the body after transparency is undone, in pieces of any length: the findings do not depend on
 *          them. CRLF and bare LF end a line.
 * Limits:  RETURNED_LINE_MAX bytes of a line are kept; constant memory, linear time.
 * Owns:    nothing; borrows arg.   Errors: cannot fail.   Threads: one owner.
 * Tests:   tests/unit/mail/test_returned.c, tests/fuzz/fuzz_returned.c
 */
#ifndef MAIL_RETURNED_H
#define MAIL_RETURNED_H

#include <base/bytes.h>

enum { RETURNED_LINE_MAX = 320 };
enum returned_found {
    RETURNED_HEAD = 1 << 0,
    RETURNED_STATUS = 1 << 1,
    RETURNED_FEEDBACK = 1 << 2,
    RETURNED_AUTHOR = 1 << 3 /* `is_ours` said yes to the author of a head or report */
};
/* Does this field-body name one of our addresses? */
typedef bool returned_is_ours(struct bytes value, void *arg);

struct returned {
    returned_is_ours *is_ours;
    void *arg;
    uint32_t found;  /* enum returned_found; complete after returned_end() */
    uint32_t block;  /* fields of the block that goes on */
    uint32_t status; /* fields of delivery status, of all blocks: they stand in more than one */
    bool ours;       /* an author of this block is */
    bool author;     /* the last field is an author: a folded line goes on with it */
    uint16_t line_len;
    uint8_t line[RETURNED_LINE_MAX];
};

void returned_init(struct returned *r, returned_is_ours *is_ours, void *arg);
void returned_feed(struct returned *r, struct bytes body);
/* The end of the body ends its last line. */
void returned_end(struct returned *r);

/* Does the text hold the address (any case), with nothing around it that would make it another one? */
bool returned_holds(struct bytes text, struct bytes address);

#endif
