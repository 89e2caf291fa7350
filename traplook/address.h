/* address.h - everything about one address: reverse name and forward confirmation, HELO, whitelist, crawler, country.
 *
 * Order:   PTR; A or AAAA of its names (at most NAMES_MAX) until one holds the address; that of the HELO name, where
 *          it is another; the DNS whitelist. One question at a time: at most QUESTIONS_MAX.
 * Acts:    one about the address; for a harvester one more that says whether it is a crawler; one when the whitelist
 *          has it or had it. Words: docs/adr/0020.
 * Calls:   done once, from the loop, after the acts are on disk; the work is freed then. address_free() ends it early,
 *          when the dns is gone.
 * Threads: the loop's.
 * Tests:   tests/functional/test_look.py, test_look_dns.py
 */
#ifndef TRAPLOOK_ADDRESS_H
#define TRAPLOOK_ADDRESS_H

#include "dns.h"
#include "geo.h"

#include <store/file.h>

enum { ADDRESS_NAMES_MAX = 5, ADDRESS_QUESTIONS_MAX = 8 };

/* What the parts of traplook share. */
struct look_env {
    const struct config *config;
    struct loop *loop;
    struct dns *dns;
    struct geo *geo;
    struct store_db *acts;
    uint64_t questions; /* about addresses */
};

struct address_ask {
    struct ip ip;
    bool sender, harvester;
    char helo[DNS_NAME_TEXT_MAX]; /* of a sender: its last; "" = none */
};
struct address;
typedef void address_done_fn(void *arg, struct address *a);
TRAP_NODISCARD enum trap_err address_start(struct look_env *env, const struct address_ask *ask,
                                           address_done_fn *done, void *arg, struct address **out);
void address_free(struct address **a);

#endif
