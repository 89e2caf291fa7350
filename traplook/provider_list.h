/* provider_list.h - the mail providers whose SPF records the guard follows: a list that comes with the project
 * (providers.txt), or a file, and look.providers.
 *
 * Form:    a domain a line; behind it, where its record names prefixes wider than a guard takes (IPv4 /16, IPv6 /32),
 *          those of them that are known and meant: `icloud.com 17.142.0.0/15`. "#" starts a comment.
 * Owns:    provider_list_free().   Errors: file:line, what is wrong.   Threads: any.
 * Tests:   tests/unit/traplook/test_provider_list.c
 */
#ifndef TRAPLOOK_PROVIDER_LIST_H
#define TRAPLOOK_PROVIDER_LIST_H

#include <base/config.h>
#include <mail/dns_name.h>

enum { PROVIDERS_MAX = 1000, PROVIDER_WIDE_MAX = 8 };
struct provider {
    char domain[DNS_NAME_TEXT_MAX];
    struct prefix wide[PROVIDER_WIDE_MAX]; /* accepted although they are */
    size_t wide_count;
};
struct provider_list {
    struct provider *v; /* each domain once */
    size_t n, cap;
};
TRAP_NODISCARD enum trap_err provider_list_load(const struct conf_look *c, struct provider_list *out,
                                                struct err_text *why);
TRAP_NODISCARD enum trap_err provider_list_parse(const char *origin, struct bytes text, struct provider_list *out,
                                                 struct err_text *why);
void provider_list_free(struct provider_list *l);

/* The lists that are compiled in. */
extern const char text_providers[], text_crawlers[];

#endif
