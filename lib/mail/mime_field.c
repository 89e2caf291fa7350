#include "mime_field.h"

#include <mail/mime.h>

bool mime_is_blank(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
            return false;
    return true;
}

int mime_base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t mime_field_name(struct bytes line)
{
    const size_t colon = bytes_find(line, ':');
    const struct bytes name = bytes_trim(bytes_take(line, colon));

    if (colon == line.n || name.n == 0)
        return 0;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 127)
            return 0;
    return colon;
}

static struct bytes first_word(struct bytes value)
{
    const struct bytes s = bytes_trim(value);
    size_t n = 0;

    while (n < s.n && s.p[n] > ' ' && s.p[n] != ';' && s.p[n] != '(')
        n++;
    return bytes_take(s, n);
}

uint8_t mime_type_read(struct bytes value)
{
    static const struct {
        struct bytes begins;
        uint8_t type;
    } types[] = { { BYTES_INIT("text/html"), MIME_TYPE_HTML },
                  { BYTES_INIT("text"), MIME_TYPE_PLAIN },
                  { BYTES_INIT("multipart/"), MIME_TYPE_MULTIPART },
                  { BYTES_INIT("message/rfc822"), MIME_TYPE_MESSAGE },
                  { BYTES_INIT("message/"), MIME_TYPE_PLAIN } };
    const struct bytes word = first_word(value);

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (bytes_has_iprefix(word, types[i].begins))
            return types[i].type;
    return word.n == 0 ? MIME_TYPE_PLAIN : MIME_TYPE_OTHER;
}

uint8_t mime_encoding_read(struct bytes value)
{
    const struct bytes word = first_word(value);

    if (bytes_ieq(word, BYTES("base64")))
        return MIME_BASE64;
    return bytes_ieq(word, BYTES("quoted-printable")) ? MIME_QUOTED : MIME_AS_IS;
}

/* Cuts the next parameter off *rest: from behind its ";" to the next one that is not quoted. */
static bool parameter_next(struct bytes *rest, struct bytes *out)
{
    bool quoted = false;
    size_t n = 0;

    if (rest->n == 0)
        return false;
    for (; n < rest->n && (quoted || rest->p[n] != ';'); n++) {
        if (quoted && rest->p[n] == '\\' && n + 1 < rest->n)
            n++;
        else if (rest->p[n] == '"')
            quoted = !quoted;
    }
    *out = bytes_trim(bytes_take(*rest, n));
    *rest = bytes_skip(*rest, n + 1);
    return true;
}

size_t mime_boundary_read(struct bytes value, uint8_t *out)
{
    struct bytes parameter;
    size_t n = 0;

    while (parameter_next(&value, &parameter)) {
        const size_t equal = bytes_find(parameter, '=');
        const struct bytes name = bytes_trim(bytes_take(parameter, equal));
        struct bytes s = bytes_trim(bytes_skip(parameter, equal + 1));
        const bool quoted = s.n > 0 && s.p[0] == '"';

        if (!bytes_ieq(name, BYTES("boundary")))
            continue;
        if (!quoted)
            s = first_word(s);
        for (size_t i = quoted ? 1 : 0; i < s.n && !(quoted && s.p[i] == '"'); i++) {
            if (quoted && s.p[i] == '\\' && i + 1 < s.n)
                i++;
            if (n == MIME_BOUNDARY_MAX)
                return 0;
            out[n++] = s.p[i];
        }
        while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\t'))
            n--;
        return n;
    }
    return 0;
}
