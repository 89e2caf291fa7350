#include <mail/links.h>

#include "link_host.h"

void links_init(struct links *l)
{
    l->hosts_n = l->mail_n = l->reference_n = 0;
    l->more = l->in_reference = false;
    l->word_n = 0;
}

/* ---- what is found ---- */

static void host_add(struct links *l, const char *host)
{
    for (size_t i = 0; i < l->hosts_n; i++)
        if (strcmp(l->hosts[i], host) == 0)
            return;
    if (l->hosts_n == LINKS_HOSTS_MAX)
        l->more = true;
    else
        memcpy(l->hosts[l->hosts_n++], host, strlen(host) + 1);
}

static bool is_local(uint8_t c)
{
    return ascii_is_alnum(c) || (c != 0 && strchr(".!#$%*+-^_`{|}~", c) != NULL);
}

static bool is_name(uint8_t c)
{
    return ascii_is_alnum(c) || c == '.' || c == '-' || c >= 128;
}

/* The address around the "@" at `at`. What cannot stand at an edge is of the sentence, or of a URL. */
static void mail_add(struct links *l, struct bytes word, size_t at)
{
    size_t begin = at, end = at + 1, n;
    char name[DNS_NAME_TEXT_MAX], text[LINKS_MAIL_TEXT_MAX];

    while (begin > 0 && at - begin <= LINKS_LOCAL_MAX && is_local(word.p[begin - 1]))
        begin--;
    while (end < word.n && end - at <= DNS_NAME_MAX && is_name(word.p[end]))
        end++;
    while (end > at + 1 && (word.p[end - 1] == '.' || word.p[end - 1] == '-'))
        end--;
    while (begin < at && !ascii_is_alnum(word.p[begin]) && word.p[begin] != '_')
        begin++;
    n = at - begin;
    if (n == 0 || n > LINKS_LOCAL_MAX ||
        link_name_read(bytes_of(word.p + at + 1, end - at - 1), name) != TRAP_OK)
        return;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)ascii_lower(word.p[begin + i]);
    text[n] = '@';
    memcpy(text + n + 1, name, strlen(name) + 1);
    for (size_t i = 0; i < l->mail_n; i++)
        if (strcmp(l->mail[i], text) == 0)
            return;
    if (l->mail_n == LINKS_MAIL_MAX)
        l->more = true;
    else
        memcpy(l->mail[l->mail_n++], text, strlen(text) + 1);
}

/* ---- where it is ---- */

