#include <mail/mime.h>

#include "mime_field.h"

enum { READ_HEADER, READ_TEXT, READ_NOTHING };
enum { FIELD_OTHER, FIELD_TYPE, FIELD_ENCODING, FIELD_REPLY_TO };
enum { QUOTED_TEXT, QUOTED_EQUAL, QUOTED_HEX, QUOTED_SOFT };

static void header_begin(struct mime *m, bool outermost)
{
    m->state = READ_HEADER;
    m->field = FIELD_OTHER;
    m->type = MIME_TYPE_PLAIN;
    m->encoding = MIME_AS_IS;
    m->outermost = outermost;
    m->value_n = m->boundary_new_n = 0;
    if (m->parts < UINT32_MAX)
        m->parts++;
}

void mime_init(struct mime *m, mime_text_fn *text, void *arg)
{
    *m = (struct mime){ .text = text, .arg = arg };
    header_begin(m, true);
}

/* ---- text out ---- */

static enum mime_kind kind_of(const struct mime *m)
{
    return m->type == MIME_TYPE_HTML ? MIME_HTML : MIME_PLAIN;
}

static void put_flush(struct mime *m)
{
    if (m->out_n == 0)
        return;
    m->text(kind_of(m), bytes_of(m->out, m->out_n), m->arg);
    m->told = true;
    m->out_n = 0;
}

static void put(struct mime *m, uint8_t c)
{
    if (m->out_n == MIME_OUT)
        put_flush(m);
    m->out[m->out_n++] = c;
}

static void decode_base64(struct mime *m, uint8_t c)
{
    const int v = mime_base64_value(c);

    if (c == '=') { /* the end of a run: another may follow */
        m->base64 = m->base64_n = 0;
        return;
    }
    if (v < 0)
        return;
    m->base64 = m->base64 << 6 | (uint32_t)v;
    m->base64_n = (uint8_t)(m->base64_n + 6);
    if (m->base64_n >= 8) {
        m->base64_n = (uint8_t)(m->base64_n - 8);
        put(m, (uint8_t)(m->base64 >> m->base64_n));
    }
}

/* "=" that begins neither an octet nor a soft line end stands for itself. */
static void decode_quoted(struct mime *m, uint8_t c)
{
    const bool blank = c == ' ' || c == '\t' || c == '\r';
    const uint8_t state = m->quoted;

    m->quoted = QUOTED_TEXT;
    if (state == QUOTED_HEX) {
        if (ascii_hex_value(c) >= 0) {
            put(m, (uint8_t)(ascii_hex_value(m->quoted_high) << 4 | ascii_hex_value(c)));
            return;
        }
        put(m, '=');
        put(m, m->quoted_high);
    } else if (state == QUOTED_EQUAL && ascii_hex_value(c) >= 0) {
        m->quoted_high = c;
        m->quoted = QUOTED_HEX;
        return;
    } else if (state == QUOTED_EQUAL || state == QUOTED_SOFT) {
        if (c == '\n')
            return;
        if (blank) {
            m->quoted = QUOTED_SOFT;
            return;
        }
        put(m, '=');
        if (state == QUOTED_SOFT)
            put(m, ' ');
    }
    if (c == '=')
        m->quoted = QUOTED_EQUAL;
    else
        put(m, c);
}

static void text_add(struct mime *m, struct bytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (m->encoding == MIME_BASE64)
            decode_base64(m, s.p[i]);
        else if (m->encoding == MIME_QUOTED)
            decode_quoted(m, s.p[i]);
        else
            put(m, s.p[i]);
    }
}

static void text_end(struct mime *m)
{
    if (m->state != READ_TEXT)
        return;
    if (m->quoted == QUOTED_EQUAL || m->quoted == QUOTED_HEX)
        put(m, '=');
    if (m->quoted == QUOTED_HEX)
        put(m, m->quoted_high);
    put_flush(m);
    if (m->told)
        m->text(kind_of(m), BYTES(""), m->arg);
    m->told = false;
}

/* ---- header ---- */

static void field_end(struct mime *m)
{
    const struct bytes value = bytes_of(m->value, m->value_n);

    if (m->field == FIELD_TYPE) {
        m->type = mime_type_read(value);
        m->boundary_new_n = (uint16_t)mime_boundary_read(value, m->boundary_new);
    } else if (m->field == FIELD_ENCODING) {
        m->encoding = mime_encoding_read(value);
    } else if (m->field == FIELD_REPLY_TO && m->outermost && value.n > 0) {
        m->text(MIME_REPLY_TO, value, m->arg);
        m->text(MIME_REPLY_TO, BYTES(""), m->arg);
    }
    m->field = FIELD_OTHER;
    m->value_n = 0;
}

