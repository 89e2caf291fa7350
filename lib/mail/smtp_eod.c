/* The automaton:
 *
 *   START --"."--> DOT --CR--> DOT_CR --LF--> done
 *     |             |            |
 *   other         other        other: the CR was content (bare)
 *     v             v            v
 *   LINE <-----------------------+       LINE --CRLF--> START
 *   LINE_CR = LINE, and the last byte was CR (needed only between two calls)
 */
#include <mail/smtp_eod.h>

enum eod_state { START, DOT, DOT_CR, LINE, LINE_CR };

void smtp_eod_init(struct smtp_eod *e)
{
    *e = (struct smtp_eod){ .state = START };
}

/* NUL and octets above 127, eight at a time: (w - 0x01..) & ~w & 0x80.. is not zero exactly when a byte of w
 * is zero. */
static uint32_t octet_flags(struct bytes s)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t high = 0, zero = 0;
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;

        memcpy(&w, s.p + i, 8);
        high |= w;
        zero |= (w - ones) & ~w;
    }
    for (; i < s.n; i++) {
        high |= s.p[i];
        zero |= s.p[i] == 0 ? 0x80 : 0;
    }
    return ((high & tops) != 0 ? SMTP_EOD_8BIT : 0u) | ((zero & tops) != 0 ? SMTP_EOD_NUL : 0u);
}

static void emit(struct smtp_eod *e, struct bytes content, smtp_eod_sink *sink, void *arg)
{
    if (content.n == 0)
        return;
    e->flags |= octet_flags(content);
    sink(content, arg);
}

static void add_length(struct smtp_eod *e, size_t n, size_t line_end)
{
    e->line_len += n;
    if (e->line_len > SMTP_TEXT_LINE_MAX + line_end)
        e->flags |= SMTP_EOD_LONG_LINE;
}

/* A CR anywhere in s, which no LF follows. */
static void note_bare_cr(struct smtp_eod *e, struct bytes s)
{
    if (bytes_find(s, '\r') < s.n)
        e->flags |= SMTP_EOD_BARE_CR;
}

/* Content up to and with the next LF, or all of `in`. Sets the state behind it and returns its length. */
static size_t scan_line(struct smtp_eod *e, struct bytes in)
{
    const size_t lf = bytes_find(in, '\n');
    const bool cr_before = e->state == LINE_CR;

    if (cr_before && in.p[0] != '\n')
        e->flags |= SMTP_EOD_BARE_CR;
    if (lf == in.n) {
        const bool cr_last = in.p[in.n - 1] == '\r';

        note_bare_cr(e, bytes_take(in, in.n - 1));
        add_length(e, in.n, cr_last ? 1 : 0);
        e->state = cr_last ? LINE_CR : LINE;
        return in.n;
    }
    if (lf > 0 ? in.p[lf - 1] == '\r' : cr_before) {
        note_bare_cr(e, bytes_take(in, lf > 0 ? lf - 1 : 0));
        add_length(e, lf + 1, 2);
        e->line_len = 0;
        e->state = START;
    } else {
        note_bare_cr(e, bytes_take(in, lf));
        add_length(e, lf + 1, 0);
        e->flags |= SMTP_EOD_BARE_LF;
        e->state = LINE;
    }
    return lf + 1;
}

/* Lines from in.p + from on, until one starts with a dot: they are one piece of content. Returns where the
 * piece ends. */
static size_t scan_lines(struct smtp_eod *e, struct bytes in, size_t from)
{
    while (from < in.n) {
        if (e->state == START && in.p[from] == '.')
            break;
        from += scan_line(e, bytes_skip(in, from));
    }
    return from;
}

/* The one or two bytes behind a dot at the start of a line. True at end-of-data. */
static bool after_dot(struct smtp_eod *e, struct bytes *in, smtp_eod_sink *sink, void *arg)
{
    const uint8_t c = in->p[0];

    if (e->state == DOT && c == '\r') {
        e->state = DOT_CR;
        *in = bytes_skip(*in, 1);
    } else if (e->state == DOT) {
        e->state = LINE;
    } else if (c == '\n') {
        *in = bytes_skip(*in, 1);
        return true;
    } else {
        e->flags |= SMTP_EOD_BARE_CR;
        e->state = LINE;
        add_length(e, 1, 0);
        emit(e, BYTES("\r"), sink, arg);
    }
    return false;
}

enum smtp_eod_event smtp_eod_feed(struct smtp_eod *e, struct bytes *in, smtp_eod_sink *sink, void *arg)
{
    while (in->n > 0) {
        size_t end;

        if (e->state == DOT || e->state == DOT_CR) {
            if (after_dot(e, in, sink, arg)) {
                e->state = START;
                e->line_len = 0;
                return SMTP_EOD_DONE;
            }
            continue;
        }
        end = scan_lines(e, *in, 0);
        emit(e, bytes_take(*in, end), sink, arg);
        *in = bytes_skip(*in, end);
        if (in->n > 0) { /* a dot at the start of a line: transparency */
            e->state = DOT;
            *in = bytes_skip(*in, 1);
        }
    }
    return SMTP_EOD_MORE;
}

void smtp_eod_scan(struct smtp_eod *e, struct bytes content)
{
    size_t at = 0;

    e->flags |= octet_flags(content);
    while (at < content.n)
        at += scan_line(e, bytes_skip(content, at));
}

void smtp_eod_scan_end(struct smtp_eod *e)
{
    if (e->state == LINE_CR)
        e->flags |= SMTP_EOD_BARE_CR;
}
