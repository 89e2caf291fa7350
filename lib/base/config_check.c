/* config_check.c - defaults that depend on other keys, and rules over more than one key. */
#include "config_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct check {
    struct config *c;
    const struct conf_reader *r;
    int *line_out;
    struct err_text *why;
};

#define FAIL(k, line, ...)                   \
    do {                                     \
        *(k)->line_out = (line);             \
        err_text_set((k)->why, __VA_ARGS__); \
        return TRAP_EINVAL;                  \
    } while (0)

static enum trap_err set_text(char **place, const char *text)
{
    free(*place);
    *place = strdup(text);
    return *place == NULL ? TRAP_ENOMEM : TRAP_OK;
}

/* ---- the same name twice, in whatever case ---- */

struct named {
    const char *name;
    size_t index; /* in the file's order */
};

static int named_cmp(const void *a, const void *b)
{
    const struct named *const x = a;
    const struct named *const y = b;
    const int d = strcmp(x->name, y->name); /* lower case already */

    return d != 0 ? d : (x->index > y->index) - (x->index < y->index);
}

static const char *name_at(const void *array, size_t element_size, size_t name_offset, size_t i)
{
    const char *name;

    memcpy(&name, (const unsigned char *)array + i * element_size + name_offset, sizeof name);
    return name;
}

static enum trap_err check_unique(const struct check *k, const struct conf_section *s)
{
    const unsigned char *array;
    struct named *sorted;
    size_t n;
    size_t second = SIZE_MAX, first = 0;

    memcpy(&array, (const unsigned char *)k->c + s->array_offset, sizeof array);
    memcpy(&n, (const unsigned char *)k->c + s->count_offset, sizeof n);
    if (n < 2)
        return TRAP_OK;
    sorted = calloc(n, sizeof *sorted);
    if (sorted == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct named){ name_at(array, s->element_size, s->title->offset, i), i };
    qsort(sorted, n, sizeof *sorted, named_cmp);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i - 1].name, sorted[i].name) == 0 && sorted[i].index < second) {
            second = sorted[i].index;
            first = sorted[i - 1].index;
        }
    }
    free(sorted);
    if (second == SIZE_MAX)
        return TRAP_OK;
    FAIL(k, conf_line(k->r, s->name, second, NULL), "%s \"%s\" already stands on line %d; each stands once",
         s->name, name_at(array, s->element_size, s->title->offset, second),
         conf_line(k->r, s->name, first, NULL));
}

static enum trap_err check_all_unique(const struct check *k)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; err == TRAP_OK && i < conf_section_count; i++)
        if (conf_sections[i].title != NULL)
            err = check_unique(k, &conf_sections[i]);
    return err;
}

/* ---- traps and sites ---- */

static void default_unknown(const struct check *k)
{
    for (size_t i = 0; i < k->c->trap_domain_count; i++) {
        struct conf_trap_domain *const d = &k->c->trap_domains[i];
        if (!conf_is_set(k->r, "trap_domain", i, "unknown"))
            d->unknown_accept = d->klass == CLASS_PRISTINE || d->klass == CLASS_RECYCLED;
    }
}

static int text_cmp(const void *a, const void *b)
{
    return conf_name_cmp(bytes_str(*(char *const *)a), bytes_str(*(char *const *)b));
}

/* No trap may be reserved in its domain. trap_domains is sorted by now. */
static enum trap_err check_reserved(const struct check *k)
{
    for (size_t i = 0; i < k->c->trap_domain_count; i++) {
        struct strings *const names = &k->c->trap_domains[i].reserved;
        if (names->n > 1)
            qsort(names->v, names->n, sizeof names->v[0], text_cmp);
    }
    for (size_t i = 0; i < k->c->trap_count; i++) {
        const struct bytes address = bytes_str(k->c->traps[i].address);
        const size_t at = bytes_rfind(address, '@');
        const struct conf_trap_domain *const d = config_trap_domain(k->c, bytes_skip(address, at + 1));

        if (d != NULL && config_is_reserved(d, bytes_take(address, at)))
            FAIL(k, conf_line(k->r, "trap", i, NULL),
                 "trap \"%s\": the name is reserved in its trap_domain block; remove one of the two",
                 k->c->traps[i].address);
    }
    return TRAP_OK;
}

