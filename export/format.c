/* format.c - what a line of each format looks like: a table. */
#include "format.h"

#include "zone_type.h"

enum { MS_PER_S = 1000, US_PER_MS = 1000, COMMENTS = 3 };

typedef void put_fn(const struct format_file *f, struct buf *out);

struct format {
    const char *name;
    const char *what;     /* where it goes, for the head */
    const char *lead;     /* before the prefix */
    bool comments;        /* the head begins with lines of "# " */
    put_fn *const *head;  /* further lines of the head, NULL ends */
    const char *foot;     /* NULL: none */
    bool bare_when_empty; /* without entries neither the last line of the head nor the foot */
    void (*tail)(const struct format_file *f, const struct zone_entry *e, struct buf *out);
};

static bool has_end(const struct zone_entry *e)
{
    return e->until.us > 0 && e->until.us != LISTING_NO_END.us;
}

static wall_t stale_at(const struct format_file *f)
{
    return wall_add(f->as_of, f->stale_after);
}

static void put_time(struct buf *out, wall_t t)
{
    char text[WALL_TEXT_MAX];

    buf_add_str(out, wall_text(t, text));
}

static void put_answer(struct buf *out, uint32_t value)
{
    uint8_t text[16];
    const uint8_t *end = zone_put_value(text, value);

    buf_add(out, bytes_of(text, (size_t)(end - text)));
}

/* The zone's text about this entry, each byte of `quote` written twice or behind a backslash. */
static void put_text(const struct format_file *f, const struct zone_entry *e, const char *quote,
                     uint8_t escape, struct buf *out)
{
    const struct bytes t = bytes_str(f->text), q = bytes_str(quote);
    char prefix[PREFIX_TEXT_MAX];

    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '$' && (i + 1 == t.n || t.p[i + 1] != '$')) {
            buf_add_str(out, prefix_text(e->prefix, prefix));
            continue;
        }
        i += t.p[i] == '$';
        if (bytes_find(q, t.p[i]) < q.n)
            buf_add_byte(out, escape);
        buf_add_byte(out, t.p[i]);
    }
}

/* ---- tails ---- */

static void tail_none(const struct format_file *f, const struct zone_entry *e, struct buf *out)
{
    (void)f;
    (void)e;
    (void)out;
}

static void tail_semicolon(const struct format_file *f, const struct zone_entry *e, struct buf *out)
{
    (void)f;
    (void)e;
    buf_add_byte(out, ';');
}

static void tail_postfix(const struct format_file *f, const struct zone_entry *e, struct buf *out)
{
    buf_add_str(out, " REJECT ");
    put_text(f, e, "", 0, out);
}

/* The kernel drops the entry by itself: at its end, and never later than the whole file goes stale. */
static void tail_nftables(const struct format_file *f, const struct zone_entry *e, struct buf *out)
{
    const int64_t stale = f->stale_after.ms / MS_PER_S,
                  own = has_end(e) ? (e->until.us - f->as_of.us) / US_PER_MS / MS_PER_S : stale;
    const int64_t s = own < stale ? own : stale;

    buf_add_str(out, " timeout ");
    buf_add_i64(out, s < 1 ? 1 : s);
    buf_add_str(out, "s,");
}

static void tail_csv(const struct format_file *f, const struct zone_entry *e, struct buf *out)
{
    buf_add_byte(out, ',');
    put_answer(out, e->value);
    buf_addf(out, ",%s,", listing_reason_name((enum listing_reason)e->reason));
    if (has_end(e))
        put_time(out, e->until);
    buf_addf(out, ",%s,%u,", f->name, f->serial);
    put_time(out, f->as_of);
    buf_add_byte(out, ',');
    put_time(out, stale_at(f));
    buf_add_str(out, ",\"");
    put_text(f, e, "\"", '"', out);
    buf_add_byte(out, '"');
}

static void tail_jsonl(const struct format_file *f, const struct zone_entry *e, struct buf *out)
{
    buf_add_str(out, "\",\"answer\":\"");
    put_answer(out, e->value);
    buf_addf(out, "\",\"reason\":\"%s\",\"until\":", listing_reason_name((enum listing_reason)e->reason));
    if (has_end(e)) {
        buf_add_byte(out, '"');
        put_time(out, e->until);
        buf_add_byte(out, '"');
    } else {
        buf_add_str(out, "null");
    }
    buf_add_str(out, ",\"text\":\"");
    put_text(f, e, "\"\\", '\\', out);
    buf_add_str(out, "\"}");
}

/* ---- heads ---- */

static void head_csv(const struct format_file *f, struct buf *out)
{
    (void)f;
    buf_add_str(out, "prefix,answer,reason,until,list,serial,made,stale,text");
}

static void head_jsonl(const struct format_file *f, struct buf *out)
{
    buf_addf(out, "{\"list\":\"%s\",\"serial\":%u,\"made\":\"", f->name, f->serial);
    put_time(out, f->as_of);
    buf_add_str(out, "\",\"stale\":\"");
    put_time(out, stale_at(f));
    buf_addf(out, "\",\"entries\":%zu}", f->n);
}

