#include <mail/smtp_path.h>

#include <base/ip.h>
#include <mail/smtp_line.h>

/* Classes of octets. Everything that is neither control, blank nor one of the few that give a path its shape
 * may stand in a sloppy local-part; atext (RFC 5322 3.2.3), "." and octets above 127 may stand in a proper
 * one. */
static bool is_atext(uint8_t c)
{
    return ascii_is_alnum(c) || c >= 0x80 || (c != 0 && memchr("!#$%&'*+-/=?^_`{|}~", c, 19) != NULL);
}

static bool is_sloppy_text(uint8_t c)
{
    return c > 0x20 && c != 0x7f && c != '<' && c != '>' && c != '@' && c != '"';
}

static bool is_domain_text(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c >= 0x80;
}

/* Reads the input from the left; the first mistake sticks. */
struct cursor {
    struct bytes in;
    bool bad;
};

static int peek(const struct cursor *c)
{
    return c->in.n > 0 ? c->in.p[0] : -1;
}

static bool take(struct cursor *c, uint8_t want)
{
    if (peek(c) != want)
        return false;
    c->in = bytes_skip(c->in, 1);
    return true;
}

static struct bytes take_n(struct cursor *c, size_t n)
{
    const struct bytes s = bytes_take(c->in, n);

    c->in = bytes_skip(c->in, n);
    return s;
}

/* Letters, digits, hyphens, single dots between them; one dot at the end is sloppy. */
static struct bytes read_name(struct cursor *c, struct smtp_path *out)
{
    struct bytes name;
    size_t n = 0;

    while (n < c->in.n && (is_domain_text(c->in.p[n]) || c->in.p[n] == '.'))
        n++;
    name = take_n(c, n);
    if (name.n > 1 && name.p[name.n - 1] == '.') {
        name = bytes_take(name, name.n - 1);
        out->sloppy = true;
    }
    c->bad |= name.n == 0 || name.p[0] == '.' || name.p[name.n - 1] == '.';
    for (size_t i = 1; i < name.n; i++)
        c->bad |= name.p[i] == '.' && name.p[i - 1] == '.';
    return name;
}

/* "[" IPv4 / "IPv6:" address / tag ":" dcontent "]" */
static struct bytes read_literal(struct cursor *c, struct smtp_path *out)
{
    const size_t end = bytes_find(c->in, ']');
    const struct bytes whole = take_n(c, end + 1);
    struct bytes inner;
    struct ip ip;

    out->literal = true;
    if (whole.n < 3 || whole.p[whole.n - 1] != ']') {
        c->bad = true;
        return whole;
    }
    inner = bytes_of(whole.p + 1, whole.n - 2);
    if (bytes_has_iprefix(inner, BYTES("IPv6:"))) {
        inner = bytes_skip(inner, 5);
        c->bad |= ip_parse(inner, &ip) != TRAP_OK || bytes_find(inner, ':') == inner.n;
        return whole;
    }
    if (ip_parse(inner, &ip) == TRAP_OK) {
        c->bad |= !ip_is_v4(ip) || bytes_find(inner, ':') != inner.n;
        return whole;
    }
    c->bad |= bytes_find(inner, ':') == inner.n || !ascii_is_alpha(inner.p[0]) || inner.p[inner.n - 1] == ':';
    for (size_t i = 0; i < inner.n; i++)
        c->bad |= inner.p[i] <= 0x20 || inner.p[i] >= 0x7f || inner.p[i] == '[' || inner.p[i] == '\\' ||
                  inner.p[i] == '"';
    return whole;
}

static struct bytes read_domain(struct cursor *c, struct smtp_path *out)
{
    return peek(c) == '[' ? read_literal(c, out) : read_name(c, out);
}

/* DQUOTE *QcontentSMTP DQUOTE. Quotes that are not needed go: "bob"@x and bob@x are one mailbox. */
static struct bytes read_quoted(struct cursor *c, struct smtp_path *out)
{
    bool needed = false;
    uint8_t before = '.';
    size_t n = 1;

