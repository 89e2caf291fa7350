/* limits.h - how many sessions a client has open, and how much it put on record this hour.
 *
 * Key:     the IPv4 address, or the /64 of an IPv6 address (ip_key).
 * Hours:   of the monotonic clock: a step of the wall clock neither opens nor closes a window.
 * Memory:  40 bytes a client with open sessions or messages in this hour, at most LIMITS_CLIENTS_MAX; beyond
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

enum { LIMITS_CLIENTS_MAX = 1 << 20 };

/* Counted by hours. */
enum limits_hourly { LIMITS_HITS, LIMITS_RECORDS, LIMITS_HOURLY };

struct limits_client {
    struct prefix key; /* len 0 = free place */
    uint32_t sessions;
    uint32_t hour; /* of what follows */
    uint32_t taken[LIMITS_HOURLY];
    bool told;
};
struct limits {
    struct limits_client *v;
    size_t cap, used; /* cap is a power of two */
    uint32_t hour;
    struct hash_key key; /* random: clients must not choose their places */
};

TRAP_NODISCARD enum trap_err limits_init(struct limits *l);
void limits_free(struct limits *l);

/* One more open session of ip. False: it has `max` already; not counted then. max 0 = no limit. */
bool limits_enter(struct limits *l, struct ip ip, uint32_t max, mono_t now);
void limits_leave(struct limits *l, struct ip ip);

/* One more of ip in this hour. False: beyond max (0 = no limit). */
bool limits_take(struct limits *l, struct ip ip, enum limits_hourly what, uint32_t max, mono_t now);

/* It is on disk that ip sent more than max messages in this hour. */
void limits_tell(struct limits *l, struct ip ip, mono_t now);
bool limits_told(struct limits *l, struct ip ip, mono_t now);

#endif
