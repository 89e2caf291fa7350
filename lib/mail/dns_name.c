#include <mail/dns_name.h>

#include <stdio.h>

static bool is_label(struct bytes label)
{
    if (label.n == 0 || label.n > DNS_LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
            return false;
    return true;
}

enum trap_err dns_name_read(struct bytes in, char out[DNS_NAME_TEXT_MAX])
{
    if (in.n > 0 && in.p[in.n - 1] == '.')
        in.n--;
    if (in.n == 0 || in.n > DNS_NAME_MAX)
        return TRAP_EINVAL;
    for (size_t begin = 0; begin <= in.n;) {
        const struct bytes rest = bytes_skip(in, begin);
        const size_t n = bytes_find(rest, '.');

        if (!is_label(bytes_take(rest, n)))
            return TRAP_EINVAL;
        begin += n + 1;
    }
    for (size_t i = 0; i < in.n; i++)
        out[i] = (char)ascii_lower(in.p[i]);
    out[in.n] = '\0';
    return TRAP_OK;
}

bool dns_name_is_below(struct bytes name, struct bytes domain)
{
    return bytes_has_isuffix(name, domain) &&
           (name.n == domain.n || (domain.n > 0 && name.p[name.n - domain.n - 1] == '.'));
}

enum trap_err dns_name_reverse(struct ip a, const char *zone, char out[DNS_NAME_TEXT_MAX])
{
    const bool v4 = ip_is_v4(a);
    char text[DNS_NAME_TEXT_MAX + 64];
    int n = 0;

    if (zone == NULL)
        zone = v4 ? "in-addr.arpa" : "ip6.arpa";
    if (strlen(zone) > DNS_NAME_MAX)
        return TRAP_ERANGE;
    if (v4)
        n = snprintf(text, sizeof text, "%u.%u.%u.%u.", a.b[15], a.b[14], a.b[13], a.b[12]);
    for (size_t i = sizeof a.b; !v4 && i > 0; i--)
        n += snprintf(text + n, sizeof text - (size_t)n, "%x.%x.", a.b[i - 1] & 15u, a.b[i - 1] >> 4u);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s", zone);
    if (n > DNS_NAME_MAX)
        return TRAP_ERANGE;
    memcpy(out, text, (size_t)n + 1);
    return TRAP_OK;
}
