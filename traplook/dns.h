/* dns.h - questions to the resolvers, in the background (c-ares inside).
 *
 * Bounds:  queries_max under way, the others wait in line; `tries` tries, the first of `timeout`, each further one
 *          twice as long; answers over TCP where they do not fit (EDNS 1232). Ports and ids are drawn by c-ares anew
 *          each time that it has nothing under way.
 * Results: DNS_NONE only where a server said so: NXDOMAIN, or no record of that type. Everything else that is not
 *          an answer (time-out, SERVFAIL, REFUSED, an answer that cannot be read) is DNS_UNDECIDED.
 * Hostile: names are checked (mail/dns_name.h); what is none is counted, never shown. At most DNS_IPS_MAX addresses,
 *          DNS_NAMES_MAX names, DNS_TEXTS_MAX texts and DNS_TEXT_BYTES of an answer are taken.
 * Calls:   fn is called once for each question, from the loop, never from within dns_ask(); the answer lives during
 *          the call. After dns_free() nobody is called any more.
 * Threads: the loop's.
 * Tests:   tests/functional/test_look_dns.py
 */
#ifndef TRAPLOOK_DNS_H
#define TRAPLOOK_DNS_H

#include <base/config.h>
#include <base/loop.h>
#include <mail/dns_name.h>

enum dns_result { DNS_FOUND, DNS_NONE, DNS_UNDECIDED };
enum dns_type { DNS_A, DNS_AAAA, DNS_PTR, DNS_MX, DNS_TXT, DNS_TYPES };
enum { DNS_IPS_MAX = 64, DNS_NAMES_MAX = 16, DNS_TEXTS_MAX = 64, DNS_TEXT_BYTES = 65536 };

struct dns_answer {
    enum dns_result result;
    bool cut; /* there was more than is taken */
    struct ip ip[DNS_IPS_MAX];
    size_t ip_count;
    char name[DNS_NAMES_MAX][DNS_NAME_TEXT_MAX]; /* PTR, MX */
    size_t name_count, bad_names;
    struct bytes text[DNS_TEXTS_MAX]; /* a TXT record each, its strings joined */
    size_t text_count;
    uint8_t *text_memory;
};
typedef void dns_fn(void *arg, const struct dns_answer *a);

struct dns;
TRAP_NODISCARD enum trap_err dns_new(const struct conf_look *c, struct loop *loop, struct dns **out,
                                     struct err_text *why);
void dns_free(struct dns **d);
/* name: dns_name_read() text. TRAP_ENOMEM: fn is not called. */
TRAP_NODISCARD enum trap_err dns_ask(struct dns *d, enum dns_type type, const char *name, dns_fn *fn, void *arg);
struct dns_stats {
    uint64_t asked, found, none, undecided;
};
struct dns_stats dns_stats(const struct dns *d);

#endif
