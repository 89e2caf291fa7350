/* provider_list.c - see provider_list.h. */
#include "provider_list.h"

#include <base/file.h>

#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024 };

static enum trap_err add(struct provider_list *l, const struct provider *p)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].domain, p->domain) == 0)
            return TRAP_EEXIST;
    if (l->n == PROVIDERS_MAX)
        return TRAP_ERANGE;
    if (l->n == l->cap) {
        const size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct provider *v = realloc(l->v, cap * sizeof(*v));

        if (v == NULL)
            return TRAP_ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *p;
    return TRAP_OK;
}

/* The next word of a line; false at its end. */
static bool next_word(struct bytes *line, struct bytes *word_out)
{
    do
        if (!bytes_split(line, ' ', word_out))
            return false;
    while (word_out->n == 0);
    return true;
}

static enum trap_err read_line(struct bytes line, struct provider *out, struct err_text *why)
{
    struct bytes word;

    *out = (struct provider){ .wide_count = 0 };
    if (!next_word(&line, &word))
        return TRAP_ENOENT;
    if (dns_name_read(word, out->domain) != TRAP_OK || bytes_find(word, '.') == word.n) {
        err_text_set(why, "the line begins with no domain; allowed: a domain, behind it prefixes");
        return TRAP_EINVAL;
    }
    while (next_word(&line, &word)) {
        if (out->wide_count == PROVIDER_WIDE_MAX) {
            err_text_set(why, "more than %d prefixes", PROVIDER_WIDE_MAX);
            return TRAP_EINVAL;
        }
        if (prefix_parse(word, &out->wide[out->wide_count++]) != TRAP_OK) {
            err_text_set(why, "what stands behind the domain is no prefix such as 192.0.2.0/24 (no bits behind the "
                              "length)");
            return TRAP_EINVAL;
        }
    }
    return TRAP_OK;
}

enum trap_err provider_list_parse(const char *origin, struct bytes text, struct provider_list *out,
                                  struct err_text *why)
{
    struct bytes line;
    unsigned number = 0;

    while (bytes_split(&text, '\n', &line)) {
        struct err_text what = { "" };
        struct provider p;
        enum trap_err err;

        number++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        err = read_line(bytes_trim(bytes_take(line, bytes_find(line, '#'))), &p, &what);
        if (err == TRAP_OK)
            err = add(out, &p);
        if (err == TRAP_OK || err == TRAP_ENOENT)
            continue;
        err_text_set(why, "%s:%u: %s", origin, number,
                     what.text[0] != '\0'    ? what.text
                     : err == TRAP_EEXIST    ? "the domain already stands above; each stands once"
                     : err == TRAP_ERANGE    ? "more than 1000 domains"
                                             : "no memory");
        return err == TRAP_ENOMEM ? err : TRAP_EINVAL;
    }
    return TRAP_OK;
}

static enum trap_err add_configured(const struct conf_look *c, struct provider_list *l)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < c->providers.n && err == TRAP_OK; i++) {
        struct provider p = { .wide_count = 0 };

        err = dns_name_read(bytes_str(c->providers.v[i]), p.domain);
        if (err == TRAP_OK)
            err = add(l, &p);
        if (err == TRAP_EEXIST)
            err = TRAP_OK;
    }
    return err;
}

enum trap_err provider_list_load(const struct conf_look *c, struct provider_list *out, struct err_text *why)
{
    struct provider_list l = { .v = NULL };
    struct buf text;
    enum trap_err err;

    if (c->providers_file[0] == '\0') {
        err = provider_list_parse("the list of providers", bytes_str(text_providers), &l, why);
    } else {
        err = file_slurp(c->providers_file, FILE_MAX, &text, why);
        if (err == TRAP_OK) {
            err = provider_list_parse(c->providers_file, buf_bytes(&text), &l, why);
            buf_free(&text);
        }
    }
    if (err == TRAP_OK) {
        err = add_configured(c, &l);
        if (err != TRAP_OK)
            err_text_set(why, "look.providers: too many, or no memory");
    }
    if (err != TRAP_OK) {
        provider_list_free(&l);
        return err;
    }
    *out = l;
    return TRAP_OK;
}

void provider_list_free(struct provider_list *l)
{
    free(l->v);
    *l = (struct provider_list){ .v = NULL };
}
