/* spf_walk.h - all networks that the SPF record of a domain lets pass, by following it (RFC 7208).
 *
 * Meant:   not a verdict on one address but the union of what passes: `+` mechanisms of the record and of all that it
 *          includes; what stands behind `all`, and mechanisms with -, ~, ? are left out, ptr, exists and macros
 *          skipped (they name no networks).
 * Limits:  spf_lookups_max terms that cost queries, spf_void_max that find nothing, ten names of an mx, RANGES_MAX
 *          prefixes, DEPTH_MAX records deep. A prefix wider than /16 (IPv4) or /32 (IPv6) is refused unless the list
 *          of providers names it.
 * Results: see enum. An act holds them (docs/adr/0020).
 * Calls:   done once, from the loop; the walk is freed after it returns. spf_walk_free() ends one early, when the dns
 *          is gone.
 * Threads: the loop's.
 * Tests:   tests/functional/test_look_guard.py, test_look_dns.py
 */
#ifndef TRAPLOOK_SPF_WALK_H
#define TRAPLOOK_SPF_WALK_H

#include "dns.h"
#include "provider_list.h"

enum spf_result {
    SPF_FOUND,     /* everything was resolved */
    SPF_PARTIAL,   /* some networks; a part was undecided, broken or beyond a limit */
    SPF_UNDECIDED, /* no network, and something did not answer */
    SPF_NONE       /* no record, none that can be read, or one without networks */
};
enum { SPF_RANGES_MAX = 2000, SPF_DEPTH_MAX = 10, SPF_MX_MAX = 10, SPF_STEPS_MAX = 1000 };

struct spf_walk {
    const struct provider *provider;
    enum spf_result result;
    struct prefix_set ranges; /* sealed */
    unsigned lookups, voids;
    unsigned refused;         /* prefixes too wide */
    struct prefix refused_first;
    unsigned skipped;         /* terms that name no networks */
    bool undecided, broken;   /* a part of it */
};
typedef void spf_done_fn(void *arg, const struct spf_walk *w);
TRAP_NODISCARD enum trap_err spf_walk_start(const struct conf_look *c, struct dns *dns, const struct provider *p,
                                            spf_done_fn *done, void *arg, struct spf_walk **out);
void spf_walk_free(struct spf_walk **w);

#endif
