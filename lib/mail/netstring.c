#include <mail/netstring.h>

enum netstring_event netstring_next(struct bytes *in, size_t max_bytes, struct bytes *text_out)
{
    size_t digits = 0, length = 0;

    while (digits < in->n && ascii_is_digit(in->p[digits])) {
        if (digits == NETSTRING_DIGITS_MAX || (digits == 1 && length == 0))
            return NETSTRING_BAD;
        length = length * 10 + (size_t)(in->p[digits++] - '0');
        if (length > max_bytes)
            return NETSTRING_BAD;
    }
    if (digits == in->n)
        return NETSTRING_MORE;
    if (digits == 0 || in->p[digits] != ':')
        return NETSTRING_BAD;
    if (in->n - digits - 1 <= length)
        return NETSTRING_MORE;
    if (in->p[digits + 1 + length] != ',')
        return NETSTRING_BAD;
    *text_out = bytes_of(in->p + digits + 1, length);
    *in = bytes_skip(*in, digits + 1 + length + 1);
    return NETSTRING_DONE;
}

void netstring_add(struct buf *out, struct bytes text)
{
    buf_add_u64(out, text.n);
    buf_add_byte(out, ':');
    buf_add(out, text);
    buf_add_byte(out, ',');
}
