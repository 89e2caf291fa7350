/* look_report.h - what traplook wrote down, for status, explain and `trapline look`.
 *
 * Owns:    new references.   Threads: main only.
 */
#ifndef TRAPLINE_LOOK_REPORT_H
#define TRAPLINE_LOOK_REPORT_H

#include "home.h"

/* The newest look-up of an address of this key ({"subject", "at", and its words}); JSON null: none. NULL: *err_out
 * says why. */
json_t *look_report_key(struct home *h, struct prefix key, enum trap_err *err_out);
/* Of a provider's domain; JSON null: never resolved. */
json_t *look_report_provider(struct home *h, const char *domain, enum trap_err *err_out);
/* {"state": "on", "off", "missing", "why", "ranges", "providers", "newest"}; home without HOME_POLICY. */
json_t *look_report_guard(struct home *h, enum trap_err *err_out);
/* [{"provider", "at", "spf", "count"} …]: the newest of each. */
json_t *look_report_providers(struct home *h, enum trap_err *err_out);

void look_print_key(const json_t *o);
void look_print_guard(const json_t *o);

#endif
