/* ip.h - addresses and prefixes, one form for both families.
 *
 * Form:    16 bytes in network order; IPv4 is stored IPv4-mapped (::ffff:a.b.c.d), so that a v4-mapped client
 *          of a dual-stack socket and the same client on an IPv4 socket are one address. Prefix lengths are
 *          counted in 128 bits inside (IPv4 /24 is 120) and shown in the family's own way. 6to4 and NAT64 are
 *          not folded: they are other people's claims.
 * Stored:  as a blob of 4 bytes (IPv4), 8 bytes (an IPv6 /64) or 16 bytes (an IPv6 address): the length
 *          tells.
 * Threads: any.
 * Tests:   tests/unit/base/test_ip.c
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <base/bytes.h>
#include <base/err.h>

#include <sys/socket.h>

struct ip {
    uint8_t b[16];
};

struct prefix {
    struct ip ip;  /* bits behind len are zero */
    uint8_t len;   /* 0..128 */
};

/* "::": nobody's address. Where who sent something is not known; it can be on no list. */
#define IP_NOBODY ((struct ip){ { 0 } })

enum { IP_TEXT_MAX = 48, PREFIX_TEXT_MAX = 52 };

bool ip_is_v4(struct ip a);
bool ip_eq(struct ip a, struct ip b);
int ip_cmp(struct ip a, struct ip b);
struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

/* Dotted quad (four plain decimal numbers, no leading zeros) or RFC 4291 text. No zone index, no brackets. */
TRAP_NODISCARD enum trap_err ip_parse(struct bytes in, struct ip *out);
/* RFC 5952 text, IPv4 as dotted quad. Returns `out`. */
const char *ip_text(struct ip a, char out[IP_TEXT_MAX]);

TRAP_NODISCARD enum trap_err ip_from_sockaddr(const struct sockaddr *sa, struct ip *ip_out, uint16_t *port_out);
/* "127.0.0.1:25", "[::]:25". */
TRAP_NODISCARD enum trap_err ip_port_parse(struct bytes in, struct ip *ip_out, uint16_t *port_out);
socklen_t ip_to_sockaddr(struct ip a, uint16_t port, struct sockaddr_storage *out);

/* "192.0.2.0/24", "2001:db8::/32", or an address (then /32, /128). Bits behind the length: TRAP_ERANGE. */
TRAP_NODISCARD enum trap_err prefix_parse(struct bytes in, struct prefix *out);
/* A single address is written without a length. Returns `out`. */
const char *prefix_text(struct prefix p, char out[PREFIX_TEXT_MAX]);
/* The family's own length: 24 for an IPv4 /24. */
unsigned prefix_family_len(struct prefix p);

struct prefix prefix_of(struct ip a, uint8_t len);           /* clears the bits behind len */
bool prefix_has(struct prefix p, struct ip a);                /* of its own family only: ::/0 has no IPv4 address */
bool prefix_covers(struct prefix outer, struct prefix inner);
int prefix_cmp(struct prefix a, struct prefix b);            /* by address, then shorter first */

/* The key under which a client is counted: an IPv4 address, or the /64 of an IPv6 address. */
struct prefix ip_key(struct ip a);
/* The network that a source is taken from: /24, or /48. */
struct prefix ip_network(struct ip a);

/* Blob form (above). ip_key_put writes 4 or 8 bytes, ip_put 4 or 16. Return the length. */
size_t ip_put(struct ip a, uint8_t out[16]);
size_t ip_key_put(struct prefix key, uint8_t out[16]);
TRAP_NODISCARD enum trap_err ip_get(struct bytes blob, struct ip *out);           /* 4 or 16 */
TRAP_NODISCARD enum trap_err ip_key_get(struct bytes blob, struct prefix *out);   /* 4 or 8 */

#endif
