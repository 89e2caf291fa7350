#include <mail/smtp_line.h>

void smtp_line_init(struct smtp_line *l, size_t max_bytes)
{
    *l = (struct smtp_line){ .max_bytes = max_bytes };
}

/* Index behind the first CRLF at or after `from`, or 0. Bare CR and bare LF are passed over. */
static size_t crlf_end(struct bytes in, size_t from)
{
    while (from < in.n) {
        const uint8_t *lf = memchr(in.p + from, '\n', in.n - from);

        if (lf == NULL)
            return 0;
        from = (size_t)(lf - in.p) + 1;
        if (from >= 2 && lf[-1] == '\r')
            return from;
    }
    return 0;
}

static enum smtp_line_event discard(struct smtp_line *l, struct bytes *in)
{
    size_t end;

    if (in->n == 0)
        return SMTP_LINE_MORE;
    end = (l->dropped_cr && in->p[0] == '\n') ? 1 : crlf_end(*in, 0);
    if (end == 0) {
        l->dropped_cr = in->p[in->n - 1] == '\r';
        *in = bytes_skip(*in, in->n);
        return SMTP_LINE_MORE;
    }
    *in = bytes_skip(*in, end);
    l->discarding = false;
    return SMTP_LINE_TOO_LONG;
}

enum smtp_line_event smtp_line_next(struct smtp_line *l, struct bytes *in, struct bytes *line_out)
{
    size_t end;

    if (l->discarding)
        return discard(l, in);
    end = crlf_end(*in, l->seen < in->n ? l->seen : in->n);
    if (end == 0 && in->n >= l->max_bytes) {
        l->seen = 0;
        l->discarding = true;
        l->dropped_cr = false;
        return discard(l, in);
    }
    if (end == 0) {
        l->seen = in->n; /* a CR at the end is found again by looking one byte back from its LF */
        return SMTP_LINE_MORE;
    }
    l->seen = 0;
    if (end > l->max_bytes) {
        *in = bytes_skip(*in, end);
        return SMTP_LINE_TOO_LONG;
    }
    *line_out = bytes_take(*in, end - 2);
    *in = bytes_skip(*in, end);
    return SMTP_LINE_DONE;
}

uint32_t smtp_line_flags(struct bytes line)
{
    uint32_t flags = 0;

    for (size_t i = 0; i < line.n; i++) {
        const uint8_t c = line.p[i];

        if (c >= 0x20 && c < 0x7f)
            continue;
        if (c >= 0x80)
            flags |= SMTP_LINE_8BIT;
        else if (c == '\n')
            flags |= SMTP_LINE_LF;
        else if (c == '\r')
            flags |= SMTP_LINE_CR;
        else if (c == 0)
            flags |= SMTP_LINE_NUL;
        else if (c != '\t')
            flags |= SMTP_LINE_CONTROL;
    }
    return flags;
}

bool smtp_is_utf8(struct bytes s)
{
    while (s.n > 0) {
        const size_t n = bytes_utf8_len(s);

        if (n == 0)
            return false;
        s = bytes_skip(s, n);
    }
    return true;
}
