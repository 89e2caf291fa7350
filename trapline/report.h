/* report.h - the facts behind `explain`, `sender`, `harvester` and `trace`, gathered once as a JSON document
 * and printed from it.
 *
 * Why:     text and --json cannot disagree when both come from one document.
 * Owns:    gather functions return a new reference, NULL after a message on standard error with *code_out
 *          set.
 * Threads: main only.
 */
#ifndef TRAPLINE_REPORT_H
#define TRAPLINE_REPORT_H

#include "home.h"

#include <store/evidence.h>
#include <store/record.h>
#include <store/visit_log.h>

enum { REPORT_HITS_MAX = 20, REPORT_VISITS_MAX = 20, REPORT_LINKS_MAX = 200, REPORT_SESSIONS_MAX = 20, REPORT_COUNTERS_MAX = 24, REPORT_SENDERS_MAX = 100, REPORT_SEEN_MAX = 1000 };

/* {"key", "zones": [verdict …], "evidence": [row …], "hits": [hit …], "sessions": [session …],
 * "beyond_hourly_limit": [counter …]} */
json_t *report_sender(struct home *h, struct prefix key, int *code_out);
/* {"key", "zones": [verdict …], "visits": {…}, "links": [link …], "known_fetcher", "harvest": {…}, "seen_as": {…}} */
json_t *report_harvester(struct home *h, struct prefix key, int *code_out);
/* {"address", "minted", "outcome", "visit": {…}, "hits": [hit …]} */
json_t *report_address(struct home *h, struct bytes address, int *code_out);

/* A hit by its number, as it stands in the lists of the others. */
json_t *report_hit(struct home *h, uint64_t seq, int *code_out);
/* {"prefix", "kept_off_by", "kept_off_entry", "senders_in_all", "senders": [{"key", "zones": [{"zone", "state", "messages", "until"}]}],
 * "networks"} */
json_t *report_prefix(struct home *h, struct prefix p, int *code_out);
/* Of each zone of networks: [{"zone", "policy", "published", "listed": [{"network", "since", "until"}],
 * "rows": [{"network", "members", "members_needed"}]}], for what shares addresses with p */
json_t *report_networks(struct home *h, struct prefix p, int *code_out);

/* Parts of them: what SMTP showed of a message, and the sessions and counter rows of a sender. */
TRAP_NODISCARD enum trap_err report_smtp_hit(struct home *h, const struct hit *hit, json_t *o);
TRAP_NODISCARD enum trap_err report_smtp_sender(struct home *h, struct prefix key, json_t *doc);
/* Of a visitor: "known_fetcher" and, where addresses of it were mailed, "harvest" (policy/harvest.h); how many user agents
 * and sites its newest REPORT_SEEN_MAX visits show, as "seen_as"; fn gets the newest REPORT_VISITS_MAX of them, newest first. */
TRAP_NODISCARD enum trap_err report_harvest(const struct home *h, struct prefix key, const struct link_row *rows, size_t n,
                                            json_t *doc);
TRAP_NODISCARD enum trap_err report_seen_as(struct home *h, struct prefix key, visit_fn *fn, void *arg, json_t *doc);

/* Is this a zone that could hold the key? Zones of networks hold none. */
bool report_zone_holds(const struct conf_zone *z, bool harvester, struct prefix key);

void report_print_sender(const json_t *doc);
void report_print_harvester(const json_t *doc);
void report_print_address(const json_t *doc);
void report_print_hit(const json_t *hit);
void report_print_prefix(const json_t *doc);
void report_print_networks(const json_t *networks);

#endif
