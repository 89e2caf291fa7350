/* rule.h - one policy at one moment, prepared for many keys: what policy_sender(), policy_harvester() and
 * listings_compute() share.
 *
 * Owns:    its memory: rule_free(). Borrows env and the database in it.
 * Threads: one.
 * Tests:   tests/unit/policy/test_listing.c
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "decay.h"

#include <policy/listing.h>

#define POLICY_PENDING_AGE SPAN_H(24) /* then an address whose visit has not arrived counts for the sender */
#define POLICY_CRAWLER_HOLD SPAN_H(48) /* a harvester that may be a search engine's crawler is not listed so long */

struct first_visit {
    uint64_t source;
    wall_t first;
};
struct rule {
    const struct policy_env *env;
    struct decay decay;
    uint32_t weight_milli[EVIDENCE_CLASSES]; /* by evidence class */
    uint32_t nodes_known;
    bool young_rule;
    bool looks; /* some look-up has a weight */
    struct first_visit *cache; /* of network_first(), direct-mapped */
    wall_t next;               /* of the verdict at hand (struct verdict) */
};

TRAP_NODISCARD enum trap_err rule_init(const struct policy_env *env, struct rule *out);
void rule_free(struct rule *r);

/* What the evidence says; acts `deny` are not looked at. pending: of this sender, from a sealed
 * pending_set. */
TRAP_NODISCARD enum trap_err rule_sender(struct rule *r, struct prefix sender,
                                         const struct evidence_row *rows, size_t n,
                                         const struct evidence_row *pending, size_t pending_count,
                                         struct verdict *out);

/* Pending addresses as evidence, in sender order; a message counts once a source, however many of its
 * recipients wait. */
struct pending_set {
    struct evidence_row *v; /* made by the seal */
    struct pending_hit {
        uint64_t hit;
        struct evidence_row row;
    } * hit;
    size_t n, cap;
};
/* Nothing is added while the address is too young to count. */
TRAP_NODISCARD enum trap_err pending_set_add(struct pending_set *s, const struct rule *r,
                                             const struct pending_row *p);
TRAP_NODISCARD enum trap_err pending_set_seal(struct pending_set *s);
void pending_set_free(struct pending_set *s);

/* last_visit: of the harvester's client key. */
TRAP_NODISCARD enum trap_err rule_harvester(struct rule *r, struct prefix harvester,
                                            const struct link_row *rows, size_t n, wall_t last_visit,
                                            struct verdict *out);

/* The moment from which a source of this kind is no longer young; 0 = it never is. */
TRAP_NODISCARD enum trap_err rule_matures(struct rule *r, uint64_t source, wall_t *out);

/* What of each row of proved backscatter counts after all; *counts_out is NULL where there is none, else the
 * caller's to free. */
TRAP_NODISCARD enum trap_err backscatter_beyond(const struct rule *r, const struct evidence_row *rows, size_t n,
                                                uint32_t **counts_out);

/* The verdict at hand may change at this moment, where it lies ahead. */
void rule_next(struct rule *r, wall_t at);

/* The order in which evidence comes: IPv4 first, then IPv6. */
int rule_key_cmp(struct prefix a, struct prefix b);

/* Keyed and fixed for the key: within [delay_min, delay_max]; 0 to 59 minutes. */
span_t rule_delay(const struct rule *r, struct prefix key);
span_t rule_offset(const struct rule *r, struct prefix key);

/* What look-ups known at as_of add to each message of this sender. Costs a query where a policy asks for it, else
 * nothing. */
TRAP_NODISCARD enum trap_err rule_looks(const struct rule *r, struct prefix key, uint32_t *milli_out);

/* Did an act `delist` for (part of) this key come at or after the end of this evidence? */
bool rule_delisted(const struct rule *r, struct prefix key, wall_t last);
/* The act `deny` that shares addresses with key, or NULL. */
const struct act_prefix *rule_denied(const struct rule *r, struct prefix key);
/* The same for `submit`; NULL also where the policy takes no submissions. */
const struct act_prefix *rule_submitted(const struct rule *r, struct prefix key);

#endif
