/* A stream of BDAT arguments, each a line, and their chunks: cut into pieces of several lengths it must give
 * the same chunks and the same flags; and the flags are those of a slow twin. */
#include <mail/smtp_bdat.h>
#include <mail/smtp_eod.h>
#include <mail/smtp_line.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint8_t content[4096];
    size_t n;
    unsigned commands, refused, ends;
    bool lost;
    uint32_t flags;
};

struct reader {
    struct smtp_line line;
    struct smtp_bdat chunk;
    struct smtp_eod scan;
    bool in_chunk, swallow;
    uint8_t kept[8192];
    size_t kept_len;
};

static void on_line(struct reader *r, struct bytes line, struct outcome *o)
{
    const enum smtp_bdat_result result = smtp_bdat_parse(line, &r->chunk);

    o->commands++;
    o->lost = result == SMTP_BDAT_LOST;
    r->swallow = result == SMTP_BDAT_SYNTAX;
    o->refused += r->swallow ? 1 : 0;
    r->in_chunk = true;
}

static void on_chunk(struct reader *r, struct bytes *in, struct outcome *o)
{
    const struct bytes octets = smtp_bdat_take(&r->chunk, in);

    if (!r->swallow) {
        if (octets.n > 0)
            memcpy(o->content + o->n, octets.p, octets.n);
        o->n += octets.n;
        smtp_eod_scan(&r->scan, octets);
    }
    r->in_chunk = r->chunk.left > 0;
    o->ends += !r->in_chunk && r->chunk.last ? 1 : 0;
}

static void feed(struct reader *r, struct bytes piece, struct outcome *o)
{
    struct bytes in, line;

    memcpy(r->kept + r->kept_len, piece.p, piece.n);
    in = bytes_of(r->kept, r->kept_len + piece.n);
    while (!o->lost) {
        enum smtp_line_event event;

        if (r->in_chunk) {
            on_chunk(r, &in, o);
            if (r->in_chunk)
                break;
            continue;
        }
        event = smtp_line_next(&r->line, &in, &line);
        if (event == SMTP_LINE_MORE)
            break;
        if (event == SMTP_LINE_DONE)
            on_line(r, line, o);
    }
    memmove(r->kept, in.p, in.n);
    r->kept_len = in.n;
}

static void play(const uint8_t *data, size_t size, size_t step, struct outcome *o)
{
    static struct reader r;

    memset(&r, 0, sizeof(r));
    memset(o, 0, sizeof(*o));
    smtp_line_init(&r.line, 512);
    smtp_eod_init(&r.scan);
    for (size_t at = 0; at < size; at += step)
        feed(&r, bytes_of(data + at, size - at < step ? size - at : step), o);
    smtp_eod_scan_end(&r.scan);
    o->flags = r.scan.flags;
}

static uint32_t slow_flags(struct bytes s)
{
    uint32_t flags = 0;
    size_t line = 0;

    for (size_t i = 0; i < s.n; i++) {
        const bool after_cr = i > 0 && s.p[i - 1] == '\r', before_lf = i + 1 < s.n && s.p[i + 1] == '\n';

        if (s.p[i] == '\n' && after_cr) {
            line = 0;
            continue;
        }
        flags |= s.p[i] == '\n' ? SMTP_EOD_BARE_LF : 0u;
        flags |= s.p[i] == '\r' && !before_lf ? SMTP_EOD_BARE_CR : 0u;
        flags |= s.p[i] == 0 ? SMTP_EOD_NUL : 0u;
        flags |= s.p[i] >= 0x80 ? SMTP_EOD_8BIT : 0u;
        if (s.p[i] != '\r' || !before_lf)
            line++;
        flags |= line > SMTP_TEXT_LINE_MAX ? SMTP_EOD_LONG_LINE : 0u;
    }
    return flags;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome want, got;
    const size_t steps[] = { 1, 7 };

    if (size > 4096)
        return 0;
    play(data, size, 4096, &want);
    if (want.flags != slow_flags(bytes_of(want.content, want.n)))
        abort();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        play(data, size, steps[i], &got);
        if (got.n != want.n || memcmp(got.content, want.content, got.n) != 0 || got.flags != want.flags ||
            got.commands != want.commands || got.refused != want.refused || got.ends != want.ends ||
            got.lost != want.lost)
            abort();
    }
    return 0;
}
