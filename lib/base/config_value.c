/* config_value.c - one value of the configuration: put into its struct, freed again. One row of `types` a
 * type. */
#include "config_schema.h"

#include <stdlib.h>

/* ---- storing ---- */

typedef enum trap_err store_fn(void *at, const union conf_value *v);

static enum trap_err store_u8(void *at, const union conf_value *v)
{
    *(uint8_t *)at = (uint8_t)v->u;
    return TRAP_OK;
}
static enum trap_err store_u32(void *at, const union conf_value *v)
{
    *(uint32_t *)at = (uint32_t)v->u;
    return TRAP_OK;
}
static enum trap_err store_u64(void *at, const union conf_value *v)
{
    *(uint64_t *)at = v->u;
    return TRAP_OK;
}
static enum trap_err store_bool(void *at, const union conf_value *v)
{
    *(bool *)at = v->u != 0;
    return TRAP_OK;
}
static enum trap_err store_enum(void *at, const union conf_value *v)
{
    const unsigned int n = (unsigned int)v->u;

    memcpy(at, &n, sizeof n); /* every enum of config.h has this size: asserted below */
    return TRAP_OK;
}
_Static_assert(sizeof(enum trap_class) == sizeof(unsigned int) &&
                   sizeof(enum zone_kind) == sizeof(unsigned int) &&
                   sizeof(enum log_level) == sizeof(unsigned int),
               "store_enum");
static enum trap_err store_span(void *at, const union conf_value *v)
{
    *(span_t *)at = v->span[0];
    return TRAP_OK;
}
static enum trap_err store_delay(void *at, const union conf_value *v)
{
    memcpy(at, v->span, sizeof v->span);
    return TRAP_OK;
}
_Static_assert(offsetof(struct conf_policy, delay_max) ==
                   offsetof(struct conf_policy, delay_min) + sizeof(span_t),
               "store_delay");

static char *copy_text(struct bytes s, bool lower)
{
    char *const out = malloc(s.n + 1);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < s.n; i++)
        out[i] = (char)(lower ? ascii_lower(s.p[i]) : s.p[i]);
    out[s.n] = '\0';
    return out;
}

static enum trap_err store_copy(void *at, const union conf_value *v, bool lower)
{
    char **const place = at;
    char *const text = copy_text(v->text, lower);

    if (text == NULL)
        return TRAP_ENOMEM;
    free(*place);
    *place = text;
    return TRAP_OK;
}
static enum trap_err store_text(void *at, const union conf_value *v)
{
    return store_copy(at, v, false);
}
static enum trap_err store_name(void *at, const union conf_value *v)
{
    return store_copy(at, v, true);
}

static enum trap_err append_copy(struct strings *list, const union conf_value *v, bool lower)
{
    char **const grown = reallocarray(list->v, list->n + 1, sizeof *grown);

    if (grown == NULL)
        return TRAP_ENOMEM;
    list->v = grown;
    grown[list->n] = copy_text(v->text, lower);
    if (grown[list->n] == NULL)
        return TRAP_ENOMEM;
    list->n++;
    return TRAP_OK;
}
static enum trap_err append_text(void *at, const union conf_value *v)
{
    return append_copy(at, v, false);
}
static enum trap_err append_name(void *at, const union conf_value *v)
{
    return append_copy(at, v, true);
}

static enum trap_err append_flag(void *at, const union conf_value *v)
{
    *(uint32_t *)at |= (uint32_t)1 << v->u;
    return TRAP_OK;
}

static enum trap_err append_endpoint(void *at, const union conf_value *v)
{
    struct endpoints *const list = at;
    struct endpoint *const grown = reallocarray(list->v, list->n + 1, sizeof *grown);

    if (grown == NULL)
        return TRAP_ENOMEM;
    list->v = grown;
    grown[list->n++] = v->endpoint;
    return TRAP_OK;
}