static void value_add(struct mime *m, struct bytes s)
{
    for (size_t i = 0; m->field != FIELD_OTHER && i < s.n && m->value_n < MIME_FIELD_MAX; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n')
            m->value[m->value_n++] = s.p[i];
}

static uint8_t field_known(struct bytes name)
{
    static const struct {
        struct bytes name;
        uint8_t field;
    } known[] = { { BYTES_INIT("content-type"), FIELD_TYPE },
                  { BYTES_INIT("content-transfer-encoding"), FIELD_ENCODING },
                  { BYTES_INIT("reply-to"), FIELD_REPLY_TO } };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (bytes_ieq(name, known[i].name))
            return known[i].field;
    return FIELD_OTHER;
}

/* What follows the header, by what it said. */
static void body_begin(struct mime *m)
{
    field_end(m);
    m->state = READ_TEXT;
    m->base64 = m->base64_n = m->quoted = 0;
    if (m->type == MIME_TYPE_MESSAGE) {
        header_begin(m, false);
    } else if (m->type == MIME_TYPE_OTHER) {
        m->found |= MIME_ATTACHED;
        m->state = READ_NOTHING;
    } else if (m->type == MIME_TYPE_MULTIPART) {
        m->found |= MIME_MULTIPART;
        if (m->boundary_new_n == 0) {
            m->found |= MIME_NO_BOUNDARY;
        } else if (m->depth == MIME_DEPTH_MAX) {
            m->found |= MIME_DEEP;
        } else {
            memcpy(m->boundary[m->depth], m->boundary_new, m->boundary_new_n);
            m->boundary_n[m->depth++] = (uint8_t)m->boundary_new_n;
            m->state = READ_NOTHING;
        }
    }
}

/* False: the line is body already. */
static bool header_line(struct mime *m, struct bytes line)
{
    const size_t colon = mime_field_name(line);

    if (mime_is_blank(line)) {
        body_begin(m);
        return true;
    }
    if (line.p[0] == ' ' || line.p[0] == '\t') {
        value_add(m, line);
        return true;
    }
    if (colon == 0 && (bytes_has_prefix(line, BYTES("From ")) || bytes_has_prefix(line, BYTES(">From "))))
        return true; /* of a mailbox file that somebody sends on */
    if (colon == 0) {
        body_begin(m);
        return m->state != READ_TEXT;
    }
    field_end(m);
    m->field = field_known(bytes_trim(bytes_take(line, colon)));
    value_add(m, bytes_skip(line, colon + 1));
    return true;
}

/* ---- lines ---- */

static bool is_delimiter(struct mime *m, struct bytes line)
{
    struct bytes rest;
    bool last;

    if (!bytes_has_prefix(line, BYTES("--")))
        return false;
    for (unsigned level = m->depth; level-- > 0;) {
        const struct bytes known = bytes_of(m->boundary[level], m->boundary_n[level]);

        rest = bytes_skip(line, 2);
        if (!bytes_has_prefix(rest, known))
            continue;
        rest = bytes_skip(rest, known.n);
        last = bytes_has_prefix(rest, BYTES("--"));
        if (!mime_is_blank(last ? bytes_skip(rest, 2) : rest))
            continue;
        text_end(m);
        if (m->state == READ_HEADER)
            field_end(m);
        m->depth = (uint8_t)(last ? level : level + 1);
        m->state = READ_NOTHING;
        if (!last)
            header_begin(m, false);
        return true;
    }
    return false;
}

/* A line with its end; or the first or a later piece of one that is too long. */
static void line_done(struct mime *m, bool ended)
{
    const struct bytes line = bytes_of(m->line, m->line_n);
    const bool begins = !m->in_line;

    m->line_n = 0;
    m->in_line = !ended;
    if (begins && is_delimiter(m, line))
        return;
    if (m->state == READ_HEADER) {
        if (!begins)
            value_add(m, line);
        else if (!header_line(m, line))
            text_add(m, line);
    } else if (m->state == READ_TEXT) {
        text_add(m, line);
    }
}

void mime_feed(struct mime *m, struct bytes content)
{
    while (content.n > 0) {
        const size_t room = MIME_LINE_MAX - m->line_n;
        const struct bytes most = bytes_take(content, room);
        const size_t at = bytes_find(most, '\n');
        const size_t n = at < most.n ? at + 1 : most.n;

        memcpy(m->line + m->line_n, content.p, n);
        m->line_n = (uint16_t)(m->line_n + n);
        content = bytes_skip(content, n);
        if (at < most.n)
            line_done(m, true);
        else if (m->line_n == MIME_LINE_MAX)
            line_done(m, false);
    }
}

void mime_end(struct mime *m)
{
    if (m->line_n > 0)
        line_done(m, true);
    if (m->state == READ_HEADER)
        field_end(m);
    text_end(m);
    m->state = READ_NOTHING;
}
