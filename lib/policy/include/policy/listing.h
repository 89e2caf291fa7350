/* listing.h - the published rule: listings(evidence, acts, policy, lists, as_of). Reads no clock and no
 * earlier listing.
 *
 * Score:   sum of weight x min(count, per_source_day_max for each source and UTC day) x 2^(-age / half_life),
 *          in integers: thousandths of weight in Q32, the decay from an integer table (never libm), age in
 *          whole UTC hours up to 14 days, then in whole days rounded up. Of a source's messages of a day the
 *          ones worth most count: of one class the newest. docs/adr/0009.
 * Met:     score >= threshold, and enough distinct sources, days, nodes (nodes: where the fold knows two or
 *          more). EVIDENCE_ATTEMPT adds to the score only, so that it never lists by itself. Of young sources
 *          (network first seen less than young_age ago) at most young_sources_max count.
 * Since:   the moment the rule was met for the first time in the present run of evidence (no gap longer than
 *          stay_max + 1 h), plus the keyed listing delay.
 * Until:   half_life after the rule was last met without new evidence (computed), at most stay_max after the
 *          last evidence; plus a keyed offset of 0-59 min that is fixed for the sender. Listed while since <=
 *          as_of < until. (Without the half-life a sender whose evidence just reaches the threshold would
 *          leave with the hour.)
 * Pending: counts for the sender once it is 24 h old (source PENDING of its node), never against a harvester.
 * Later:   rows that begin after as_of are left out; a row that goes on after it is the caller's mistake
 *          (fold with as_of).
 * Threads: any; pure. Tests: tests/unit/policy/test_score.c, test_listing_sender.c, test_listing_property.c,
 *          test_listing_harvester.c, test_listings.c, tests/unit/correlate/test_fold_property.c
 */
#ifndef POLICY_LISTING_H
#define POLICY_LISTING_H

#include <mail/keyed.h>
#include <policy/lists.h>
#include <store/evidence.h>

struct policy_env {
    const struct conf_policy *policy;
    const struct lists *lists;
    const struct acts_view *acts;
    struct hash_key key; /* keyed_purpose(master, "policy"): delays and offsets */
    wall_t as_of;
    /* First visits of networks, visitors, pending, nodes; NULL: one node, nothing is young or pending. */
    struct store_db *derived;
    struct store_db *lookups; /* acts.db: what traplook says of a sender, for weights; NULL: nothing */
    bool backscatter; /* judge by proved backscatter alone */
};

/* `until` of an act `deny` without an end. */
#define LISTING_NO_END ((wall_t){ INT64_MAX })

enum listing_reason { LISTING_EVIDENCE = 1, LISTING_DENY = 2, LISTING_MEMBERS = 3, LISTING_SUBMIT = 4 };
enum verdict_state {
    VERDICT_NOTHING, /* no evidence */
    VERDICT_BELOW,   /* a condition is missing: see the numbers */
    VERDICT_DELAYED, /* met; listing_delay has not passed (since lies ahead) */
    VERDICT_LISTED,
    VERDICT_EXPIRED, /* was met in the past */
    VERDICT_DELISTED /* evidence is older than an act `delist` */
};
const char *verdict_state_name(enum verdict_state s);

/* The rule applied to one key, with all numbers that explain it. */
struct verdict {
    enum verdict_state state;
    uint8_t reason; /* enum listing_reason */
    uint64_t score_milli;
    uint32_t sources;       /* that count */
    uint32_t young_sources; /* seen, also those that do not count */
    uint32_t days, nodes;
    uint32_t look_milli; /* what look-ups add to each message */
    uint64_t messages;  /* counted by class weight > 0 */
    wall_t first, last; /* of the evidence */
    wall_t since, until;
    uint32_t senders, addresses; /* harvesters: distinct senders, distinct addresses mailed */
    wall_t last_visit;           /* harvesters: of any visit of that key */
    wall_t held_until; /* harvesters: nobody knows yet whether it is a crawler (us = 0: not held); in `since`, too */
    struct prefix saved;         /* entry of the list that keeps (part of) it off, with saved_by */
    enum list_name saved_by;     /* LIST_COUNT: none */
    wall_t next; /* from then on it may be another one, if nothing but the time changes; INT64_MAX: never. The score
                  * falls before, with every hour. */
};
/* An act `deny` that shares addresses with the key gives LISTED with reason DENY, whatever the evidence; an act
 * `submit` with reason SUBMIT, where the policy takes submissions and nothing else lists the key; a list that
 * saves does not change the state. The key is an ip_key(). */
TRAP_NODISCARD enum trap_err policy_sender(const struct policy_env *env, struct prefix sender,
                                           const struct evidence_row *rows, size_t n, struct verdict *out);
TRAP_NODISCARD enum trap_err policy_harvester(const struct policy_env *env, struct prefix harvester,
                                              const struct link_row *rows, size_t n, struct verdict *out);

/* ---- all of them ---- */

/* "evidence", … ; find: LISTING_EVIDENCE for what is no reason. */
const char *listing_reason_name(enum listing_reason reason);
enum listing_reason listing_reason_find(struct bytes name);

struct listing {
    struct prefix prefix; /* after the set difference */
    struct prefix key;    /* what it was computed for */
    uint8_t reason;
    wall_t since, until;
    uint64_t score_milli;
    uint64_t messages;
    uint32_t sources;
    wall_t last_visit; /* harvesters */
};
struct listing_save {
    struct prefix key, entry;
    enum list_name by;
    uint8_t reason;      /* of the listing that there would be, and its times */
    wall_t since, until;
    uint64_t messages;
};
struct listings {
    struct listing *v; /* in prefix order, disjoint */
    size_t n;
    struct listing_save *saves; /* would be listed, but for a list */
    size_t save_count;
    bool guard_missing; /* senders: nothing was computed and nothing may be published */
};
/* An act `deny`, and an act `submit` where the policy takes submissions, lists the prefix that it names, and
 * swallows what lies inside. lists and derived are needed. */
enum listing_kind {
    LISTINGS_SENDERS,
    LISTINGS_HARVESTERS,
    LISTINGS_BACKSCATTER, /* senders, by proved backscatter alone */
    LISTINGS_NETS /* what the policy's escalate makes of the senders; senders are computed on the way */
};
TRAP_NODISCARD enum trap_err listings_compute(const struct policy_env *env, enum listing_kind kind,
                                              struct listings *out, struct err_text *why);
const char *listing_kind_name(enum listing_kind kind);
/* LISTINGS_NETS from what is listed of senders by the same env. The outermost networks only, in prefix order. */
TRAP_NODISCARD enum trap_err listings_escalate(const struct policy_env *env, const struct listings *senders,
                                               struct listings *out);
void listings_free(struct listings *l);

/* The rule in plain words, and its digest (hex SHA-256 of the canonical text): what is published is what
 * runs. */
struct buf;
void policy_text(const struct conf_policy *p, struct buf *out);
/* The same numbers as one JSON object. */
void policy_json(const struct conf_policy *p, struct buf *out);

#endif
