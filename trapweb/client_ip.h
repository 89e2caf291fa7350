/* client_ip.h - whose request is it? The other end of the connection, or what a trusted proxy says about it.
 *
 * Rule:    a peer outside `trusted` is the client itself; what its header says about others is ignored. From
 *          a trusted peer the entries of X-Forwarded-For, or of Forwarded (RFC 7239), are read from the
 *          right: each trusted address is a proxy, the first other one is the client. An entry that is no
 *          address ("unknown", "_hidden", garbage) ends the walk: what stands to its left was written by
 *          somebody nobody trusts. Where both fields are there they must name the same client: a proxy writes
 *          one and passes on the other, which its visitor may have invented.
 * Form:    IPv4, IPv4:port, IPv6, [IPv6], [IPv6]:port; ::ffff:a.b.c.d is the IPv4 address. Ports are dropped.
 * Errors:  CLIENT_UNKNOWN when there is no trustworthy address, CLIENT_SPECIAL for special-use space: both
 *          get no bait.
 * Threads: any.
 * Tests:   tests/unit/trapweb/test_client_ip.c
 */
#ifndef TRAPWEB_CLIENT_IP_H
#define TRAPWEB_CLIENT_IP_H

#include <base/ip.h>
#include <base/prefix_set.h>

enum { FORWARDED_FIELDS_MAX = 8, FORWARDED_ENTRIES_MAX = 64 };

enum client_status { CLIENT_GOOD, CLIENT_SPECIAL, CLIENT_UNKNOWN };
struct client {
    enum client_status status;
    struct ip ip;  /* not set with CLIENT_UNKNOWN */
    bool proxied;  /* a proxy named it */
    bool claimed;  /* a header field says who it is, right or wrong */
};

/* Fields in the order in which they were received; more than FORWARDED_FIELDS_MAX of them: pass the count,
 * not the rest. */
struct forwarded_fields {
    struct bytes for_[FORWARDED_FIELDS_MAX];      /* X-Forwarded-For */
    struct bytes forwarded[FORWARDED_FIELDS_MAX]; /* Forwarded */
    size_t for_count, forwarded_count;
};

struct client client_ip(struct ip peer, const struct forwarded_fields *f, const struct prefix_set *trusted);

/* One entry of X-Forwarded-For, or one node of RFC 7239 without its quotes. */
TRAP_NODISCARD enum trap_err client_ip_entry(struct bytes text, struct ip *out);
/* The for= of one forwarded-element. */
TRAP_NODISCARD enum trap_err client_ip_element(struct bytes element, struct ip *out);

#endif
