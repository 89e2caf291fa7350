#include <store/act_words.h>

static bool is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '%';
}

void act_word_add(struct buf *out, const char *key, struct bytes value)
{
    static const char digits[] = "0123456789ABCDEF";

    if (out->n > 0)
        buf_add_byte(out, ' ');
    buf_add_str(out, key);
    buf_add_byte(out, '=');
    for (size_t i = 0; i < value.n; i++) {
        const uint8_t c = value.p[i];

        if (is_plain(c)) {
            buf_add_byte(out, c);
            continue;
        }
        buf_add_byte(out, '%');
        buf_add_byte(out, (uint8_t)digits[c >> 4]);
        buf_add_byte(out, (uint8_t)digits[c & 15]);
    }
}

static bool is_key(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(ascii_is_digit(s.p[i]) || s.p[i] == '-' || (s.p[i] >= 'a' && s.p[i] <= 'z')))
            return false;
    return s.n > 0;
}

enum trap_err act_word_next(struct bytes *rest, struct bytes *key_out, struct bytes *value_out)
{
    struct bytes word, key, value;

    if (rest->n == 0)
        return TRAP_ENOENT;
    word = bytes_take(*rest, bytes_find(*rest, ' '));
    key = bytes_take(word, bytes_find(word, '='));
    value = bytes_skip(word, key.n + 1);
    if (!is_key(key) || key.n == word.n)
        return TRAP_EINVAL;
    for (size_t i = 0; i < value.n; i++) {
        const bool escape = value.p[i] == '%';

        if (!escape && !is_plain(value.p[i]))
            return TRAP_EINVAL;
        if (escape && (i + 2 >= value.n || ascii_hex_value(value.p[i + 1]) == -1 ||
                       ascii_hex_value(value.p[i + 2]) == -1))
            return TRAP_EINVAL;
    }
    if (word.n + 1 == rest->n) /* a blank with nothing behind it */
        return TRAP_EINVAL;
    *rest = bytes_skip(*rest, word.n + 1);
    *key_out = key;
    *value_out = value;
    return TRAP_OK;
}

enum trap_err act_word_value(struct bytes value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        int high, low;

        if (value.p[i] != '%') {
            buf_add_byte(out, value.p[i]);
            continue;
        }
        if (i + 2 >= value.n)
            return TRAP_EINVAL;
        high = ascii_hex_value(value.p[i + 1]);
        low = ascii_hex_value(value.p[i + 2]);
        if (high == -1 || low == -1)
            return TRAP_EINVAL;
        buf_add_byte(out, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return out->err;
}
