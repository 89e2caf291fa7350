/* limits.h - how many sessions a client has open, and how much it put on record this hour.
 *
 * Key:     the IPv4 address, or the /64 of an IPv6 address (ip_key); the /48 around that one is counted, too,
 *          and may have LIMITS_NET_SHARES times as much: a customer of a network gets a /48 of 65,536 keys.
 * Hours:   of the monotonic clock: a step of the wall clock neither opens nor closes a window.
 * Memory:  44 bytes a client with open sessions or messages in this hour, at most LIMITS_CLIENTS_MAX; beyond
 *          that further clients are not counted (they are served). The table is rebuilt without the stale
 *          ones when it fills up.
 * Threads: loop only.
 * Tests:   tests/unit/trapsmtp/test_limits.c
 */
#ifndef TRAPSMTP_LIMITS_H
#define TRAPSMTP_LIMITS_H

#include <base/ip.h>
#include <base/time.h>
#include <mail/keyed.h>

enum { LIMITS_CLIENTS_MAX = 1 << 20, LIMITS_NET_SHARES = 16 };

/* Counted by hours. */
enum limits_hourly { LIMITS_HITS, LIMITS_RECORDS, LIMITS_LINES, LIMITS_HOURLY };

struct limits_client {
    struct prefix key; /* len 0 = free place */
    uint32_t sessions;
    uint32_t held; /* bytes */
    uint32_t hour; /* of what follows */
    uint32_t taken[LIMITS_HOURLY];
};
struct limits {
    struct limits_client *v;
    size_t cap, used; /* cap is a power of two */
    uint32_t hour;
    struct hash_key key; /* random: clients must not choose their places */
};

TRAP_NODISCARD enum trap_err limits_init(struct limits *l);
void limits_free(struct limits *l);

/* One more open session of ip. False: it, or its network, has its share already; not counted then. max 0 = no
 * limit. */
bool limits_enter(struct limits *l, struct ip ip, uint32_t max, mono_t now);
void limits_leave(struct limits *l, struct ip ip);

/* So many bytes more of ip in memory. False: it, or its /48, would hold more than max; not counted then. */
bool limits_hold(struct limits *l, struct ip ip, size_t bytes, size_t max, mono_t now);
void limits_release(struct limits *l, struct ip ip, size_t bytes);

/* One more of ip in this hour. False: beyond max (0 = no limit) of it, or beyond the share of its network. */
bool limits_take(struct limits *l, struct ip ip, enum limits_hourly what, uint32_t max, mono_t now);

#endif
