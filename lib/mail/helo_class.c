#include <mail/helo_class.h>

enum { LABEL_MAX = 63, NAME_MAX_BYTES = 253, V6_DIGITS = 32, HOST_DIGITS = 16, V4_PARTS = 4, V4_AT = 12 };

/* ---- form ---- */

static bool is_literal_text(struct bytes in)
{
    struct ip ip;
    size_t colon;

    if (bytes_has_iprefix(in, BYTES("IPv6:")))
        return ip_parse(bytes_skip(in, 5), &ip) == TRAP_OK && bytes_find(bytes_skip(in, 5), ':') < in.n - 5;
    if (ip_parse(in, &ip) == TRAP_OK)
        return bytes_find(in, ':') == in.n;
    colon = bytes_find(in, ':');
    if (colon == 0 || colon + 1 >= in.n || !ascii_is_alnum(in.p[colon - 1]))
        return false;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] <= 0x20 || in.p[i] >= 0x7f || in.p[i] == '[' || in.p[i] == '\\' || in.p[i] == ']' ||
            (i < colon && !ascii_is_alnum(in.p[i]) && in.p[i] != '-'))
            return false;
    return ascii_is_alpha(in.p[0]); /* a tag is registered (IANA): a word */
}

static bool in_brackets(struct bytes s)
{
    return s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
}

static bool all_digits(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]))
            return false;
    return true;
}

static bool is_label(struct bytes s)
{
    size_t len;

    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i += len) {
        len = s.p[i] < 0x80 ? 1 : bytes_utf8_len(bytes_skip(s, i));
        if (len == 0 || (s.p[i] < 0x80 && !ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_'))
            return false;
    }
    return true;
}

static bool is_name(struct bytes s)
{
    struct bytes last = s;

    if (s.n == 0 || s.n > NAME_MAX_BYTES)
        return false;
    for (;;) {
        const size_t dot = bytes_find(last, '.');

        if (!is_label(bytes_take(last, dot)))
            return false;
        if (dot == last.n)
            break;
        last = bytes_skip(last, dot + 1);
    }
    return !all_digits(last);
}

/* ---- ours ---- */

static struct bytes without_dot(struct bytes s)
{
    return s.n > 1 && s.p[s.n - 1] == '.' ? bytes_take(s, s.n - 1) : s;
}

static bool is_our_address(struct bytes s, struct ip local)
{
    struct ip ip;

    if (in_brackets(s))
        s = bytes_take(bytes_skip(s, 1), s.n - 2);
    if (bytes_has_iprefix(s, BYTES("IPv6:")))
        s = bytes_skip(s, 5);
    return ip_parse(s, &ip) == TRAP_OK && ip_eq(ip, local);
}

static bool is_our_name(struct bytes s, const struct helo_context *context)
{
    if (context->is_own == NULL)
        return false;
    for (s = without_dot(s); s.n > 0; s = bytes_skip(s, bytes_find(s, '.') + 1))
        if (context->is_own(s, context->arg))
            return true;
    return false;
}

/* ---- the client's address in its name ---- */

/* The next run of at most 9 digits; false at the end of the name. */
static bool next_number(struct bytes *rest, uint32_t *out)
{
    size_t i = 0, n = 0;

    *out = 0;
    while (i < rest->n && !ascii_is_digit(rest->p[i]))
        i++;
    for (; i < rest->n && ascii_is_digit(rest->p[i]); i++, n++)
        *out = n < 9 ? *out * 10 + (rest->p[i] - '0') : UINT32_MAX;
    *rest = bytes_skip(*rest, i);
    return n > 0;
}

static bool has_numbers(struct bytes name, const uint8_t v4[V4_PARTS])
{
    uint32_t last[V4_PARTS] = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };

    while (next_number(&name, &last[V4_PARTS - 1])) {
        bool forward = true, backward = true;

        for (size_t i = 0; i < V4_PARTS; i++) {
            forward &= last[i] == v4[i];
            backward &= last[i] == v4[V4_PARTS - 1 - i];
        }
        if (forward || backward)
            return true;
        memmove(last, last + 1, sizeof(last) - sizeof(last[0]));
    }
    return false;
}

