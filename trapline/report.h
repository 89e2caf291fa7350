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

#include <store/record.h>

enum { REPORT_HITS_MAX = 20, REPORT_VISITS_MAX = 20, REPORT_LINKS_MAX = 200, REPORT_SESSIONS_MAX = 20, REPORT_COUNTERS_MAX = 24 };

/* {"key", "zones": [verdict …], "evidence": [row …], "hits": [hit …], "sessions": [session …],
 * "beyond_hourly_limit": [counter …]} */
json_t *report_sender(struct home *h, struct prefix key, int *code_out);
/* {"key", "zones": [verdict …], "visits": {…}, "links": [link …]} */
json_t *report_harvester(struct home *h, struct prefix key, int *code_out);
/* {"address", "minted", "outcome", "visit": {…}, "hits": [hit …]} */
json_t *report_address(struct home *h, struct bytes address, int *code_out);

/* Parts of them: what SMTP showed of a message, and the sessions and counter rows of a sender. */
TRAP_NODISCARD enum trap_err report_smtp_hit(struct home *h, const struct hit *hit, json_t *o);
TRAP_NODISCARD enum trap_err report_smtp_sender(struct home *h, struct prefix key, json_t *doc);

void report_print_sender(const json_t *doc);
void report_print_harvester(const json_t *doc);
void report_print_address(const json_t *doc);

#endif
