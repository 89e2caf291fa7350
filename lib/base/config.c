#include <base/config.h>

#include "config_schema.h"

#include <stdio.h>
#include <stdlib.h>

const char *trap_class_name(enum trap_class c)
{
    static const char *const names[] = { "minted", "pristine", "recycled", "typo" };

    return names[c];
}

/* Sections of a policy (weights, harvesters) fill the policy's own struct. */
static void free_section(const struct conf_section *s, void *base)
{
    for (size_t i = 0; i < s->key_count; i++)
        conf_value_free(&s->keys[i], base);
    if (s->title != NULL)
        conf_value_free(s->title, base);
}

static void free_titled(struct config *c, const struct conf_section *s)
{
    unsigned char *array;
    size_t n;

    memcpy(&array, (unsigned char *)c + s->array_offset, sizeof array);
    memcpy(&n, (unsigned char *)c + s->count_offset, sizeof n);
    for (size_t i = 0; i < n; i++)
        free_section(s, array + i * s->element_size);
    free(array);
}

void config_free(struct config **c)
{
    if (*c == NULL)
        return;
    for (size_t i = 0; i < conf_section_count; i++) {
        const struct conf_section *const s = &conf_sections[i];
        if (s->title != NULL)
            free_titled(*c, s);
        else if (s->parent == NULL || s->parent[0] == '\0')
            free_section(s, *c);
    }
    free((*c)->path);
    free(*c);
    *c = NULL;
}

int conf_name_cmp(struct bytes a, struct bytes b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        const int d = ascii_lower(a.p[i]) - ascii_lower(b.p[i]);
        if (d != 0)
            return d;
    }
    return (a.n > b.n) - (a.n < b.n);
}

/* trap_domains is sorted by name: conf_check() */
const struct conf_trap_domain *config_trap_domain(const struct config *c, struct bytes name)
{
    size_t low = 0, high = c->trap_domain_count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const struct bytes here = bytes_str(c->trap_domains[mid].name);
        const int d = conf_name_cmp(here, name);
        if (d == 0)
            return &c->trap_domains[mid];
        if (d < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static int reserved_cmp(const void *key, const void *element)
{
    return conf_name_cmp(*(const struct bytes *)key, bytes_str(*(char *const *)element));
}

bool config_is_reserved(const struct conf_trap_domain *d, struct bytes local)
{
    return d->reserved.n > 0 &&
           bsearch(&local, d->reserved.v, d->reserved.n, sizeof d->reserved.v[0], reserved_cmp) != NULL;
}

const struct conf_policy *config_policy(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->policy_count; i++)
        if (strcmp(c->policies[i].name, name) == 0)
            return &c->policies[i];
    return conf_preset(name);
}

void config_state_path(const struct config *c, const char *name, char out[1024])
{
    const int n = snprintf(out, 1024, "%s/%s", c->state_dir, name);

    TRAP_BUG_ON(n < 0 || n >= 1024); /* state_dir is limited by the schema, names are ours */
}