static enum trap_err default_after_data(const struct check *k)
{
    for (size_t i = 0; i < k->c->trap_domain_count; i++) {
        struct conf_trap_domain *const d = &k->c->trap_domains[i];

        if (!conf_is_set(k->r, "trap_domain", i, "after_data"))
            d->after_data_reject = d->klass != CLASS_MINTED && k->c->smtp.after_data_reject;
        else if (d->klass == CLASS_MINTED && d->after_data_reject)
            FAIL(k, conf_line(k->r, "trap_domain", i, "after_data"),
                 "trap_domain \"%s\": after_data = \"reject\" is not for minted domains: list cleaners would drop "
                 "each of its addresses; allowed: accept",
                 d->name);
    }
    return TRAP_OK;
}

/* trap_domains is sorted by now. */
static enum trap_err check_sites(const struct check *k)
{
    for (size_t i = 0; i < k->c->site_count; i++) {
        const struct conf_site *const site = &k->c->sites[i];
        for (size_t j = 0; j < site->trap_domains.n; j++) {
            const char *const name = site->trap_domains.v[j];
            const struct conf_trap_domain *const d = config_trap_domain(k->c, bytes_str(name));
            const int line = conf_line(k->r, "site", i, "trap_domains");

            if (d == NULL)
                FAIL(k, line,
                     "site \"%s\": \"%s\" is not a trap domain; allowed: names of trap_domain blocks of "
                     "class minted",
                     site->name, name);
            if (d->klass != CLASS_MINTED)
                FAIL(k, line, "site \"%s\": \"%s\" is of class %s; allowed: trap domains of class minted",
                     site->name, name, trap_class_name(d->klass));
        }
    }
    return TRAP_OK;
}

static int domain_cmp(const void *a, const void *b)
{
    return strcmp(((const struct conf_trap_domain *)a)->name, ((const struct conf_trap_domain *)b)->name);
}

/* ---- policies and zones ---- */

/* Members are senders, or what a row before makes. */
static bool members_exist(const struct conf_escalations *rows, size_t i)
{
    enum { V4_KEY = 128, V6_KEY = 64 };
    bool found = rows->v[i].from == (rows->v[i].v4 ? V4_KEY : V6_KEY);

    for (size_t k = 0; k < i; k++)
        found |= rows->v[k].v4 == rows->v[i].v4 && rows->v[k].to == rows->v[i].from;
    return found;
}

static enum trap_err check_policies(const struct check *k)
{
    for (size_t i = 0; i < k->c->policy_count; i++) {
        const struct conf_policy *const p = &k->c->policies[i];
        if (p->delay_max.ms >= p->stay_max.ms)
            FAIL(k, conf_line(k->r, "policy", i, "listing_delay"),
                 "policy \"%s\": listing_delay must be shorter than longest_stay, or nothing would ever be "
                 "listed",
                 p->name);
        for (size_t e = 0; e < p->escalate.n; e++)
            if (!members_exist(&p->escalate, e))
                FAIL(k, conf_line(k->r, "policy", i, "escalate"),
                     "policy \"%s\": escalate: nothing makes members of the length /%u; allowed: /32 (IPv4), /64 (IPv6), or "
                     "the network of a row before",
                     p->name, (unsigned)p->escalate.v[e].from - (p->escalate.v[e].v4 ? 96 : 0));
    }
    return TRAP_OK;
}

static bool policy_is_in_file(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->policy_count; i++)
        if (strcmp(c->policies[i].name, name) == 0)
            return true;
    return false;
}

/* A preset that a zone names without a block of that name becomes one. */
static enum trap_err add_preset(struct config *c, const char *name)
{
    struct conf_policy *const grown = reallocarray(c->policies, c->policy_count + 1, sizeof *grown);
    struct conf_policy *p;