static bool has_text(struct bytes name, struct bytes text)
{
    for (size_t i = 0; i + text.n <= name.n; i++)
        if (bytes_ieq(bytes_take(bytes_skip(name, i), text.n), text))
            return true;
    return false;
}

/* All octets as digits of `base`, `width` each. */
static struct bytes digits_of(const uint8_t *octets, size_t n, bool backward, unsigned base, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    const size_t width = base == 16 ? 2 : 3;

    for (size_t i = 0; i < n; i++) {
        unsigned v = octets[backward ? n - 1 - i : i];

        for (size_t k = width; k-- > 0; v /= base)
            out[i * width + k] = (uint8_t)digits[v % base];
    }
    return bytes_of(out, n * width);
}

static bool has_v4(struct bytes name, struct ip client)
{
    const uint8_t *v4 = client.b + V4_AT;
    uint8_t text[V4_PARTS * 3];

    if (has_numbers(name, v4))
        return true;
    for (unsigned i = 0; i < 4; i++)
        if (has_text(name, digits_of(v4, V4_PARTS, i % 2 == 1, i < 2 ? 16 : 10, text)))
            return true;
    return false;
}

static void reverse(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const uint8_t swap = p[i];

        p[i] = p[n - 1 - i];
        p[n - 1 - i] = swap;
    }
}

/* The eight groups without leading zeros, with hyphens: 2001-db8-0-0-0-0-0-1. */
static struct bytes groups_of(const uint8_t digits[V6_DIGITS], uint8_t out[V6_DIGITS + 7])
{
    size_t n = 0;

    for (size_t i = 0; i < V6_DIGITS; i++) {
        if (i > 0 && i % 4 == 0)
            out[n++] = '-';
        if (digits[i] != '0' || i % 4 == 3 || (n > 0 && out[n - 1] != '-'))
            out[n++] = digits[i];
    }
    return bytes_of(out, n);
}

/* 2001:db8::1 is looked for as 2001-db8--1 and with all its groups. */
static bool has_v6_text(struct bytes name, struct ip client, const uint8_t digits[V6_DIGITS])
{
    uint8_t groups[V6_DIGITS + 7];
    char text[IP_TEXT_MAX];
    const size_t len = strlen(ip_text(client, text));

    for (size_t i = 0; i < len; i++)
        text[i] = text[i] == ':' ? '-' : text[i];
    return has_text(name, bytes_of(text, len)) || has_text(name, groups_of(digits, groups));
}

/* Its digits are looked for in a name of which only hexadecimal digits are left: "1.0.0.0..." of a reverse
 * name, 32 digits in a row, or the host part alone. */
static bool has_v6(struct bytes name, struct ip client)
{
    uint8_t only[NAME_MAX_BYTES], digits[V6_DIGITS];
    struct bytes kept;
    size_t n = 0;

    (void)digits_of(client.b, sizeof(client.b), false, 16, digits);
    if (has_v6_text(name, client, digits))
        return true;
    for (size_t i = 0; i < name.n && n < sizeof(only); i++)
        if (ascii_hex_value(name.p[i]) >= 0)
            only[n++] = name.p[i];
    kept = bytes_of(only, n);
    if (has_text(kept, bytes_of(digits + HOST_DIGITS, HOST_DIGITS)))
        return true;
    reverse(digits, sizeof(digits));
    return has_text(kept, bytes_of(digits, HOST_DIGITS));
}

static bool has_client(struct bytes name, struct ip client)
{
    if (ip_eq(client, IP_NOBODY))
        return false;
    return ip_is_v4(client) ? has_v4(name, client) : has_v6(name, client);
}

/* ---- words of generic names ---- */