static enum trap_err append_escalation(void *at, const union conf_value *v)
{
    struct conf_escalations *const list = at;
    struct conf_escalation *const grown = reallocarray(list->v, list->n + 1, sizeof *grown);

    if (grown == NULL)
        return TRAP_ENOMEM;
    list->v = grown;
    grown[list->n++] = v->escalation;
    return TRAP_OK;
}

static enum trap_err append_span(void *at, const union conf_value *v)
{
    struct spans *const list = at;
    span_t *const grown = reallocarray(list->v, list->n + 1, sizeof *grown);

    if (grown == NULL)
        return TRAP_ENOMEM;
    list->v = grown;
    grown[list->n++] = v->span[0];
    return TRAP_OK;
}

static enum trap_err append_prefix(void *at, const union conf_value *v)
{
    return prefix_set_add(at, v->prefix);
}

/* ---- freeing ---- */

typedef void free_fn(void *at);

static void free_text(void *at)
{
    char **const text = at;

    free(*text);
    *text = NULL;
}
static void free_strings(void *at)
{
    struct strings *const list = at;

    for (size_t i = 0; i < list->n; i++)
        free(list->v[i]);
    free(list->v);
    *list = (struct strings){ 0 };
}
static void free_endpoints(void *at)
{
    struct endpoints *const list = at;

    free(list->v);
    *list = (struct endpoints){ 0 };
}
static void free_escalations(void *at)
{
    struct conf_escalations *const list = at;

    free(list->v);
    *list = (struct conf_escalations){ 0 };
}
static void free_spans(void *at)
{
    struct spans *const list = at;

    free(list->v);
    *list = (struct spans){ 0 };
}
static void free_prefixes(void *at)
{
    prefix_set_free(at);
}

/* ---- the table ---- */

static const struct {
    store_fn *store;
    free_fn *release; /* NULL: nothing to free */
    bool list;
} types[CONF_TYPES] = {
    [CONF_U8] = { store_u8, NULL, false },
    [CONF_U32] = { store_u32, NULL, false },
    [CONF_U64] = { store_u64, NULL, false },
    [CONF_COUNT] = { store_u32, NULL, false },
    [CONF_SPAN] = { store_span, NULL, false },
    [CONF_DELAY] = { store_delay, NULL, false },
    [CONF_SIZE] = { store_u64, NULL, false },
    [CONF_MILLI] = { store_u32, NULL, false },
    [CONF_BOOL] = { store_bool, NULL, false },
    [CONF_ENUM] = { store_enum, NULL, false },
    [CONF_TEXT] = { store_text, free_text, false },
    [CONF_PATH] = { store_text, free_text, false },
    [CONF_WORD] = { store_text, free_text, false },
    [CONF_HOST] = { store_name, free_text, false },
    [CONF_DOMAIN] = { store_name, free_text, false },
    [CONF_ADDRESS] = { store_name, free_text, false },
    [CONF_SOCKET] = { store_text, free_text, false },
    [CONF_PATHS] = { append_text, free_strings, true },
    [CONF_DOMAINS] = { append_name, free_strings, true },
    [CONF_LOCALS] = { append_name, free_strings, true },
    [CONF_ENDPOINTS] = { append_endpoint, free_endpoints, true },
    [CONF_PREFIXES] = { append_prefix, free_prefixes, true },
    [CONF_SPANS] = { append_span, free_spans, true },
    [CONF_TRUSTED] = { append_prefix, free_prefixes, true },
    [CONF_ESCALATIONS] = { append_escalation, free_escalations, true },
    [CONF_FLAGS] = { append_flag, NULL, true },
};

bool conf_is_list(const struct conf_key *key)
{
    return types[key->type].list;
}

enum trap_err conf_value_store(const struct conf_key *key, const union conf_value *v, void *base)
{
    return types[key->type].store((unsigned char *)base + key->offset, v);
}

void conf_value_free(const struct conf_key *key, void *base)
{
    if (types[key->type].release != NULL)
        types[key->type].release((unsigned char *)base + key->offset);
}
