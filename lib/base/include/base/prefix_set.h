/* prefix_set.h - a set of addresses, as sorted, disjoint prefixes.
 *
 * Why:     "what must never be listed never is" is a set difference on prefixes, not a look-up per address.
 * Use:     prefix_set_add() in any order, prefix_set_seal() once, then only reads.
 * Families: apart. "::/0" is all of IPv6 and nothing of IPv4, though IPv4 is stored inside ::/64.
 * Cost:    seal O(n log n); contains O(log n); difference O(n + m + output).
 * Owns:    its memory. prefix_set_free() may be called on a zeroed struct.
 * Threads: a sealed set may be read by any number of threads.
 * Tests:   tests/unit/base/test_prefix_set.c
 */
#ifndef BASE_PREFIX_SET_H
#define BASE_PREFIX_SET_H

#include <base/ip.h>

struct prefix_set {
    struct prefix *v;
    size_t n, cap;
    bool sealed;
};

void prefix_set_init(struct prefix_set *s);
void prefix_set_free(struct prefix_set *s);
TRAP_NODISCARD enum trap_err prefix_set_add(struct prefix_set *s, struct prefix p);
TRAP_NODISCARD enum trap_err prefix_set_add_set(struct prefix_set *s, const struct prefix_set *other);
/* Sorts, removes what is covered, joins sibling halves. */
TRAP_NODISCARD enum trap_err prefix_set_seal(struct prefix_set *s);

bool prefix_set_has(const struct prefix_set *s, struct ip a);
/* True where the two share at least one address; the first shared member goes to *hit_out (may be NULL). */
bool prefix_set_overlaps(const struct prefix_set *s, struct prefix p, struct prefix *hit_out);
/* p without every address of s, as the shortest list of prefixes appended to out (unsealed). */
TRAP_NODISCARD enum trap_err prefix_set_subtract(struct prefix p, const struct prefix_set *s, struct prefix_set *out);

/* Plain CIDR text: one prefix a line, '#' or ';' starts a comment. Says file:line and what is wrong; adds to
 * s. */
TRAP_NODISCARD enum trap_err prefix_set_load_file(struct prefix_set *s, const char *path, struct err_text *why);

/* IANA special-purpose registries (IPv4, IPv6), multicast and reserved space: what is never listed and never
 * given bait. Built once at first use, never freed. Sealed. */
const struct prefix_set *special_use(void);
/* The smallest registry entry that holds a, or NULL. */
struct special_use {
    struct prefix prefix;
    const char *name, *rfc; /* "Private-Use", "RFC 1918" */
};
const struct special_use *special_use_find(struct ip a);
/* The registry's own name of that entry, or NULL. */
const char *special_use_name(struct ip a);

#endif
