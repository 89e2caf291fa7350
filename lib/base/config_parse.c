/* config_parse.c - the text of one value of the configuration to its meaning. One parser a type. */
#include "config_schema.h"

#include <base/num.h>

/* TRAP_OK, or an error, with *why filled in where more can be said than what is allowed. */

typedef enum trap_err parse_fn(const struct conf_key *key, struct bytes in, union conf_value *out,
                               struct err_text *why);

static enum trap_err parse_number(const struct conf_key *key, struct bytes in, union conf_value *out,
                                  struct err_text *why)
{
    (void)why;
    return num_u64(in, key->min, key->max, &out->u);
}

static enum trap_err parse_count(const struct conf_key *key, struct bytes in, union conf_value *out,
                                 struct err_text *why)
{
    if (bytes_eq(in, BYTES("any"))) {
        out->u = UINT32_MAX;
        return TRAP_OK;
    }
    return parse_number(key, in, out, why);
}

static enum trap_err parse_one_span(const struct conf_key *key, struct bytes in, span_t *out)
{
    const enum trap_err err = num_span(in, SPAN_MS(key->max), out);

    return err == TRAP_OK && (uint64_t)out->ms < key->min ? TRAP_ERANGE : err;
}

static enum trap_err parse_span(const struct conf_key *key, struct bytes in, union conf_value *out,
                                struct err_text *why)
{
    (void)why;
    return parse_one_span(key, in, &out->span[0]);
}

static enum trap_err parse_delay(const struct conf_key *key, struct bytes in, union conf_value *out,
                                 struct err_text *why)
{
    const size_t dash = bytes_find(in, '-');
    enum trap_err err;

    (void)why;
    if (bytes_eq(in, BYTES("0"))) {
        out->span[0] = out->span[1] = SPAN_MS(0);
        return TRAP_OK;
    }
    if (dash == in.n)
        return TRAP_EINVAL;
    err = parse_one_span(key, bytes_take(in, dash), &out->span[0]);
    if (err == TRAP_OK)
        err = parse_one_span(key, bytes_skip(in, dash + 1), &out->span[1]);
    return err == TRAP_OK && out->span[0].ms > out->span[1].ms ? TRAP_ERANGE : err;
}

static enum trap_err parse_size(const struct conf_key *key, struct bytes in, union conf_value *out,
                                struct err_text *why)
{
    const enum trap_err err = num_size(in, key->max, &out->u);

    (void)why;
    return err == TRAP_OK && out->u < key->min ? TRAP_ERANGE : err;
}

static enum trap_err parse_milli(const struct conf_key *key, struct bytes in, union conf_value *out,
                                 struct err_text *why)
{
    uint32_t milli = 0;
    const enum trap_err err = num_milli(in, (uint32_t)key->max, &milli);

    (void)why;
    out->u = milli;
    return err == TRAP_OK && milli < key->min ? TRAP_ERANGE : err;
}

static enum trap_err parse_words(const struct conf_key *key, struct bytes in, union conf_value *out,
                                 struct err_text *why)
{
    (void)why;
    for (const struct conf_word *w = key->words; w->word != NULL; w++) {
        if (bytes_eq(in, bytes_str(w->word))) {
            out->u = (uint64_t)w->value;
            return TRAP_OK;
        }
    }
    return TRAP_EINVAL;
}

static enum trap_err parse_text(const struct conf_key *key, struct bytes in, union conf_value *out,
                                struct err_text *why)
{
    (void)why;
    if (in.n < key->min || in.n > key->max)
        return TRAP_ERANGE;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] < ' ' || in.p[i] > '~')
            return TRAP_EINVAL;
    out->text = in;
    return TRAP_OK;
}

static enum trap_err parse_path(const struct conf_key *key, struct bytes in, union conf_value *out,
                                struct err_text *why)
{
    if (in.n > 0 && in.p[0] != '/')
        return TRAP_EINVAL; /* a daemon has no directory of its own to start from */
    return parse_text(key, in, out, why);
}

static bool is_word_byte(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

static enum trap_err parse_word(const struct conf_key *key, struct bytes in, union conf_value *out,
                                struct err_text *why)
{
    union conf_value ignored;

    if (key->words != NULL) {
        out->text = in;
        return parse_words(key, in, &ignored, why);
    }
    for (size_t i = 0; i < in.n; i++)
        if (!is_word_byte(in.p[i]))
            return TRAP_EINVAL;
    return parse_text(key, in, out, why);
}

/* RFC 1035 2.3.1 and RFC 1123 2.1: labels of 1 to 63 letters, digits and inner hyphens. Returns their number,
 * 0 = malformed. */
static unsigned count_labels(struct bytes name)
{
    unsigned n = 0;
    struct bytes rest = name;
    struct bytes label;

    if (name.n == 0 || name.p[name.n - 1] == '.')
        return 0;
    for (; bytes_split(&rest, '.', &label); n++) {
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return 0;
        for (size_t i = 0; i < label.n; i++)
            if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
                return 0;
    }
    return n;
}

static enum trap_err parse_host(const struct conf_key *key, struct bytes in, union conf_value *out,
                                struct err_text *why)
{
    if (in.n > 1 && in.p[in.n - 1] == '.')
        in.n--;
    if (in.n > key->max)
        return TRAP_ERANGE;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] >= 0x80) {
            err_text_set(why, "a name with other than ASCII letters; write its \"xn--\" form");
            return TRAP_EINVAL;
        }
    }
    out->text = in;
    return count_labels(in) == 0 ? TRAP_EINVAL : TRAP_OK;
}

