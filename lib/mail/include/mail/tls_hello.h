/* tls_hello.h - what a TLS client says first: its ClientHello, and the JA4 fingerprint of it.
 *
 * Why:     the same sending program gives the same fingerprint from whatever address it comes: evidence that
 *          ties senders together, taken before anything is agreed on.
 * Source:  RFC 8446 4.1.2, 4.2 and 5.1, RFC 5246 7.4.1.2, RFC 6066 3, RFC 7301 3.1, RFC 8701 (GREASE);
 *          JA4 "TLS client fingerprint" as published by FoxIO: t13d1516h2_8daaf6152771_e5627efa2ab1.
 * Input:   hostile. Every length is checked against what is there; lists longer than any client's are
 *          refused.
 * Units:   bytes. Owns: nothing; name and alpn point into the message.
 * Threads: any. No state.
 * Tests:   tests/unit/mail/test_tls_hello.c, tests/fixtures/tls_hello (a second implementation),
 *          tests/fuzz/fuzz_tls_hello.c, tests/functional/test_smtp_tls.py (fingerprints of a real client)
 */
#ifndef MAIL_TLS_HELLO_H
#define MAIL_TLS_HELLO_H

#include <base/bytes.h>
#include <base/err.h>

enum {
    TLS_HELLO_MAX = 16384,    /* of a message that is looked at, with its four bytes of type and length */
    TLS_HELLO_LIST_MAX = 512, /* ciphers, extensions, signature algorithms; GREASE is not kept */
    TLS_JA4_LEN = 36
};

struct tls_list {
    size_t n;
    uint16_t v[TLS_HELLO_LIST_MAX];
};
struct tls_hello {
    uint16_t version;  /* the highest that is offered */
    bool asks_name;    /* the server name extension is there */
    struct bytes name; /* the first host name in it, as received; may hold any byte */
    struct bytes alpn; /* the first protocol asked for */
    struct tls_list ciphers, extensions, signatures; /* in the client's order */
};

/* One handshake message, type and length in front. TRAP_EINVAL: not a ClientHello, or its lengths do not fit;
 * TRAP_ERANGE: too long, or a list of it is. */
TRAP_NODISCARD enum trap_err tls_hello_parse(struct bytes message, struct tls_hello *out);

/* NUL-terminated. */
void tls_hello_ja4(const struct tls_hello *h, char out[TLS_JA4_LEN + 1]);

/* The ClientHello at the start of a byte stream of TLS records, put together in scratch where it came in
 * several. */
enum tls_hello_event {
    TLS_HELLO_MORE, /* so far it is one */
    TLS_HELLO_DONE, /* *message_out is the handshake message, in `in` or in scratch */
    TLS_HELLO_NONE  /* something else, or too long */
};
enum tls_hello_event tls_hello_find(struct bytes in, uint8_t scratch[TLS_HELLO_MAX],
                                    struct bytes *message_out);

#endif
