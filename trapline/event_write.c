/* event_write.c - see event.h: a record as a line. */
#include "event.h"

#include <store/technique.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *bytes_json(struct bytes s)
{
    json_t *text = NULL;
    struct buf hex;

    if (s.n == 0)
        return NULL;
    if (bytes_find(s, 0) == s.n)
        text = json_stringn((const char *)s.p, s.n); /* NULL: no UTF-8 */
    if (text != NULL)
        return text;
    buf_init(&hex, s.n * 2 + 1);
    buf_add_hex(&hex, s);
    text = json_pack("{s:s}", "hex", buf_cstr(&hex));
    buf_free(&hex);
    return text;
}

static json_t *flags_json(enum event_type type, uint32_t flags)
{
    json_t *list = flags == 0 ? NULL : json_array();

    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = event_flag_name(type, 1u << bit);

        if ((flags & 1u << bit) != 0)
            json_array_append_new(list,
                                  name != NULL ? json_string(name) : json_integer((json_int_t)1 << bit));
    }
    return list;
}

static json_t *recipe_json(uint64_t recipe)
{
    json_t *list = recipe == 0 ? NULL : json_array();

    for (; recipe != 0; recipe >>= 8) {
        const uint8_t technique = (uint8_t)recipe;

        json_array_append_new(list, technique < TECHNIQUE_COUNT ? json_string(technique_name(technique))
                                                                : json_integer(technique));
    }
    return list;
}

static json_t *class_json(uint8_t klass)
{
    char text[48];

    if (klass == 0)
        return NULL;
    (void)snprintf(text, sizeof(text), "%s%s%s", rcpt_class_name(klass),
                   (klass & RCPT_CATCHALL) != 0 ? "+catchall" : "",
                   (klass & RCPT_OBSERVED) != 0 ? "+observed" : "");
    return json_string(text);
}

static json_t *time_json(wall_t t)
{
    char text[WALL_TEXT_MAX];

    return t.us == 0 ? NULL : json_string(wall_text(t, text));
}

static json_t *ip_json(struct ip a)
{
    static const struct ip none;

    return ip_eq(a, none) ? NULL : json_ip(a);
}

static json_t *hex64_json(uint64_t v)
{
    char text[17];

    (void)snprintf(text, sizeof(text), "%016" PRIx64, v);
    return v == 0 ? NULL : json_string(text);
}

static json_t *number_json(uint64_t v)
{
    return v == 0 ? NULL : json_integer((json_int_t)v);
}

static void add_fields(json_t *o, const struct event_field *f, const void *record);

static json_t *rcpts_json(const struct hit *h)
{
    json_t *list = json_array();

    for (size_t i = 0; i < h->rcpt_count; i++) {
        json_t *o = json_object();

        add_fields(o, event_rcpt_fields, &h->rcpts[i]);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *auths_json(const struct session_record *s)
{
    static const uint8_t none[AUTH_SECRET_BYTES];
    json_t *list = s->auth_count == 0 ? NULL : json_array();

    for (size_t i = 0; i < s->auth_count; i++) {
        json_t *o = json_object();
        struct buf hex;

        add_fields(o, event_auth_fields, &s->auths[i]);
        buf_init(&hex, sizeof(none) * 2 + 1);
        buf_add_hex(&hex, bytes_of(s->auths[i].secret, sizeof(none)));
        if (memcmp(s->auths[i].secret, none, sizeof(none)) != 0)
            json_object_set_new(o, "secret", json_string(buf_cstr(&hex)));
        buf_free(&hex);
        json_array_append_new(list, o);
    }
    return list;
}

/* Fields are read as what they are in the struct: `at` points to it. */
static json_t *value_json(enum event_type type, const void *at, const void *record)
{
    switch (type) {
    case EVENT_U8:
        return number_json(*(const uint8_t *)at);
    case EVENT_U16:
        return number_json(*(const uint16_t *)at);
    case EVENT_U32:
        return number_json(*(const uint32_t *)at);
    case EVENT_U64:
        return number_json(*(const uint64_t *)at);
    case EVENT_MS:
        return *(const uint32_t *)at == UINT32_MAX ? NULL : json_integer(*(const uint32_t *)at);
    case EVENT_HEX64:
        return hex64_json(*(const uint64_t *)at);
    case EVENT_TIME:
        return time_json(*(const wall_t *)at);
    case EVENT_IP:
        return ip_json(*(const struct ip *)at);
    case EVENT_KEY:
        return json_prefix(*(const struct prefix *)at);
    case EVENT_BYTES:
        return bytes_json(*(const struct bytes *)at);
    case EVENT_CLASS:
        return class_json(*(const uint8_t *)at);
    case EVENT_ACT_KIND:
        return json_string(act_kind_name((enum act_kind) * (const uint8_t *)at));
    case EVENT_LOG:
        return json_string(event_log_name(*(const uint8_t *)at));
    case EVENT_ERASURE_KIND:
        return json_string(erasure_kind_name(*(const uint8_t *)at));
    case EVENT_VISIT_FLAGS:
    case EVENT_HIT_FLAGS:
        return flags_json(type, *(const uint32_t *)at);
    case EVENT_RECIPE:
        return recipe_json(*(const uint64_t *)at);
    case EVENT_RCPTS:
        return rcpts_json(record);
    case EVENT_AUTHS:
        return auths_json(record);
    }
    return NULL;
}

static void add_fields(json_t *o, const struct event_field *f, const void *record)
{
    for (; f->name != NULL; f++) {
        json_t *v = value_json(f->type, (const unsigned char *)record + f->offset, record);

        if (v != NULL)
            json_object_set_new(o, f->name, v);
    }
}

json_t *event_json(enum event_kind kind, const void *record)
{
    json_t *o = json_pack("{s:s}", "event", event_forms[kind].name);

    if (o != NULL)
        add_fields(o, event_forms[kind].fields, record);
    return o;
}

enum trap_err event_write(enum event_kind kind, const void *record, struct buf *out)
{
    json_t *o = event_json(kind, record);
    char *line = o == NULL ? NULL : json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);

    json_decref(o);
    if (line == NULL)
        return TRAP_ENOMEM;
    buf_add_str(out, line);
    buf_add_byte(out, '\n');
    free(line);
    return out->err;
}
