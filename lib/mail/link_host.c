#include "link_host.h"

#include <mail/smtp_domain.h>

size_t link_percent_undo(struct bytes in, uint8_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '%' && in.n - i > 2 && ascii_hex_value(in.p[i + 1]) >= 0 &&
            ascii_hex_value(in.p[i + 2]) >= 0) {
            out[n++] = (uint8_t)(ascii_hex_value(in.p[i + 1]) << 4 | ascii_hex_value(in.p[i + 2]));
            i += 2;
        } else {
            out[n++] = in.p[i];
        }
    }
    return n;
}

/* One number of an IPv4 address as inet_aton reads it: decimal, octal with 0, hexadecimal with 0x. */
static bool number_read(struct bytes in, uint64_t *out)
{
    const bool hex = in.n > 1 && in.p[0] == '0' && ascii_lower(in.p[1]) == 'x';
    const int base = hex ? 16 : in.n > 1 && in.p[0] == '0' ? 8 : 10;
    uint64_t v = 0;

    if (in.n == 0)
        return false;
    for (size_t i = hex ? 2 : 0; i < in.n; i++) {
        const int digit = ascii_hex_value(in.p[i]);

        if (digit < 0 || digit >= base)
            return false;
        v = v * (uint64_t)base + (uint64_t)digit;
        if (v > UINT32_MAX)
            return false;
    }
    *out = v;
    return true;
}

/* One to four numbers; the last fills what is left of 32 bits. */
static bool ip4_read(struct bytes in, struct ip *out)
{
    uint64_t all = 0, v;
    unsigned parts = 0;

    for (;;) {
        const size_t n = bytes_find(in, '.');
        const bool last = n == in.n;

        if (!number_read(bytes_take(in, n), &v) || parts == 4)
            return false;
        if (last)
            break;
        if (v > 255)
            return false;
        all = all << 8 | v;
        parts++;
        in = bytes_skip(in, n + 1);
    }
    if (parts > 3 || v >> (8 * (4 - parts)) != 0)
        return false;
    all = all << (8 * (4 - parts)) | v;
    *out = ip_v4((uint8_t)(all >> 24), (uint8_t)(all >> 16), (uint8_t)(all >> 8), (uint8_t)all);
    return true;
}

enum trap_err link_name_read(struct bytes name, char out[DNS_NAME_TEXT_MAX])
{
    uint8_t ascii[SMTP_DOMAIN_MAX];
    struct bytes last;
    bool is_ascii = true;
    uint64_t number;
    size_t n;

    for (size_t i = 0; i < name.n; i++)
        is_ascii = is_ascii && name.p[i] < 128;
    if (!is_ascii) {
        if (smtp_domain_ascii(name, ascii, &n) != TRAP_OK)
            return TRAP_EINVAL;
        name = bytes_of(ascii, n);
    }
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    last = bytes_skip(name, bytes_rfind(name, '.') + 1);
    if (last.n < 2 || number_read(last, &number))
        return TRAP_EINVAL; /* no dot, or no name of the DNS ends so */
    return dns_name_read(name, out);
}

enum trap_err link_authority_read(struct bytes authority, char out[DNS_NAME_TEXT_MAX])
{
    uint8_t plain[DNS_NAME_MAX * 3];
    char text[IP_TEXT_MAX];
    struct ip ip;
    size_t at = bytes_rfind(authority, '@');

    if (at < authority.n)
        authority = bytes_skip(authority, at + 1);
    if (authority.n > 0 && authority.p[0] == '[') {
        const struct bytes inside = bytes_skip(bytes_take(authority, bytes_find(authority, ']')), 1);

        if (ip_parse(inside, &ip) != TRAP_OK)
            return TRAP_EINVAL;
        memcpy(out, ip_text(ip, text), strlen(ip_text(ip, text)) + 1);
        return TRAP_OK;
    }
    authority = bytes_take(authority, bytes_find(authority, ':'));
    if (authority.n > sizeof(plain))
        return TRAP_EINVAL;
    authority = bytes_of(plain, link_percent_undo(authority, plain));
    while (authority.n > 0 && authority.p[authority.n - 1] < 128 &&
           !ascii_is_alnum(authority.p[authority.n - 1]))
        authority.n--; /* a sentence goes on behind it */
    if (ip4_read(authority, &ip)) {
        memcpy(out, ip_text(ip, text), strlen(ip_text(ip, text)) + 1);
        return TRAP_OK;
    }
    return link_name_read(authority, out);
}
