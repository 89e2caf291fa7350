/* event_read.c - see event.h: a line as a record. */
#include "event.h"

#include <base/num.h>
#include <store/technique.h>

#include <stdlib.h>

struct reading {
    struct event *event;
    void *record;
    const char *field;
};
typedef bool read_fn(struct reading *r, enum event_type type, const json_t *v, void *at);

static struct bytes text_of(const json_t *v)
{
    return bytes_of(json_string_value(v), json_string_length(v));
}

/* ---- values ---- */

static bool whole(const json_t *v, uint64_t max, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static bool read_number(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    static const uint64_t max[] = { [EVENT_U8] = UINT8_MAX,
                                    [EVENT_U16] = UINT16_MAX,
                                    [EVENT_U32] = UINT32_MAX,
                                    [EVENT_U64] = INT64_MAX,
                                    [EVENT_MS] = UINT32_MAX };
    uint64_t n = 0;

    (void)r;
    if (!whole(v, max[type], &n))
        return false;
    if (type == EVENT_U8)
        *(uint8_t *)at = (uint8_t)n;
    else if (type == EVENT_U16)
        *(uint16_t *)at = (uint16_t)n;
    else if (type == EVENT_U64)
        *(uint64_t *)at = n;
    else
        *(uint32_t *)at = (uint32_t)n;
    return true;
}

static bool from_hex(struct bytes hex, uint8_t *out)
{
    if (hex.n % 2 != 0)
        return false;
    for (size_t i = 0; i < hex.n; i += 2) {
        const int high = ascii_hex_value(hex.p[i]), low = ascii_hex_value(hex.p[i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_hex64(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    uint8_t b[8];
    uint64_t n = 0;

    (void)r;
    (void)type;
    if (!json_is_string(v) || text_of(v).n != 16 || !from_hex(text_of(v), b))
        return false;
    for (size_t i = 0; i < sizeof(b); i++)
        n = n << 8 | b[i];
    *(uint64_t *)at = n;
    return true;
}

static bool read_time(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    (void)r;
    (void)type;
    return json_is_string(v) && wall_parse(text_of(v), at) == TRAP_OK;
}

static bool read_ip(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    (void)r;
    (void)type;
    return json_is_string(v) && ip_parse(text_of(v), at) == TRAP_OK;
}

static bool read_key(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    struct prefix p;

    (void)r;
    (void)type;
    if (!json_is_string(v) || prefix_parse(text_of(v), &p) != TRAP_OK)
        return false;
    *(struct prefix *)at = ip_key(p.ip);
    return true;
}

/* The buffer has room for the whole line: it never moves. */
static bool read_bytes(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    const json_t *hex = json_is_object(v) && json_object_size(v) == 1 ? json_object_get(v, "hex") : NULL;
    struct buf *text = &r->event->text;

    (void)type;
    if (json_is_string(v)) {
        *(struct bytes *)at = text_of(v);
        return true;
    }
    if (!json_is_string(hex) || text->cap - text->n < text_of(hex).n / 2 ||
        !from_hex(text_of(hex), text->p + text->n))
        return false;
    *(struct bytes *)at = bytes_of(text->p + text->n, text_of(hex).n / 2);
    text->n += text_of(hex).n / 2;
    return true;
}

/* Takes the word off the end of the name. */
static uint8_t take_flag(struct bytes *name, struct bytes word, uint8_t flag)
{
    if (name->n <= word.n || !bytes_eq(bytes_skip(*name, name->n - word.n), word))
        return 0;
    name->n -= word.n;
    return flag;
}

static bool read_class(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    struct bytes name = json_is_string(v) ? text_of(v) : BYTES("");
    uint8_t flags = take_flag(&name, BYTES("+observed"), RCPT_OBSERVED);

    (void)r;
    (void)type;
    flags |= take_flag(&name, BYTES("+catchall"), RCPT_CATCHALL);
    for (uint8_t k = RCPT_MINTED; k <= RCPT_GUESS; k++)
        if (bytes_eq(name, bytes_str(rcpt_class_name(k)))) {
            *(uint8_t *)at = k | flags;
            return true;
        }
    return false;
}

static bool read_name(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    const struct bytes name = json_is_string(v) ? text_of(v) : BYTES("");
    enum act_kind kind;

    (void)r;
    if (type == EVENT_ACT_KIND) {
        if (act_kind_parse(name, &kind) != TRAP_OK)
            return false;
        *(uint8_t *)at = (uint8_t)kind;
        return true;
    }
    for (uint8_t k = 1; k < 32; k++)
        if (bytes_eq(name, bytes_str(type == EVENT_LOG ? event_log_name(k) : erasure_kind_name(k)))) {
            *(uint8_t *)at = k;
            return true;
        }
    return false;
}

/* ---- lists ---- */

static bool read_flags(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    uint32_t flags = 0;

    (void)r;
    if (!json_is_array(v))
        return false;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        uint64_t n = 0;

        if (json_is_string(one) && event_flag(type, text_of(one)) != UINT32_MAX)
            n = event_flag(type, text_of(one));
        else if (!whole(one, UINT32_MAX, &n))
            return false;
        flags |= (uint32_t)n;
    }
    *(uint32_t *)at = flags;
    return true;
}

static bool read_recipe(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    uint64_t recipe = 0;

    (void)r;
    (void)type;
    if (!json_is_array(v) || json_array_size(v) > VISIT_SLOTS)
        return false;
    for (size_t i = json_array_size(v); i-- > 0;) {
        const json_t *one = json_array_get(v, i);
        uint64_t n = TECHNIQUE_COUNT;

        for (uint8_t t = 0; t < TECHNIQUE_COUNT && json_is_string(one); t++)
            if (bytes_eq(text_of(one), bytes_str(technique_name(t))))
                n = t;
        if (json_is_string(one) ? n == TECHNIQUE_COUNT : !whole(one, UINT8_MAX, &n))
            return false;
        recipe = recipe << 8 | n;
    }
    *(uint64_t *)at = recipe;
    return true;
}

static bool read_fields(struct reading *r, const struct event_field *fields, const json_t *o, void *record);

/* {"visit": SEQ, "slot": 0, "domain": "trap.test"} stands for the address that visit was shown. */
static bool read_mint(struct reading *r, const json_t *o, size_t n)
{
    struct event *e = r->event;
    struct event_mint m = { .rcpt = n };
    uint64_t slot = 0;

    if (json_object_get(o, "visit") == NULL)
        return true;
    if (json_object_get(o, "address") != NULL || !whole(json_object_get(o, "visit"), INT64_MAX, &m.visit) ||
        (json_object_get(o, "slot") != NULL && !whole(json_object_get(o, "slot"), VISIT_SLOTS - 1, &slot)) ||
        !json_is_string(json_object_get(o, "domain")))
        return false;
    m.slot = (uint8_t)slot;
    m.domain = text_of(json_object_get(o, "domain"));
    if (e->rcpts[n].klass == 0)
        e->rcpts[n].klass = RCPT_MINTED;
    e->mints[e->mint_count++] = m;
    return true;
}

static bool read_rcpts(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    struct event *e = r->event;
    const size_t n = json_array_size(v);

    (void)type;
    (void)at;
    e->rcpts = n == 0 ? NULL : calloc(n, sizeof(*e->rcpts));
    e->mints = n == 0 ? NULL : calloc(n, sizeof(*e->mints));
    if (e->rcpts == NULL || e->mints == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(v, i);

        if (!read_fields(r, event_rcpt_fields, one, &e->rcpts[i]) || !read_mint(r, one, i) ||
            (e->rcpts[i].address.n == 0) == (json_object_get(one, "visit") == NULL))
            return false;
    }
    e->u.hit.rcpts = e->rcpts;
    e->u.hit.rcpt_count = n;
    return true;
}

static bool read_auths(struct reading *r, enum event_type type, const json_t *v, void *at)
{
    struct event *e = r->event;
    const size_t n = json_array_size(v);

    (void)type;
    (void)at;
    if (n > AUTH_KEPT_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(v, i), *secret = json_object_get(one, "secret");

        if (!read_fields(r, event_auth_fields, one, &e->auths[i]))
            return false;
        if (secret != NULL && (!json_is_string(secret) || text_of(secret).n != AUTH_SECRET_BYTES * 2 ||
                               !from_hex(text_of(secret), e->auths[i].secret)))
            return false;
    }
    e->u.session.auths = e->auths;
    e->u.session.auth_count = n;
    return true;
}

/* ---- records ---- */

static read_fn *const readers[] = {
    [EVENT_U8] = read_number,         [EVENT_U16] = read_number,
    [EVENT_U32] = read_number,        [EVENT_U64] = read_number,
    [EVENT_MS] = read_number,         [EVENT_HEX64] = read_hex64,
    [EVENT_TIME] = read_time,         [EVENT_IP] = read_ip,
    [EVENT_KEY] = read_key,           [EVENT_BYTES] = read_bytes,
    [EVENT_CLASS] = read_class,       [EVENT_ACT_KIND] = read_name,
    [EVENT_LOG] = read_name,          [EVENT_ERASURE_KIND] = read_name,
    [EVENT_VISIT_FLAGS] = read_flags, [EVENT_HIT_FLAGS] = read_flags,
    [EVENT_RECIPE] = read_recipe,     [EVENT_RCPTS] = read_rcpts,
    [EVENT_AUTHS] = read_auths,
};

/* Fields of other readers: see read_mint() and read_auths(). */
static bool is_extra(const char *name)
{
    static const char *const names[] = { "event", "visit", "slot", "domain", "secret" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool read_fields(struct reading *r, const struct event_field *fields, const json_t *o, void *record)
{
    void *it;

    if (!json_is_object(o))
        return false;
    for (it = json_object_iter((json_t *)(uintptr_t)o); it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)o, it)) {
        const char *name = json_object_iter_key(it);
        const struct event_field *f = fields;

        while (f->name != NULL && strcmp(f->name, name) != 0)
            f++;
        if (f->name == NULL && is_extra(name))
            continue;
        r->field = name;
        if (f->name == NULL ||
            !readers[f->type](r, f->type, json_object_iter_value(it), (unsigned char *)record + f->offset))
            return false;
    }
    return true;
}

static bool is_complete(const struct event *e)
{
    switch (e->kind) {
    case EVENT_VISIT: {
        static const struct ip none;

        return e->u.visit.at.us > 0 &&
               ip_eq(e->u.visit.client, none) == ((e->u.visit.flags & VISIT_BATCH) != 0);
    }
    case EVENT_HIT:
        return e->u.hit.at.us > 0 && e->u.hit.rcpt_count > 0;
    case EVENT_SESSION:
        return e->u.session.at.us > 0;
    case EVENT_EPOCH:
        return e->u.epoch.epoch > 0;
    case EVENT_ACT:
        return e->u.act.kind != 0 && e->u.act.at.us > 0;
    default:
        return true;
    }
}

static void set_defaults(struct event *e)
{
    static const uint8_t any[4] = { 127, 0, 0, 1 };

    if (e->kind == EVENT_HIT) {
        e->u.hit.first_command_ms = UINT32_MAX;
        e->u.hit.local = ip_v4(any[0], any[1], any[2], any[3]);
    }
    if (e->kind == EVENT_SESSION) {
        e->u.session.first_command_ms = UINT32_MAX;
        e->u.session.local = ip_v4(any[0], any[1], any[2], any[3]);
    }
}

enum trap_err event_read(struct bytes line, struct event *e, struct err_text *why)
{
    struct reading r = { .event = e, .record = &e->u, .field = "" };
    json_error_t error;
    struct bytes name;

    *e = (struct event){ .kind = EVENT_KINDS };
    buf_init(&e->text, line.n + 1);
    e->doc = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &error);
    if (e->doc == NULL || buf_reserve(&e->text, line.n) == NULL) {
        err_text_set(why, "no JSON object: %s", error.text);
        return TRAP_EINVAL;
    }
    name = text_of(json_object_get(e->doc, "event"));
    for (unsigned k = 0; k < EVENT_KINDS; k++)
        if (bytes_eq(name, bytes_str(event_forms[k].name)))
            e->kind = (enum event_kind)k;
    if (e->kind == EVENT_KINDS) {
        err_text_set(why, "\"event\" is visit, epoch, hit, session, counter, act, erased or erasure");
        return TRAP_EINVAL;
    }
    set_defaults(e);
    if (!read_fields(&r, event_forms[e->kind].fields, e->doc, &e->u)) {
        err_text_set(why, "%s: \"%s\" is not a field of it, or its value is wrong; docs/events.md",
                     event_forms[e->kind].name, r.field);
        return TRAP_EINVAL;
    }
    if (!is_complete(e)) {
        err_text_set(why, "%s: a field is missing, such as \"at\"; docs/events.md",
                     event_forms[e->kind].name);
        return TRAP_EINVAL;
    }
    return TRAP_OK;
}

void event_end(struct event *e)
{
    json_decref(e->doc);
    buf_free(&e->text);
    free(e->rcpts);
    free(e->mints);
}