/* In table inet trapline; zone names have no byte that nft's names lack. */
static void put_set(const struct format_file *f, struct buf *out)
{
    buf_addf(out, "set inet trapline trapline-%s.%s", f->name,
             f->type == ZONE_TYPE_IP6   ? "ip6"
             : f->type == ZONE_TYPE_IP4 ? "ip4"
                                        : "httpbl");
}

static void head_nft_table(const struct format_file *f, struct buf *out)
{
    (void)f;
    buf_add_str(out, "add table inet trapline");
}

static void head_nft_set(const struct format_file *f, struct buf *out)
{
    buf_add_str(out, "add ");
    put_set(f, out);
    buf_addf(out, " { type %s; flags interval, timeout; }",
             f->type == ZONE_TYPE_IP6 ? "ipv6_addr" : "ipv4_addr");
}

static void head_nft_flush(const struct format_file *f, struct buf *out)
{
    buf_add_str(out, "flush ");
    put_set(f, out);
}

static void head_nft_open(const struct format_file *f, struct buf *out)
{
    struct buf set;

    buf_init(&set, ZONE_FILE_NAME_MAX * 2);
    put_set(f, &set);
    buf_add_str(out, "add element ");
    buf_add(out, bytes_skip(buf_bytes(&set), sizeof("set ") - 1));
    buf_add_str(out, " {");
    if (set.err != TRAP_OK && out->err == TRAP_OK)
        out->err = set.err;
    buf_free(&set);
}

static put_fn *const csv_head[] = { head_csv, NULL };
static put_fn *const jsonl_head[] = { head_jsonl, NULL };
static put_fn *const nft_head[] = { head_nft_table, head_nft_set, head_nft_flush, head_nft_open, NULL };
static put_fn *const no_head[] = { NULL };

static const struct format formats[ZONE_FORMATS] = {
    [ZONE_FORMAT_CIDR] = { "cidr", "plain networks, one a line", "", true, no_head, NULL, false, tail_none },
    [ZONE_FORMAT_POSTFIX] = { "postfix", "cidr table of Postfix (cidr_table(5))", "", true, no_head, NULL,
                              false, tail_postfix },
    [ZONE_FORMAT_NFTABLES] = { "nftables", "set of nftables, for nft -f", "", true, nft_head, "}", true,
                               tail_nftables },
    [ZONE_FORMAT_NGINX] = { "nginx", "deny list of nginx, for include", "deny ", true, no_head, NULL, false,
                            tail_semicolon },
    [ZONE_FORMAT_APACHE] = { "apache", "deny list of Apache, for Include in <RequireAll>", "Require not ip ",
                             true, no_head, NULL, false, tail_none },
    [ZONE_FORMAT_HAPROXY] = { "haproxy", "list of HAProxy, for acl ... src -f", "", true, no_head, NULL,
                              false, tail_none },
    [ZONE_FORMAT_CSV] = { "csv", "", "", false, csv_head, NULL, false, tail_csv },
    [ZONE_FORMAT_JSONL] = { "jsonl", "", "{\"prefix\":\"", false, jsonl_head, NULL, false, tail_jsonl },
};

const char *format_name(enum zone_format format)
{
    return formats[format].name;
}

static size_t own_heads(const struct format *t)
{
    size_t n = 0;

    while (t->head[n] != NULL)
        n++;
    return n;
}

size_t format_head_lines(enum zone_format format)
{
    return own_heads(&formats[format]) + (formats[format].comments ? COMMENTS : 0);
}

static void put_comment(const struct format_file *f, size_t i, struct buf *out)
{
    buf_add_str(out, "# ");
    if (i == 0)
        buf_addf(out, "%s: %s", f->name, formats[f->format].what);
    if (i == 1) {
        buf_add_str(out, "made ");
        put_time(out, f->as_of);
        buf_addf(out, ", serial %u, entries %zu", f->serial, f->n);
    }
    if (i == 2) {
        buf_add_str(out, "not to be used after ");
        put_time(out, stale_at(f));
    }
}

bool format_line(const struct format_file *f, size_t i, struct buf *out)
{
    const struct format *t = &formats[f->format];
    const size_t comments = t->comments ? COMMENTS : 0, bare = t->bare_when_empty && f->n == 0,
                 heads = comments + own_heads(t) - bare;
    char prefix[PREFIX_TEXT_MAX];

    if (i < comments) {
        put_comment(f, i, out);
    } else if (i < heads) {
        t->head[i - comments](f, out);
    } else if (i - heads < f->n) {
        const struct zone_entry *e = &f->v[i - heads];

        buf_add_str(out, t->lead);
        buf_add_str(out, prefix_text(e->prefix, prefix));
        t->tail(f, e, out);
    } else if (i - heads == f->n && t->foot != NULL && !bare) {
        buf_add_str(out, t->foot);
    } else {
        return false;
    }
    buf_add_byte(out, '\n');
    return true;
}

enum trap_err format_get(enum zone_format format, struct bytes line, struct prefix *out)
{
    const struct bytes lead = bytes_str(formats[format].lead);
    size_t n = 0;

    if (!bytes_has_prefix(line, lead))
        return TRAP_EINVAL;
    line = bytes_skip(line, lead.n);
    while (n < line.n &&
           (ascii_is_alnum(line.p[n]) || line.p[n] == '.' || line.p[n] == ':' || line.p[n] == '/'))
        n++;
    return prefix_parse(bytes_take(line, n), out);
}
