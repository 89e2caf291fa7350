/* proxy_header.h - the header of the PROXY protocol, by which a balancer says who the client is (HAProxy
 * Technologies, "The PROXY protocol", versions 1 and 2; sections 2.1 and 2.2).
 *
 * Why:     an address that was read wrong would be listed in place of the spammer's: what is not exactly
 *          right is refused, and nothing is guessed.
 * Input:   the bytes received so far, from the first one; the caller keeps them between calls (never more
 *          than PROXY_HEADER_MAX). What can be seen to be wrong early is refused early.
 * Form 1:  one line of at most 107 octets with CRLF, single blanks, no leading zeros: "PROXY TCP4" or "PROXY
 *          TCP6" with both addresses, of that family, and both ports; or "PROXY UNKNOWN" and anything.
 * Form 2:  binary; version 2, command LOCAL or PROXY, the families that the specification lists, an address
 *          block that is not shorter than its family needs. TLVs behind it are skipped unseen. More than
 *          PROXY_HEADER_MAX in all: refused.
 * Known:   the client of TCP over IPv4 and IPv6. For LOCAL (the balancer's own health check), UNKNOWN,
 *          UNSPEC, datagrams and UNIX sockets the header names nobody: `known` is false. IPv4-mapped
 *          addresses become IPv4 ones.
 * Owns:    nothing. Cannot fail.
 * Threads: any.
 * Tests:   tests/unit/mail/test_proxy_header.c, tests/fuzz/fuzz_proxy_header.c
 */
#ifndef MAIL_PROXY_HEADER_H
#define MAIL_PROXY_HEADER_H

#include <base/bytes.h>
#include <base/ip.h>

enum { PROXY_HEADER_V1_MAX = 107, PROXY_HEADER_MAX = 4096 };

enum proxy_header_event {
    PROXY_HEADER_MORE, /* right so far */
    PROXY_HEADER_DONE, /* *out is set; *in starts behind the header */
    PROXY_HEADER_BAD   /* whatever follows */
};

struct proxy_header {
    uint8_t version; /* 1 or 2 */
    bool local;      /* LOCAL: the balancer speaks for itself */
    bool known;      /* what follows is set */
    struct ip client, dest;
    uint16_t client_port, dest_port;
};

enum proxy_header_event proxy_header_parse(struct bytes *in, struct proxy_header *out);

#endif
