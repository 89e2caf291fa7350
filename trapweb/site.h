/* site.h - which site is asked for, and what it shows.
 *
 * Rule:    a `site` block of the configuration, by the name in the Host field; every other host is the one
 *          nameless site, which shows all minted domains.
 * Owns:    sites_free() frees all; names are borrowed from the configuration.
 * Errors:  sites_init: TRAP_EINVAL for an unknown theme; `why` says what is allowed.
 * Threads: read-only after sites_init().
 * Tests:   tests/unit/trapweb/test_site.c
 */
#ifndef TRAPWEB_SITE_H
#define TRAPWEB_SITE_H

#include "markup.h"
#include "theme.h"

#include <base/config.h>
#include <mail/mint.h>

struct site_domain {
    struct bytes name;
    struct mint_domain tweak;
    const struct conf_trap_domain *conf;
};
struct site {
    uint32_t index;
    struct bytes name;         /* empty: the nameless one */
    const struct theme *theme; /* NULL: by host */
    struct site_domain *domains;
    size_t domain_count;
};
struct sites {
    struct site *v; /* [n] is the nameless one */
    size_t n;
};

TRAP_NODISCARD enum trap_err sites_init(struct sites *s, const struct config *c, const struct mint *mint, struct err_text *why);
void sites_free(struct sites *s);
const struct site *sites_find(const struct sites *s, struct bytes name);
/* The site's own theme, or one drawn for this installation and host. */
const struct theme *site_theme(const struct site *s, const struct markup *m, struct bytes host);

/* The value of a Host field, checked: name and port of letters, digits, ".", "-", "_", "[", "]", ":";
 * lower-cased. What is not of that form is as good as none: it never comes back in a page. */
enum { HOST_TEXT_MAX = 264 };
struct host {
    uint8_t text[HOST_TEXT_MAX];
    size_t n;      /* name and port; 0 = none */
    size_t name_n; /* without the port */
};
void host_parse(struct bytes field, struct host *out);

#endif
