/* config_allowed.c - what a key allows, in words: for error texts and for trapline.conf(5). */
#include "config_schema.h"

static const char path_form[] = "a path that begins with \"/\"";
static const char domain_form[] =
    "a domain name like \"example.net\": labels of letters, digits and hyphens, at most 63 each";
static const char network_form[] = "a network like \"192.0.2.0/24\" or \"2001:db8::/32\", or an address";

/* What is allowed, in words; the other types have a range or a list of words. */
static const char *const forms[CONF_TYPES] = {
    [CONF_PATH] = path_form,
    [CONF_PATHS] = path_form,
    [CONF_WORD] = "letters, digits, \"-\", \"_\" and \".\"",
    [CONF_HOST] = "a host name like \"mx.example.net\"",
    [CONF_DOMAIN] = domain_form,
    [CONF_DOMAINS] = domain_form,
    [CONF_LOCALS] = "the part of an address before the \"@\", without quotes, at most 64 characters",
    [CONF_ADDRESS] = "an address like \"sales@example.net\", without quotes inside",
    [CONF_SOCKET] = "a path that begins with \"/\", or IP:PORT, or \"\"",
    [CONF_ENDPOINTS] = "IP:PORT like \"127.0.0.1:8080\" or \"[::]:25\"",
    [CONF_PREFIXES] = network_form,
    [CONF_TRUSTED] = network_form,
    [CONF_ESCALATIONS] = "\"5 of /32 in /24\": how many listed members (2 or more), their length, that of the network; IPv4 "
                         "networks from /16, IPv6 networks from /32, each shorter than its members",
};

static void add_unit(struct buf *out, uint64_t v, const uint64_t *sizes, const char *const *names)
{
    size_t i = 0;

    while (v % sizes[i] != 0 || v == 0) {
        if (sizes[i] == 1)
            break;
        i++;
    }
    buf_add_u64(out, v / sizes[i]);
    buf_add_str(out, v == 0 ? "" : names[i]);
}

static void add_span(struct buf *out, uint64_t ms)
{
    static const uint64_t sizes[] = { 86400000, 3600000, 60000, 1000, 1 };
    static const char *const names[] = { "d", "h", "m", "s", "ms" };

    add_unit(out, ms, sizes, names);
}

static void add_size(struct buf *out, uint64_t n)
{
    static const uint64_t sizes[] = { 1 << 30, 1 << 20, 1 << 10, 1 };
    static const char *const names[] = { "G", "M", "k", "" };

    add_unit(out, n, sizes, names);
}

static void add_milli(struct buf *out, uint64_t milli)
{
    buf_add_u64(out, milli / 1000);
    if (milli % 1000 != 0)
        buf_addf(out, ".%03u", (unsigned)(milli % 1000));
}

static void add_words(struct buf *out, const struct conf_word *words)
{
    for (const struct conf_word *w = words; w->word != NULL; w++)
        buf_addf(out, "%s%s", w == words ? "" : ", ", w->word);
}

typedef void add_fn(struct buf *out, uint64_t v);

static void add_range(struct buf *out, const char *what, const struct conf_key *key, add_fn *add)
{
    buf_addf(out, "%s from ", what);
    add(out, key->min);
    buf_add_str(out, " to ");
    add(out, key->max);
}

void conf_allowed(const struct conf_key *key, struct buf *out)
{
    static const struct {
        enum conf_type type;
        const char *what;
        add_fn *add;
    } ranges[] = {
        { CONF_U8, "a whole number", buf_add_u64 },
        { CONF_U32, "a whole number", buf_add_u64 },
        { CONF_U64, "a whole number", buf_add_u64 },
        { CONF_COUNT, "\"any\", or a whole number", buf_add_u64 },
        { CONF_SPAN, "a length of time like \"30s\", \"5m\", \"12h\" or \"7d\",", add_span },
        { CONF_SPANS, "a length of time like \"12h\" or \"7d\",", add_span },
        { CONF_DELAY, "\"0\", or two lengths of time like \"10m-60m\", each", add_span },
        { CONF_SIZE, "a size like \"64k\" or \"10M\",", add_size },
        { CONF_MILLI, "a number with at most three decimals,", add_milli },
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i].type == key->type)
            add_range(out, ranges[i].what, key, ranges[i].add);
    if (key->words != NULL)
        add_words(out, key->words);
    else if (key->type == CONF_TEXT)
        buf_addf(out, "printable ASCII text, %u to %u bytes", (unsigned)key->min, (unsigned)key->max);
    else if (forms[key->type] != NULL)
        buf_addf(out, "%s%s", forms[key->type],
                 key->min == 0 && key->max > 0 && key->type != CONF_SOCKET ? ", or \"\"" : "");
}
