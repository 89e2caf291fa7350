/* spf_record.c - see spf_record.h. Names of mechanisms and modifiers in a table. */
#include <mail/dns_name.h>
#include <mail/spf_record.h>

#include <base/num.h>

enum argument {
    NO_ARGUMENT,      /* all */
    DOMAIN_NEEDED,    /* include, exists; redirect, exp */
    DOMAIN_IF_WANTED, /* ptr */
    DOMAIN_AND_LENGTHS,
    NETWORK4,
    NETWORK6
};
static const struct {
    struct bytes name;
    enum spf_kind kind;
    enum argument argument;
    bool modifier;
} terms_known[] = {
    { BYTES_INIT("all"), SPF_ALL, NO_ARGUMENT, false },
    { BYTES_INIT("include"), SPF_INCLUDE, DOMAIN_NEEDED, false },
    { BYTES_INIT("a"), SPF_A, DOMAIN_AND_LENGTHS, false },
    { BYTES_INIT("mx"), SPF_MX, DOMAIN_AND_LENGTHS, false },
    { BYTES_INIT("ptr"), SPF_PTR, DOMAIN_IF_WANTED, false },
    { BYTES_INIT("ip4"), SPF_IP4, NETWORK4, false },
    { BYTES_INIT("ip6"), SPF_IP6, NETWORK6, false },
    { BYTES_INIT("exists"), SPF_EXISTS, DOMAIN_NEEDED, false },
    { BYTES_INIT("redirect"), SPF_REDIRECT, DOMAIN_NEEDED, true },
    { BYTES_INIT("exp"), SPF_EXP, DOMAIN_NEEDED, true },
};
enum { KNOWN = sizeof terms_known / sizeof terms_known[0] };

bool spf_begin(struct bytes txt, struct bytes *terms_out)
{
    static const struct bytes version = BYTES_INIT("v=spf1");

    if (!bytes_has_iprefix(txt, version) || (txt.n > version.n && txt.p[version.n] != ' '))
        return false;
    *terms_out = bytes_skip(txt, version.n);
    return true;
}

/* A length without leading zeros ("0", "24"). */
static enum trap_err read_length(struct bytes in, uint32_t max, uint8_t *out)
{
    uint32_t v = 0;

    if (in.n == 0 || in.n > 3 || (in.n > 1 && in.p[0] == '0') || num_u32(in, 0, max, &v) != TRAP_OK)
        return TRAP_EINVAL;
    *out = (uint8_t)v;
    return TRAP_OK;
}

/* "/24", "//64", "/24//64" or nothing. */
static enum trap_err read_lengths(struct bytes in, struct spf_term *t)
{
    size_t n;

    if (in.n >= 2 && in.p[0] == '/' && in.p[1] == '/')
        return read_length(bytes_skip(in, 2), 128, &t->len6);
    if (in.n == 0)
        return TRAP_OK;
    in = bytes_skip(in, 1);
    n = bytes_find(in, '/');
    if (read_length(bytes_take(in, n), 32, &t->len4) != TRAP_OK)
        return TRAP_EINVAL;
    in = bytes_skip(in, n);
    if (in.n == 0)
        return TRAP_OK;
    if (in.n < 2 || in.p[1] != '/')
        return TRAP_EINVAL;
    return read_length(bytes_skip(in, 2), 128, &t->len6);
}

static enum trap_err read_domain(struct bytes in, struct spf_term *t)
{
    char text[DNS_NAME_TEXT_MAX];

    t->domain = in;
    t->macro = bytes_find(in, '%') < in.n;
    if (t->macro)
        return in.n <= DNS_NAME_MAX ? TRAP_OK : TRAP_EINVAL;
    return dns_name_read(in, text);
}

/* ":domain", then lengths; both may be missing. In a macro "/" may be part of the name: it is not cut. */
static enum trap_err read_host(struct bytes in, struct spf_term *t)
{
    size_t n = bytes_find(in, '/');

    if (in.n == 0 || in.p[0] != ':')
        return read_lengths(in, t);
    if (bytes_find(in, '%') < in.n)
        return read_domain(bytes_skip(in, 1), t);
    if (read_domain(bytes_skip(bytes_take(in, n), 1), t) != TRAP_OK)
        return TRAP_EINVAL;
    return read_lengths(bytes_skip(in, n), t);
}