static const struct bytes row_words[] = {
    BYTES_INIT("adsl"),       BYTES_INIT("broadband"), BYTES_INIT("cable"),  BYTES_INIT("catv"),
    BYTES_INIT("client"),     BYTES_INIT("cpe"),       BYTES_INIT("cust"),   BYTES_INIT("customer"),
    BYTES_INIT("dhcp"),       BYTES_INIT("dial"),      BYTES_INIT("dialin"), BYTES_INIT("dialup"),
    BYTES_INIT("dip"),        BYTES_INIT("docsis"),    BYTES_INIT("dsl"),    BYTES_INIT("dyn"),
    BYTES_INIT("dynamic"),    BYTES_INIT("dynip"),     BYTES_INIT("fiber"),  BYTES_INIT("fibre"),
    BYTES_INIT("ftth"),       BYTES_INIT("gprs"),      BYTES_INIT("lte"),    BYTES_INIT("mobile"),
    BYTES_INIT("nat"),        BYTES_INIT("pool"),      BYTES_INIT("pools"),  BYTES_INIT("ppp"),
    BYTES_INIT("pppoe"),      BYTES_INIT("rev"),       BYTES_INIT("static"), BYTES_INIT("umts"),
    BYTES_INIT("unassigned"), BYTES_INIT("user"),      BYTES_INIT("vdsl"),   BYTES_INIT("wifi"),
    BYTES_INIT("wlan"),       BYTES_INIT("xdsl"),
};
static const struct bytes mail_words[] = {
    BYTES_INIT("email"), BYTES_INIT("mail"), BYTES_INIT("mailer"), BYTES_INIT("mailout"),
    BYTES_INIT("mta"),   BYTES_INIT("mx"),   BYTES_INIT("out"),    BYTES_INIT("outbound"),
    BYTES_INIT("relay"), BYTES_INIT("smtp"),
};

static bool is_one_of(struct bytes word, const struct bytes *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_ieq(word, table[i]))
            return true;
    return false;
}

/* What stands left of the last two labels: those are the network's name, which may hold any word. */
static struct bytes host_part(struct bytes name)
{
    for (int labels = 0; labels < 2 && name.n > 0; labels++)
        name = bytes_take(name, bytes_rfind(name, '.') == name.n ? 0 : bytes_rfind(name, '.'));
    return name;
}

static bool is_of_a_row(struct bytes name)
{
    bool row = false, digit = false;
    struct bytes rest = host_part(name);

    while (rest.n > 0) {
        size_t n = 0;

        while (n < rest.n && ascii_is_alpha(rest.p[n]))
            n++;
        if (is_one_of(bytes_take(rest, n), mail_words, sizeof(mail_words) / sizeof(mail_words[0])))
            return false;
        row |= is_one_of(bytes_take(rest, n), row_words, sizeof(row_words) / sizeof(row_words[0]));
        digit |= n < rest.n && ascii_is_digit(rest.p[n]);
        rest = bytes_skip(rest, n + 1);
    }
    return row && digit;
}

/* ---- all ---- */

enum helo_class helo_class(struct bytes helo, const struct helo_context *context)
{
    struct ip ip;

    if (helo.n == 0)
        return HELO_NONE;
    if (is_our_address(helo, context->local) || is_our_name(helo, context))
        return HELO_OWN_NAME;
    if (in_brackets(helo))
        return is_literal_text(bytes_take(bytes_skip(helo, 1), helo.n - 2)) ? HELO_LITERAL : HELO_MALFORMED;
    if (ip_parse(helo, &ip) == TRAP_OK)
        return HELO_BARE_IP;
    if (!is_name(helo))
        return HELO_MALFORMED;
    if (bytes_find(helo, '.') == helo.n)
        return HELO_NO_DOT;
    return has_client(helo, context->client) || is_of_a_row(helo) ? HELO_DYNAMIC : HELO_NAME;
}

const char *helo_class_name(unsigned helo_class)
{
    static const char *const names[HELO_CLASSES] = {
        [HELO_NONE] = "none",       [HELO_NAME] = "name",           [HELO_OWN_NAME] = "own_name",
        [HELO_LITERAL] = "literal", [HELO_BARE_IP] = "bare_ip",     [HELO_NO_DOT] = "no_dot",
        [HELO_DYNAMIC] = "dynamic", [HELO_MALFORMED] = "malformed",
    };

    return helo_class < HELO_CLASSES ? names[helo_class] : "unknown";
}