static bool is_slash(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* Does a scheme end before the colon at `at`? */
static bool is_scheme(struct bytes word, size_t at)
{
    static const struct bytes schemes[] = { BYTES_INIT("http"), BYTES_INIT("https"), BYTES_INIT("ftp"),
                                            BYTES_INIT("hxxp"), BYTES_INIT("hxxps") };
    const struct bytes before = bytes_take(word, at);

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (bytes_has_isuffix(before, schemes[i]))
            return true;
    return false;
}

/* Reads the host that begins at `at`. Returns where its authority ends. */
static size_t host_at(struct links *l, struct bytes word, size_t at)
{
    char host[DNS_NAME_TEXT_MAX];
    size_t end = at;

    while (end < word.n && !is_slash(word.p[end]) && strchr("?#,;)&", word.p[end]) == NULL)
        end++;
    if (link_authority_read(bytes_of(word.p + at, end - at), host) == TRAP_OK)
        host_add(l, host);
    return end;
}

static void word_search(struct links *l, struct bytes word, bool html)
{
    unsigned tries = 0;
    size_t from = 0;

    if (bytes_has_iprefix(word, BYTES("www.")) || bytes_has_iprefix(word, BYTES("(www.")))
        from = host_at(l, word, word.p[0] == '(' ? 1 : 0);
    else if (html && bytes_has_prefix(word, BYTES("//")))
        from = host_at(l, word, 2);
    for (size_t i = from; i < word.n && tries < LINKS_IN_WORD; i++) {
        if (word.p[i] == ':' && i + 1 < word.n && is_slash(word.p[i + 1]) && is_scheme(word, i)) {
            size_t at = i + 1;

            while (at < word.n && is_slash(word.p[at]))
                at++;
            i = host_at(l, word, at) - 1;
            tries++;
        } else if (word.p[i] == '@') {
            mail_add(l, word, i);
            tries++;
        }
    }
    l->more = l->more || tries == LINKS_IN_WORD;
}

static void word_end(struct links *l, bool html)
{
    const struct bytes word = bytes_of(l->word, l->word_n);
    uint8_t plain[LINKS_WORD_MAX];
    size_t n;

    l->word_n = 0;
    if (word.n < 4)
        return;
    word_search(l, word, html);
    n = link_percent_undo(word, plain);
    if (n < word.n)
        word_search(l, bytes_of(plain, n), html);
}

/* ---- octets ---- */

static void word_octet(struct links *l, uint8_t c, bool html)
{
    if (c == 0)
        return;
    if (c <= ' ' || c == 127 || c == '<' || c == '>' || c == '"' || c == '\'')
        word_end(l, html);
    else if (l->word_n < LINKS_WORD_MAX)
        l->word[l->word_n++] = c;
}

/* The code point of what stands between "&" and ";"; 0: unknown. */
static uint32_t reference_value(struct bytes s)
{
    static const struct {
        struct bytes name;
        uint32_t value;
    } names[] = { { BYTES_INIT("amp"), '&' },    { BYTES_INIT("sol"), '/' },
                  { BYTES_INIT("colon"), ':' },  { BYTES_INIT("period"), '.' },
                  { BYTES_INIT("commat"), '@' }, { BYTES_INIT("quot"), '"' },
                  { BYTES_INIT("lt"), '<' },     { BYTES_INIT("gt"), '>' },
                  { BYTES_INIT("nbsp"), ' ' },   { BYTES_INIT("shy"), 0xad },
                  { BYTES_INIT("Tab"), '\t' },   { BYTES_INIT("NewLine"), '\n' } };
    const bool hex = s.n > 1 && ascii_lower(s.p[1]) == 'x';
    uint32_t v = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (bytes_eq(s, names[i].name))
            return names[i].value;
    if (s.n < 2 || s.p[0] != '#')
        return 0;
    for (size_t i = hex ? 2 : 1; i < s.n; i++) {
        const int digit = ascii_hex_value(s.p[i]);

        if (digit < 0 || digit >= (hex ? 16 : 10) || v > 0x10ffff)
            return 0;
        v = v * (hex ? 16 : 10) + (uint32_t)digit;
    }
    return v <= 0x10ffff ? v : 0;
}

static void word_code_point(struct links *l, uint32_t v)
{
    if (v < ' ' || v == 127 || v == 0xad)
        return;
    if (v < 128) {
        word_octet(l, (uint8_t)v, true);
        return;
    }
    if (v >= 0x10000) {
        word_octet(l, (uint8_t)(0xf0 | v >> 18), true);
        word_octet(l, (uint8_t)(0x80 | (v >> 12 & 63)), true);
    } else if (v >= 0x800) {
        word_octet(l, (uint8_t)(0xe0 | v >> 12), true);
    }
    word_octet(l, (uint8_t)(v >= 0x800 ? 0x80 | (v >> 6 & 63) : 0xc0 | v >> 6), true);
    word_octet(l, (uint8_t)(0x80 | (v & 63)), true);
}

/* Ends the reference that is open, with its ";" or without. One that is none stands for itself. */
static void reference_end(struct links *l)
{
    const struct bytes s = bytes_of(l->reference, l->reference_n);
    const uint32_t v = reference_value(s);

    l->in_reference = false;
    l->reference_n = 0;
    if (v != 0 || (s.n > 1 && s.p[0] == '#' && s.p[s.n - 1] == '0')) {
        word_code_point(l, v);
        return;
    }
    word_octet(l, '&', true);
    for (size_t i = 0; i < s.n; i++)
        word_octet(l, s.p[i], true);
}

/* A number ends with its last digit, whether ";" follows or not. */
static bool reference_takes(const struct links *l, uint8_t c)
{
    const size_t n = l->reference_n;
    const bool number = n > 0 && l->reference[0] == '#';

    if (n == LINKS_REFERENCE_MAX)
        return false;
    if (number && n > 1 && ascii_lower(l->reference[1]) == 'x')
        return ascii_hex_value(c) >= 0;
    if (number)
        return ascii_is_digit(c) || (n == 1 && ascii_lower(c) == 'x');
    return ascii_is_alnum(c) || (n == 0 && c == '#');
}

static void html_octet(struct links *l, uint8_t c)
{
    if (l->in_reference) {
        if (c == 0)
            return;
        if (reference_takes(l, c)) {
            l->reference[l->reference_n++] = c;
            return;
        }
        reference_end(l);
        if (c == ';')
            return;
    }
    if (c == '&')
        l->in_reference = true;
    else
        word_octet(l, c, true);
}

void links_text(enum mime_kind kind, struct bytes text, void *arg)
{
    struct links *l = arg;
    const bool html = kind == MIME_HTML;

    for (size_t i = 0; i < text.n; i++) {
        if (html)
            html_octet(l, text.p[i]);
        else
            word_octet(l, text.p[i], false);
    }
    if (text.n > 0)
        return;
    if (l->in_reference)
        reference_end(l);
    word_end(l, html);
}