    while (n < c->in.n && c->in.p[n] != '"') {
        uint8_t ch = c->in.p[n++];

        needed |= ch == '.' ? before == '.' : !is_atext(ch);
        before = ch;
        if (ch == '\\' && n < c->in.n) /* quoted-pairSMTP: the next octet stands for itself */
            ch = c->in.p[n++];
        c->bad |= ch < 0x20 || ch == 0x7f;
    }
    if (n >= c->in.n) {
        c->bad = true;
        return (struct bytes){ NULL, 0 };
    }
    needed |= before == '.';
    out->quoted = needed;
    return needed ? take_n(c, n + 1) : bytes_skip(bytes_take(take_n(c, n + 1), n), 1);
}

static struct bytes read_local(struct cursor *c, struct smtp_path *out)
{
    uint8_t before = '.';
    size_t n = 0;

    if (peek(c) == '"')
        return read_quoted(c, out);
    while (n < c->in.n && is_sloppy_text(c->in.p[n])) {
        const uint8_t ch = c->in.p[n];

        out->sloppy |= ch == '.' ? before == '.' : !is_atext(ch);
        before = ch;
        n++;
    }
    out->sloppy |= before == '.';
    c->bad |= n == 0;
    return take_n(c, n);
}

/* "@one,@two:" in front of the mailbox */
static void read_route(struct cursor *c, struct smtp_path *out)
{
    if (peek(c) != '@')
        return;
    out->route = true;
    while (!c->bad && take(c, '@')) {
        (void)read_domain(c, out);
        if (!take(c, ','))
            break;
        c->bad |= peek(c) != '@';
    }
    out->literal = false;
    c->bad |= !take(c, ':');
}

static void read_mailbox(struct cursor *c, struct smtp_path *out, enum smtp_path_kind kind, bool bracketed)
{
    read_route(c, out);
    if (c->bad)
        return;
    out->local = read_local(c, out);
    if (c->bad)
        return;
    if (take(c, '@')) {
        out->domain = read_domain(c, out);
        return;
    }
    /* Without a domain: <postmaster> by RFC 5321 4.5.1; a reverse-path like <root> by negligence. */
    if (kind == SMTP_FORWARD_PATH)
        c->bad |= !bytes_ieq(out->local, BYTES("postmaster"));
    else
        c->bad |= !bracketed;
    out->sloppy |= kind == SMTP_REVERSE_PATH;
}

enum trap_err smtp_path_parse(struct bytes in, enum smtp_path_kind kind, struct smtp_path *out,
                              struct bytes *rest_out)
{
    struct cursor c = { .in = in };
    struct smtp_path path = { .null = false };
    const bool bracketed = take(&c, '<');

    if (bracketed && take(&c, '>')) {
        path.null = true;
        c.bad = kind != SMTP_REVERSE_PATH;
    } else {
        path.sloppy = !bracketed;
        read_mailbox(&c, &path, kind, bracketed);
        c.bad |= bracketed && !take(&c, '>');
    }
    if (c.bad || (c.in.n > 0 && c.in.p[0] != ' ' && c.in.p[0] != '\t'))
        return TRAP_EINVAL;
    if (path.local.n + path.domain.n + 1 > SMTP_ADDRESS_MAX)
        return TRAP_EINVAL;
    for (size_t i = 0; i < path.local.n + path.domain.n && !path.utf8; i++)
        path.utf8 = (i < path.local.n ? path.local.p[i] : path.domain.p[i - path.local.n]) >= 0x80;
    if (path.utf8 && (!smtp_is_utf8(path.local) || !smtp_is_utf8(path.domain)))
        return TRAP_EINVAL;
    *out = path;
    *rest_out = bytes_trim(c.in);
    return TRAP_OK;
}
