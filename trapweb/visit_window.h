/* visit_window.h - who was shown what lately: one visit for the same client, user agent and page within
 * `window`.
 *
 * Why:     a harvester that compares two fetches of a page must see the same addresses, and nobody may use up
 *          serials.
 * Rules:   1. the same client key (IPv4 address, IPv6 /64), site, user agent and page within the window: the
 *          same visit again;
 *             while that visit still waits for its commit, the request waits with it.
 *          2. after per_hour new visits in an hour from one client key on one site: its newest visit is shown
 *          again.
 *          3. after per_day new visits of the node in a UTC day: no new ones.
 * Memory:  VISIT_WINDOW_MAX entries of 72 bytes, touched as they are used; the least recently used goes
 *          first, but never one that waits. A forgotten entry means a new visit, nothing else. Not kept over
 *          a restart.
 * Owns:    waiters are the caller's; an entry that waits holds a list of them until window_next() gives it
 *          back.
 * Threads: any; locks inside.
 * Tests:   tests/unit/trapweb/test_visit_window.c
 */
#ifndef TRAPWEB_VISIT_WINDOW_H
#define TRAPWEB_VISIT_WINDOW_H

#include <base/err.h>
#include <base/ip.h>
#include <base/time.h>
#include <mail/keyed.h>

enum { VISIT_WINDOW_MAX = 1 << 18 };

/* What a page shows: the addresses of this visit, arranged as the layout says (page.h). */
struct shown {
    uint32_t epoch, serial;
    uint8_t layout;
};

struct window_waiter {
    struct window_waiter *next;
};

struct window_key {
    struct ip client;
    uint32_t site;
    struct bytes agent, page;
    mono_t now; /* of the request, not part of the key */
    wall_t today;
    uint64_t client_id, visit_id; /* private: hashes, made by window_look() */
};

enum window_answer {
    WINDOW_MISS,    /* look only: neither shown nor refused */
    WINDOW_SHOW,    /* show *shown_out */
    WINDOW_WAIT,    /* another request made the visit: the waiter is in its list */
    WINDOW_NEW,     /* make a visit: the waiter is in its list, *entry_out names it */
    WINDOW_BUSY,    /* per_hour reached and none of them committed yet, or everything is waiting: no addresses */
    WINDOW_SPENT    /* per_day reached: no addresses */
};

struct window_options {
    uint32_t entries; /* at most VISIT_WINDOW_MAX */
    span_t window;
    uint32_t per_hour; /* 0 = no limit */
    uint64_t per_day;  /* 0 = no limit */
};

struct visit_window;
TRAP_NODISCARD enum trap_err window_new(const struct window_options *o, struct visit_window **out);
void window_free(struct visit_window **w);

/* The fast path: WINDOW_SHOW or WINDOW_MISS. */
enum window_answer window_look(struct visit_window *w, struct window_key *key, struct shown *shown_out);
/* After window_look() with the same key gave WINDOW_MISS; gives anything else. */
enum window_answer window_enter(struct visit_window *w, const struct window_key *key, struct window_waiter *me,
                                struct shown *shown_out, uint32_t *entry_out);
/* After the commit of a WINDOW_NEW visit: gives the list of those who wait for it; call again, until it gives
 * NULL: then the entry shows `shown` from now on or, with NULL, is forgotten. Requests may join the list
 * between two calls. */
struct window_waiter *window_next(struct visit_window *w, uint32_t entry, const struct shown *shown, mono_t now);

/* Entries in use. */
uint32_t window_count(struct visit_window *w);

#endif