static enum trap_err read_network(struct bytes in, bool v4, struct spf_term *t)
{
    const size_t n = bytes_find(in, '/');
    const uint32_t max = v4 ? 32 : 128;
    uint8_t len = (uint8_t)max;
    struct ip ip;

    if (ip_parse(bytes_take(in, n), &ip) != TRAP_OK)
        return TRAP_EINVAL;
    if ((bytes_find(in, ':') == in.n) != v4) /* written as the other family */
        return TRAP_EINVAL;
    if (n < in.n && read_length(bytes_skip(in, n + 1), max, &len) != TRAP_OK)
        return TRAP_EINVAL;
    t->prefix = prefix_of(ip, (uint8_t)(v4 ? 96 + len : len));
    return TRAP_OK;
}

static enum trap_err read_argument(enum argument a, struct bytes in, struct spf_term *t)
{
    const bool has_value = in.n > 0 && in.p[0] == ':';
    const struct bytes value = bytes_skip(in, 1);

    switch (a) {
    case NO_ARGUMENT:
        return in.n == 0 ? TRAP_OK : TRAP_EINVAL;
    case DOMAIN_AND_LENGTHS:
        return read_host(in, t);
    case DOMAIN_IF_WANTED:
        if (in.n == 0)
            return TRAP_OK;
        return has_value ? read_domain(value, t) : TRAP_EINVAL;
    case DOMAIN_NEEDED:
        return has_value ? read_domain(value, t) : TRAP_EINVAL;
    case NETWORK4:
    case NETWORK6:
        return has_value ? read_network(value, a == NETWORK4, t) : TRAP_EINVAL;
    }
    return TRAP_EINVAL;
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static bool is_modifier_name(struct bytes in)
{
    if (in.n == 0 || !ascii_is_alpha(in.p[0]))
        return false;
    for (size_t i = 0; i < in.n; i++)
        if (!ascii_is_alnum(in.p[i]) && in.p[i] != '-' && in.p[i] != '_' && in.p[i] != '.')
            return false;
    return true;
}

/* The first of ":", "/" and "=" ends the name; "=" makes it a modifier. */
static enum trap_err read_term(struct bytes in, struct spf_term *t)
{
    bool qualified = false;
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] <= ' ' || in.p[i] > '~')
            return TRAP_EINVAL;
    if (in.n > 0 && (in.p[0] == '+' || in.p[0] == '-' || in.p[0] == '~' || in.p[0] == '?')) {
        qualified = true;
        t->qualifier = (char)in.p[0];
        in = bytes_skip(in, 1);
    }
    while (n < in.n && in.p[n] != ':' && in.p[n] != '/' && in.p[n] != '=')
        n++;
    const bool modifier = n < in.n && in.p[n] == '=';
    const struct bytes name = bytes_take(in, n);
    if (modifier && qualified)
        return TRAP_EINVAL;
    for (size_t i = 0; i < KNOWN; i++) {
        if (terms_known[i].modifier != modifier || !bytes_ieq(name, terms_known[i].name))
            continue;
        t->kind = terms_known[i].kind;
        if (modifier)
            return read_domain(bytes_skip(in, n + 1), t);
        return read_argument(terms_known[i].argument, bytes_skip(in, n), t);
    }
    t->kind = SPF_MODIFIER;
    return modifier && is_modifier_name(name) ? TRAP_OK : TRAP_EINVAL;
}

enum trap_err spf_next(struct bytes *terms, struct spf_term *out)
{
    struct spf_term t = { .qualifier = '+', .len4 = 32, .len6 = 128 };
    struct bytes in = *terms;
    enum trap_err err;
    size_t n;

    while (in.n > 0 && in.p[0] == ' ')
        in = bytes_skip(in, 1);
    if (in.n == 0)
        return TRAP_ENOENT;
    n = bytes_find(in, ' ');
    err = read_term(bytes_take(in, n), &t);
    if (err != TRAP_OK)
        return err;
    *terms = bytes_skip(in, n);
    *out = t;
    return TRAP_OK;
}
