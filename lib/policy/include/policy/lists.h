/* lists.h - who is never listed, and why: prefix sets with their names.
 *
 * Parts:   special-use space (IANA), the configuration's never_list, never_list_files, proxy_from, xclient_from,
 *          xforward_from and trusted_proxies, acts `allow`, the guard's provider ranges (guard_files, and the
 *          newest look-ups of traplook that are at most 7 days old), senders on a DNS whitelist (look-ups, at
 *          most 7 days old), crawlers (crawler_files, and those that a look-up verified; harvesters only). Every output is listing minus these, as set difference on prefixes.
 * Errors:  a file of never_list_files or crawler_files that cannot be read, and a bad line anywhere:
 *          file:line, nothing is published. A guard file that is not there or whose mtime lies more than 7
 *          days before as_of makes guard_missing, no error: `why` then says what to do. An act whose subject
 *          cannot be read: TRAP_ECORRUPT.
 * Owns:    the sets. Read-only after lists_load(). Threads: any reader. Tests: tests/unit/policy/test_lists.c
 */
#ifndef POLICY_LISTS_H
#define POLICY_LISTS_H

#include <base/config.h>
#include <base/prefix_set.h>
#include <store/act_log.h>
#include <store/taint.h>

enum list_name { LIST_SPECIAL_USE, LIST_NEVER, LIST_ALLOW, LIST_GUARD, LIST_DNSWL, LIST_CRAWLERS, LIST_COUNT };
const char *list_name(enum list_name n);

struct acts_view; /* acts in force at as_of; those taken back and ended left out */
struct lists {
    struct prefix_set set[LIST_COUNT];      /* [LIST_SPECIAL_USE] unused: special_use() */
    struct prefix_set forbidden;            /* senders: all but the crawlers */
    struct prefix_set forbidden_harvesters; /* all */
    bool guard_off, guard_missing; /* missing: on, and empty or older than 7 days at as_of: no senders zone */
    struct err_text guard_why;     /* what is missing */
    bool looks_up; /* traplook works here: a harvester that it has not told of waits (listing.h) */
};
TRAP_NODISCARD enum trap_err lists_load(const struct config *c, const struct acts_view *acts, wall_t as_of,
                                        struct lists *out, struct err_text *why);
/* The same for a program that runs: a file that cannot be read now, or is empty, leaves its list as last_good
 * has it, and kept says which and why ("" = none); so does, without a word, one that changed less than two
 * seconds ago: it may be half written. Acts are always those of now. Fails for lack of memory only. */
TRAP_NODISCARD enum trap_err lists_reload(const struct config *c, const struct acts_view *acts, wall_t as_of,
                                          const struct lists *last_good, struct lists *out,
                                          struct err_text *kept);
/* None of them changed in the last two seconds. */
bool lists_settled(const struct strings *files, wall_t as_of);
void lists_free(struct lists *l);
/* The first list that holds part of p, with the entry that does; LIST_COUNT when none. */
enum list_name lists_find(const struct lists *l, struct prefix p, bool harvester, struct prefix *entry_out);

struct act_prefix {
    struct prefix prefix;
    wall_t at, until;
    uint64_t seq;
};
/* What traplook found (store/lookup.h). A range is of a provider's newest complete answer, or of parts that came
 * after it. */
struct act_range {
    struct prefix prefix;
    wall_t at;
};
enum act_found { ACT_FOUND_YES, ACT_FOUND_UNDECIDED, ACT_FOUND_NO };
struct act_found_row {
    struct ip ip;
    struct prefix key; /* ip_key() */
    enum act_found found;
    wall_t at; /* of the newest answer that decided; undecided: of the first look-up, and none ever decided */
};
struct act_found_list {
    struct act_found_row *v; /* by key; of one key a yes first */
    size_t n;
};
struct acts_view {
    struct act_prefix *allow, *deny, *delist, *submit;
    size_t allow_count, deny_count, delist_count, submit_count;
    struct act_range *ranges;
    size_t range_count;
    wall_t ranges_newest; /* us = 0: no provider was ever resolved */
    struct act_found_list crawlers, whitelisted;
    struct taints *taints; /* for what is pending (rule.h); all else the fold leaves out. NULL: none */
};
TRAP_NODISCARD enum trap_err acts_view_load(struct store_db *acts, wall_t as_of, struct acts_view *out,
                                            struct err_text *why);
void acts_view_free(struct acts_view *v);
/* The first of a key, or NULL. */
const struct act_found_row *acts_view_found(const struct act_found_list *list, struct prefix key);

#endif