static enum trap_err parse_domain(const struct conf_key *key, struct bytes in, union conf_value *out,
                                  struct err_text *why)
{
    const enum trap_err err = parse_host(key, in, out, why);
    struct bytes last;
    struct ip ip;

    if (err != TRAP_OK)
        return err;
    last = bytes_skip(out->text, bytes_rfind(out->text, '.') + 1);
    if (count_labels(out->text) < 2 || (last.n > 0 && ascii_is_digit(last.p[0])) ||
        ip_parse(in, &ip) == TRAP_OK)
        return TRAP_EINVAL;
    return TRAP_OK;
}

static bool is_atext(uint8_t c) /* RFC 5322 3.2.3, ASCII only */
{
    static const struct bytes specials = BYTES_INIT("!#$%&'*+-/=?^_`{|}~");

    return ascii_is_alnum(c) || bytes_find(specials, c) < specials.n;
}

/* RFC 5322 3.2.3: dot-atom. */
static bool is_dot_atom(struct bytes text)
{
    struct bytes atom;

    if (text.n == 0 || text.p[text.n - 1] == '.')
        return false;
    while (bytes_split(&text, '.', &atom)) {
        if (atom.n == 0)
            return false;
        for (size_t i = 0; i < atom.n; i++)
            if (!is_atext(atom.p[i]))
                return false;
    }
    return true;
}

static enum trap_err parse_local(const struct conf_key *key, struct bytes in, union conf_value *out,
                                 struct err_text *why)
{
    (void)why;
    if (in.n > key->max)
        return TRAP_ERANGE;
    out->text = in;
    return is_dot_atom(in) ? TRAP_OK : TRAP_EINVAL;
}

static enum trap_err parse_address(const struct conf_key *key, struct bytes in, union conf_value *out,
                                   struct err_text *why)
{
    static const struct conf_key domain = { .type = CONF_DOMAIN, .min = 1, .max = 253 };
    const size_t at = bytes_rfind(in, '@');
    union conf_value name;

    if (in.n > key->max || at > 64)
        return TRAP_ERANGE;
    if (at == in.n || !is_dot_atom(bytes_take(in, at)))
        return TRAP_EINVAL;
    if (parse_domain(&domain, bytes_skip(in, at + 1), &name, why) != TRAP_OK)
        return TRAP_EINVAL;
    out->text = bytes_take(in, at + 1 + name.text.n);
    return TRAP_OK;
}

static enum trap_err parse_endpoint(const struct conf_key *key, struct bytes in, union conf_value *out,
                                    struct err_text *why)
{
    (void)key;
    (void)why;
    return ip_port_parse(in, &out->endpoint.ip, &out->endpoint.port);
}

static enum trap_err parse_socket(const struct conf_key *key, struct bytes in, union conf_value *out,
                                  struct err_text *why)
{
    union conf_value ignored;

    if (in.n > 0 && in.p[0] != '/' && parse_endpoint(key, in, &ignored, why) != TRAP_OK)
        return TRAP_EINVAL;
    return parse_text(key, in, out, why);
}

/* "10.0.0.1/8": says what the prefix would be. */
static void say_host_bits(struct bytes in, struct err_text *why)
{
    const size_t slash = bytes_find(in, '/');
    struct ip ip;
    uint32_t len = 0;

    if (ip_parse(bytes_take(in, slash), &ip) != TRAP_OK)
        return;
    if (num_u32(bytes_skip(in, slash + 1), 0, ip_is_v4(ip) ? 32 : 128, &len) != TRAP_OK)
        return;
    {
        char text[PREFIX_TEXT_MAX];
        const struct prefix p = prefix_of(ip, (uint8_t)(ip_is_v4(ip) ? len + 96 : len));
        err_text_set(why, "bits are set behind the prefix length; allowed: \"%s\"", prefix_text(p, text));
    }
}

static enum trap_err parse_prefix(const struct conf_key *key, struct bytes in, union conf_value *out,
                                  struct err_text *why)
{
    const enum trap_err err = prefix_parse(in, &out->prefix);

    (void)key;
    if (err == TRAP_ERANGE)
        say_host_bits(in, why);
    return err;
}

