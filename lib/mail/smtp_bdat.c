#include <mail/smtp_bdat.h>

enum smtp_bdat_result smtp_bdat_parse(struct bytes argument, struct smtp_bdat *out)
{
    struct smtp_bdat b = { .left = 0 };
    struct bytes marker;
    size_t n = 0;

    for (; n < argument.n && ascii_is_digit(argument.p[n]); n++) {
        b.left = b.left * 10 + (uint64_t)(argument.p[n] - '0');
        if (b.left > SMTP_BDAT_OCTETS_MAX)
            return SMTP_BDAT_LOST;
    }
    if (n == 0 || (n < argument.n && argument.p[n] != ' ' && argument.p[n] != '\t'))
        return SMTP_BDAT_LOST;
    marker = bytes_trim(bytes_skip(argument, n));
    b.last = bytes_ieq(marker, BYTES("LAST"));
    *out = b;
    return b.last || marker.n == 0 ? SMTP_BDAT_OK : SMTP_BDAT_SYNTAX;
}

struct bytes smtp_bdat_take(struct smtp_bdat *b, struct bytes *in)
{
    const struct bytes octets = bytes_take(*in, b->left < in->n ? (size_t)b->left : in->n);

    b->left -= octets.n;
    *in = bytes_skip(*in, octets.n);
    return octets;
}
