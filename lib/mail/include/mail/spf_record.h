/* spf_record.h - the terms of an SPF record (RFC 7208 section 4.6 and appendix A), one after the other. Grammar
 * only: what is looked up, and how often, is the caller's.
 *
 * Why:     the guard wants the networks that a provider names, not a verdict on one message.
 * Input:   the TXT record, its character-strings joined without anything between them.
 * Macros:  a domain-spec with "%" is told as one and left as it stands; nothing is expanded here.
 * Owns:    nothing: domains point into the record.
 * Errors:  TRAP_EINVAL: a term that RFC 7208 calls a syntax error; what came before it was right.
 *          TRAP_ENOENT: the end.
 * Threads: any.
 * Tests:   tests/unit/mail/test_spf_record.c, tests/fuzz/fuzz_spf_record.c
 */
#ifndef MAIL_SPF_RECORD_H
#define MAIL_SPF_RECORD_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/ip.h>

enum spf_kind {
    SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS,
    SPF_REDIRECT, SPF_EXP, SPF_MODIFIER /* any other name=value: to be ignored */
};
struct spf_term {
    enum spf_kind kind;
    char qualifier;       /* '+', '-', '~' or '?'; '+' for modifiers */
    bool macro;           /* domain holds "%" */
    struct bytes domain;  /* include, a, mx, ptr, exists, redirect, exp; empty: that of the record */
    struct prefix prefix; /* ip4, ip6 */
    uint8_t len4, len6;   /* a, mx: of the networks around each address; 32 and 128 where none is given */
};

/* Is it "v=spf1", alone or before a blank? Then *terms_out is what follows. */
bool spf_begin(struct bytes txt, struct bytes *terms_out);
/* The next term. */
TRAP_NODISCARD enum trap_err spf_next(struct bytes *terms, struct spf_term *out);

#endif