/* The largest networks that can be one organisation's own: 10.0.0.0/8, fc00::/7. */
static enum trap_err parse_trusted(const struct conf_key *key, struct bytes in, union conf_value *out,
                                   struct err_text *why)
{
    enum { V4_LEN_MIN = 8, V6_LEN_MIN = 7 };
    static const struct ip v4_mapped = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };
    const enum trap_err err = parse_prefix(key, in, out, why);
    const struct prefix p = out->prefix;

    if (err != TRAP_OK)
        return err;
    if (prefix_family_len(p) >= (ip_is_v4(p.ip) ? V4_LEN_MIN : V6_LEN_MIN) &&
        (p.len >= 104 || !ip_eq(prefix_of(v4_mapped, p.len).ip, p.ip)))
        return TRAP_OK;
    err_text_set(why,
                 "it would let anybody claim any address; allowed: your own networks, not wider than /%d "
                 "(IPv4) or /%d (IPv6)",
                 V4_LEN_MIN, V6_LEN_MIN);
    return TRAP_ERANGE;
}

/* The next word, without the blank behind it. */
static struct bytes next_word(struct bytes *in)
{
    struct bytes word = { NULL, 0 };

    (void)bytes_split(in, ' ', &word);
    return word;
}

/* "/24" in bits of the family; false: not such a thing. */
static bool read_length(struct bytes word, uint32_t max, uint32_t *out)
{
    return word.n > 1 && word.p[0] == '/' && num_u32(bytes_skip(word, 1), 1, max, out) == TRAP_OK;
}

/* "5 of /32 in /24": IPv4 up to /32, IPv6 beyond. Which rows make the members: config_check.c. */
static enum trap_err parse_escalation(const struct conf_key *key, struct bytes in, union conf_value *out,
                                      struct err_text *why)
{
    enum { V4_BITS = 32, V6_KEY_BITS = 64, V4_NET_MIN = 16, V6_NET_MIN = 32, V4_MAPPED = 96 };
    struct conf_escalation *const e = &out->escalation;
    uint32_t from = 0, to = 0;

    (void)why;
    if (num_u32(next_word(&in), (uint32_t)key->min, (uint32_t)key->max, &e->members) != TRAP_OK ||
        !bytes_eq(next_word(&in), BYTES("of")) || !read_length(next_word(&in), V6_KEY_BITS, &from) ||
        !bytes_eq(next_word(&in), BYTES("in")) || !read_length(in, V6_KEY_BITS, &to))
        return TRAP_EINVAL;
    e->v4 = from <= V4_BITS;
    if (to >= from || to < (e->v4 ? V4_NET_MIN : V6_NET_MIN))
        return TRAP_ERANGE;
    if (from - to < 32 && e->members > UINT32_C(1) << (from - to))
        return TRAP_ERANGE; /* more than there can be */
    e->from = (uint8_t)(from + (e->v4 ? V4_MAPPED : 0));
    e->to = (uint8_t)(to + (e->v4 ? V4_MAPPED : 0));
    return TRAP_OK;
}

/* ---- the table ---- */

static parse_fn *const parsers[CONF_TYPES] = {
    [CONF_U8] = parse_number,       [CONF_U32] = parse_number,         [CONF_U64] = parse_number,
    [CONF_COUNT] = parse_count,     [CONF_SPAN] = parse_span,          [CONF_DELAY] = parse_delay,
    [CONF_SIZE] = parse_size,       [CONF_MILLI] = parse_milli,        [CONF_BOOL] = parse_words,
    [CONF_ENUM] = parse_words,      [CONF_TEXT] = parse_text,          [CONF_PATH] = parse_path,
    [CONF_WORD] = parse_word,       [CONF_HOST] = parse_host,          [CONF_DOMAIN] = parse_domain,
    [CONF_ADDRESS] = parse_address, [CONF_SOCKET] = parse_socket,      [CONF_PATHS] = parse_path,
    [CONF_DOMAINS] = parse_domain,  [CONF_ENDPOINTS] = parse_endpoint, [CONF_PREFIXES] = parse_prefix,
    [CONF_TRUSTED] = parse_trusted, [CONF_LOCALS] = parse_local,       [CONF_ESCALATIONS] = parse_escalation,
    [CONF_FLAGS] = parse_words,
    [CONF_SPANS] = parse_span,
};

static bool is_printable(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return true;
}

enum trap_err conf_value_parse(const struct conf_key *key, struct bytes in, union conf_value *out,
                               struct err_text *why)
{
    enum { SHOWN_MAX = 60 };
    struct err_text detail = { "" };
    union conf_value v = { .span = { { 0 }, { 0 } } };
    const struct bytes shown = is_printable(in) ? bytes_take(in, SHOWN_MAX) : BYTES("(unprintable)");
    const enum trap_err err = parsers[key->type](key, in, &v, &detail);
    struct buf allowed;

    if (err == TRAP_OK) {
        *out = v;
        return TRAP_OK;
    }
    buf_init(&allowed, sizeof why->text);
    if (detail.text[0] == '\0') {
        const char *text;
        conf_allowed(key, &allowed);
        text = buf_cstr(&allowed);
        err_text_set(&detail, "allowed: %s", text == NULL ? "see trapline.conf(5)" : text);
        err_text_set(why, "%s: \"%.*s\" is not allowed; %.300s", key->name, (int)shown.n,
                     (const char *)shown.p, detail.text);
    } else {
        err_text_set(why, "%s: \"%.*s\": %.300s", key->name, (int)shown.n, (const char *)shown.p,
                     detail.text);
    }
    buf_free(&allowed);
    return err;
}
