#include "site.h"

#include <base/num.h>

#include <stdlib.h>

static enum trap_err domain_add(struct site *s, const struct conf_trap_domain *d, const struct mint *mint)
{
    const struct bytes name = bytes_str(d->name);
    struct site_domain *v = realloc(s->domains, (s->domain_count + 1) * sizeof(*v));

    if (v == NULL)
        return TRAP_ENOMEM;
    s->domains = v;
    v[s->domain_count++] = (struct site_domain){ name, mint_domain(mint, name), d };
    return TRAP_OK;
}

static enum trap_err domains_add(struct site *s, const struct config *c, const struct strings *only, const struct mint *mint)
{
    enum trap_err err = TRAP_OK;

    if (only != NULL && only->n != 0) {
        for (size_t i = 0; i < only->n && err == TRAP_OK; i++) {
            const struct conf_trap_domain *d = config_trap_domain(c, bytes_str(only->v[i]));

            if (d != NULL && d->klass == CLASS_MINTED)
                err = domain_add(s, d, mint);
        }
        return err;
    }
    for (size_t i = 0; i < c->trap_domain_count && err == TRAP_OK; i++)
        if (c->trap_domains[i].klass == CLASS_MINTED)
            err = domain_add(s, &c->trap_domains[i], mint);
    return err;
}

enum trap_err sites_init(struct sites *s, const struct config *c, const struct mint *mint, struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    *s = (struct sites){ .v = calloc(c->site_count + 1, sizeof(*s->v)) };
    if (s->v == NULL)
        return TRAP_ENOMEM;
    s->n = c->site_count;
    for (size_t i = 0; i < s->n && err == TRAP_OK; i++) {
        const struct conf_site *from = &c->sites[i];
        struct site *to = &s->v[i];
        to->index = (uint32_t)i;
        to->name = bytes_str(from->name);
        if (from->theme[0] != '\0') {
            to->theme = theme_by_name(from->theme);
            if (to->theme == NULL) {
                err_text_set(why, "%s: site \"%s\": no theme \"%s\"; allowed: %s", c->path, from->name, from->theme,
                             theme_names());
                return TRAP_EINVAL;
            }
        }
        err = domains_add(to, c, &from->trap_domains, mint);
    }
    s->v[s->n].index = (uint32_t)s->n;
    if (err == TRAP_OK)
        err = domains_add(&s->v[s->n], c, NULL, mint);
    if (err != TRAP_OK)
        err_text_set(why, "not enough memory for the sites");
    return err;
}

void sites_free(struct sites *s)
{
    for (size_t i = 0; s->v != NULL && i <= s->n; i++)
        free(s->v[i].domains);
    free(s->v);
    *s = (struct sites){ 0 };
}

const struct site *sites_find(const struct sites *s, struct bytes name)
{
    for (size_t i = 0; i < s->n; i++)
        if (bytes_eq(s->v[i].name, name))
            return &s->v[i];
    return &s->v[s->n];
}

const struct theme *site_theme(const struct site *s, const struct markup *m, struct bytes host)
{
    return s->theme != NULL ? s->theme : theme_for_host(host, markup_draw(m, "theme", host));
}

static bool is_host_byte(uint8_t c)
{
    return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
}

/* The name without "[…]:port" or ":port"; 0 = malformed. */
static size_t host_name_length(struct bytes text)
{
    const bool bracket = text.n != 0 && text.p[0] == '[';
    const size_t end = bracket ? bytes_find(text, ']') + 1 : bytes_find(text, ':');
    uint32_t port = 0;

    if (end > text.n || end == 0)
        return 0;
    if (end < text.n && (text.p[end] != ':' || num_u32(bytes_skip(text, end + 1), 1, 65535, &port) != TRAP_OK))
        return 0;
    for (size_t i = bracket ? 1 : 0; i < (bracket ? end - 1 : end); i++)
        if (!is_host_byte(text.p[i]))
            return 0;
    return end;
}

void host_parse(struct bytes field, struct host *out)
{
    const struct bytes text = bytes_trim(field);

    *out = (struct host){ 0 };
    if (text.n > HOST_TEXT_MAX)
        return;
    out->name_n = host_name_length(text);
    if (out->name_n == 0)
        return;
    out->n = text.n;
    for (size_t i = 0; i < text.n; i++)
        out->text[i] = ascii_lower(text.p[i]);
}