    if (grown == NULL)
        return TRAP_ENOMEM;
    c->policies = grown;
    p = &grown[c->policy_count++];
    *p = *conf_preset(name);
    p->name = strdup(name);
    p->preset = strdup(name);
    return p->name == NULL || p->preset == NULL ? TRAP_ENOMEM : TRAP_OK;
}

static enum trap_err check_zones(const struct check *k)
{
    for (size_t i = 0; i < k->c->zone_count; i++) {
        struct conf_zone *const z = &k->c->zones[i];
        enum trap_err err = TRAP_OK;

        if (!policy_is_in_file(k->c, z->policy)) {
            if (conf_preset(z->policy) == NULL)
                FAIL(k, conf_line(k->r, "zone", i, "policy"),
                     "zone \"%s\": there is no policy \"%s\"; allowed: names of policy blocks, aggressive, "
                     "standard, conservative",
                     z->name, z->policy);
            err = add_preset(k->c, z->policy);
        }
        if (err == TRAP_OK && z->contact == NULL) {
            char text[256];
            (void)snprintf(text, sizeof text, "hostmaster.%s", z->name);
            err = set_text(&z->contact, text);
        }
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

/* ---- the daemons ---- */

static enum trap_err check_listeners(const struct check *k)
{
    const struct {
        const char *section, *key;
        const struct endpoints *list;
    } lists[] = {
        { "web", "listen", &k->c->web.listen },
        { "smtp", "listen", &k->c->smtp.listen },
        { "smtp", "proxy_listen", &k->c->smtp.proxy_listen },
        { "smtp", "tls_listen", &k->c->smtp.tls_listen },
    };
    enum { LISTS = sizeof lists / sizeof lists[0] };

    for (size_t i = 0; i < LISTS; i++) {
        for (size_t n = 0; n < lists[i].list->n; n++) {
            const struct endpoint *const e = &lists[i].list->v[n];
            for (size_t j = 0; j <= i; j++) {
                for (size_t m = 0; m < (j == i ? n : lists[j].list->n); m++) {
                    const struct endpoint *const other = &lists[j].list->v[m];
                    char text[IP_TEXT_MAX];
                    if (e->port != 0 && e->port == other->port && ip_eq(e->ip, other->ip))
                        FAIL(k, conf_line(k->r, lists[i].section, 0, lists[i].key),
                             "%s.%s: %s port %u is already in %s.%s; each stands once", lists[i].section,
                             lists[i].key, ip_text(e->ip, text), e->port, lists[j].section, lists[j].key);
                }
            }
        }
    }
    return TRAP_OK;
}

static enum trap_err check_tls(const struct check *k)
{
    if (k->c->smtp.tls_off && k->c->smtp.tls_listen.n > 0)
        FAIL(k, conf_line(k->r, "smtp", 0, "tls_listen"),
             "smtp.tls_listen: needs smtp.tls = \"on\"; remove one of the two");
    return TRAP_OK;
}

static enum trap_err default_hostname(const struct check *k)
{
    static const struct conf_key host = { .name = "hostname", .type = CONF_HOST, .min = 1, .max = 253 };
    char text[256] = "";
    struct err_text why;
    union conf_value v;

    if (k->c->smtp.hostname != NULL)
        return TRAP_OK;
    if (gethostname(text, sizeof text - 1) == -1 ||
        conf_value_parse(&host, bytes_str(text), &v, &why) != TRAP_OK)
        return set_text(&k->c->smtp.hostname, "localhost");
    return set_text(&k->c->smtp.hostname, text);
}

/* It stands in a reply: one word, one place for the client's address, and a line of less than 512 octets. */
static enum trap_err check_lookup_url(const struct check *k)
{
    unsigned places = 0;

    for (const char *p = k->c->smtp.lookup_url; *p != '\0'; p++) {
        places += *p == '$';
        if (*p <= ' ' || *p > '~' || places > 1)
            FAIL(k, conf_line(k->r, "smtp", 0, "lookup_url"),
                 "smtp.lookup_url: \"%s\" is not allowed; allowed: an address of printable ASCII without blanks, "
                 "with \"$\" at most once",
                 k->c->smtp.lookup_url);
    }
    return TRAP_OK;
}

static enum trap_err default_lockout(const struct check *k)
{
    static const int days[] = { 1, 7, 30 };
    struct spans *const l = &k->c->delist_lockout;

    if (conf_is_set(k->r, "", 0, "delist_lockout"))
        return TRAP_OK;
    l->v = calloc(sizeof days / sizeof days[0], sizeof *l->v);
    if (l->v == NULL)
        return TRAP_ENOMEM;
    for (; l->n < sizeof days / sizeof days[0]; l->n++)
        l->v[l->n] = SPAN_D(days[l->n]);
    return TRAP_OK;
}

static enum trap_err check_export(const struct check *k)
{
    struct conf_export *const e = &k->c->export;

    if (e->dir == NULL) {
        char path[1024];
        config_state_path(k->c, "zones", path);
        if (set_text(&e->dir, path) != TRAP_OK)
            return TRAP_ENOMEM;
    }
    if (e->full_interval.ms < e->interval.ms)
        FAIL(k, conf_line(k->r, "export", 0, "full_interval"),
             "export: full_interval must not be shorter than interval");
    if (e->stale_after.ms <= e->full_interval.ms)
        FAIL(k, conf_line(k->r, "export", 0, "stale_after"),
             "export: stale_after must be longer than full_interval, or zones would go stale between two "
             "runs");
    return TRAP_OK;
}

/* What is published is what runs: whether there is a guard is part of every policy. */
static void copy_guard(const struct config *c)
{
    for (size_t i = 0; i < c->policy_count; i++)
        c->policies[i].guard_off = c->guard_off;
}

enum { RESOLVERS_MAX = 8 };
static enum trap_err check_look(const struct check *k)
{
    if (k->c->look.resolvers.n > RESOLVERS_MAX)
        FAIL(k, conf_line(k->r, "look", 0, "resolvers"), "look.resolvers: more than %d; name those that are near",
             RESOLVERS_MAX);
    for (size_t i = 0; i < k->c->look.resolvers.n; i++)
        if (k->c->look.resolvers.v[i].port == 0)
            FAIL(k, conf_line(k->r, "look", 0, "resolvers"),
                 "look.resolvers: port 0 is none; allowed: IP:PORT like \"127.0.0.1:53\"");
    return TRAP_OK;
}

enum trap_err conf_check(struct config *c, const struct conf_reader *r, int *line_out, struct err_text *why)
{
    const struct check k = { c, r, line_out, why };
    enum trap_err err = check_all_unique(&k);

    if (err != TRAP_OK)
        return err;
    default_unknown(&k);
    err = default_after_data(&k);
    if (err != TRAP_OK)
        return err;
    if (c->trap_domain_count > 0) /* from here on an index is not the file's any more */
        qsort(c->trap_domains, c->trap_domain_count, sizeof c->trap_domains[0], domain_cmp);
    err = check_reserved(&k);
    if (err == TRAP_OK)
        err = check_sites(&k);
    if (err == TRAP_OK)
        err = check_policies(&k);
    if (err == TRAP_OK)
        err = check_zones(&k);
    if (err == TRAP_OK)
        err = check_listeners(&k);
    if (err == TRAP_OK)
        err = check_tls(&k);
    if (err == TRAP_OK)
        err = check_lookup_url(&k);
    if (err == TRAP_OK)
        err = default_hostname(&k);
    if (err == TRAP_OK)
        err = default_lockout(&k);
    if (err == TRAP_OK)
        err = check_export(&k);
    if (err == TRAP_OK)
        err = check_look(&k);
    if (err == TRAP_OK)
        copy_guard(c);
    return err;
}
