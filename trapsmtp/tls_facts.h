/* tls_facts.h - what a client's TLS tells of it: fingerprint and server name of its ClientHello, and what was
 * agreed on.
 *
 * Owns:    itself; a session has one only if it said a ClientHello.
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_tls.py
 */
#ifndef TRAPSMTP_TLS_FACTS_H
#define TRAPSMTP_TLS_FACTS_H

#include <mail/tls_hello.h>
#include <store/record.h>

enum { TLS_NAME_MAX = 255 };

struct tls_facts {
    bool heard; /* the client sent something where its ClientHello was awaited */
    uint16_t version; /* 0x0301 = TLS 1.0 ... 0x0304 = TLS 1.3; 0: no handshake was finished */
    uint8_t name_len;
    char ja4[TLS_JA4_LEN + 1];  /* empty: no ClientHello, or one that cannot be read */
    const char *cipher;         /* RFC name, a constant; NULL before the end of the handshake */
    const char *problem;        /* why it failed, a constant; or NULL */
    uint8_t name[TLS_NAME_MAX]; /* server name asked for, as received */
};

/* From one handshake message. What is no ClientHello leaves nothing. */
void tls_facts_read(struct tls_facts *facts, struct bytes message);
/* From the start of a stream of records, where the whole ClientHello is there. */
void tls_facts_read_records(struct tls_facts *facts, struct bytes in);

/* Into a record; `facts` may be NULL. The record points into it. */
void tls_facts_tell(const struct tls_facts *facts, struct session_record *out);
/* "TLS 1.3", or why not, or "none": for the log. */
const char *tls_facts_text(const struct tls_facts *facts);

#endif
