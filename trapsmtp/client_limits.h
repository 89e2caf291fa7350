/* client_limits.h - how many sessions a client has open, and how much it put on record this hour.
 *
 * Key:     the IPv4 address, or the /64 of an IPv6 address (ip_key); the /48 around that one is counted, too,
 *          and may have CLIENT_NET_SHARES times as much: a customer of a network gets a /48 of 65,536 keys.
 * Hours:   of the monotonic clock: a step of the wall clock neither opens nor closes a window.
 * Memory:  44 bytes a place, for clients with open sessions or messages in this hour; a quarter to two thirds
 *          of the places are free. Beyond CLIENTS_MAX further clients are not counted (they are served). The
 *          table is rebuilt without the stale ones when it fills up, and when there are so many once an hour.
 * Threads: loop only.
 * Tests:   tests/unit/trapsmtp/test_client_limits.c
 */
#ifndef TRAPSMTP_CLIENT_LIMITS_H
#define TRAPSMTP_CLIENT_LIMITS_H

#include <base/ip.h>
#include <base/time.h>
#include <mail/keyed.h>

enum { CLIENTS_MAX = 1 << 20, CLIENT_NET_SHARES = 16 };

/* Counted by hours. */
enum client_hourly { CLIENT_HITS, CLIENT_RECORDS, CLIENT_LINES, CLIENT_HOURLY };

struct client_count {
    struct prefix key; /* len 0 = free place */
    uint32_t sessions;
    uint32_t held; /* bytes */
    uint32_t hour; /* of what follows */
    uint32_t taken[CLIENT_HOURLY];
};
struct client_limits {
    struct client_count *v;
    size_t cap, used; /* cap is a power of two */
    uint32_t hour, rebuilt; /* the present one; that of the last rebuild */
    struct hash_key key; /* random: clients must not choose their places */
};

TRAP_NODISCARD enum trap_err client_limits_init(struct client_limits *l);
void client_limits_free(struct client_limits *l);

/* One more open session of ip. False: it, or its network, has its share already; not counted then. max 0 = no
 * limit. */
bool client_limits_enter(struct client_limits *l, struct ip ip, uint32_t max, mono_t now);
void client_limits_leave(struct client_limits *l, struct ip ip);

/* So many bytes more of ip in memory. False: it, or its /48, would hold more than max; not counted then. */
bool client_limits_hold(struct client_limits *l, struct ip ip, size_t bytes, size_t max, mono_t now);
void client_limits_release(struct client_limits *l, struct ip ip, size_t bytes);

/* One more of ip in this hour. False: beyond max (0 = no limit) of it, or beyond the share of its network. */
bool client_limits_take(struct client_limits *l, struct ip ip, enum client_hourly what, uint32_t max,
                        mono_t now);
/* What was taken came to nothing. */
void client_limits_give_back(struct client_limits *l, struct ip ip, enum client_hourly what, mono_t now);

#endif
