/* End-of-data against a slow twin that knows only the rule, byte by byte; and in pieces of another length. */
#include <mail/smtp_eod.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
    uint8_t p[8192];
    size_t n;
};

static void collect(struct bytes content, void *arg)
{
    struct sink *s = arg;

    memcpy(s->p + s->n, content.p, content.n);
    s->n += content.n;
}

/* Returns how many bytes belong to the message, or size + 1 when it has no end. */
static size_t slow(const uint8_t *in, size_t size, struct sink *s)
{
    for (size_t i = 0; i < size; i++) {
        const bool line_start = i == 0 || (i >= 2 && in[i - 1] == '\n' && in[i - 2] == '\r');

        if (line_start && in[i] == '.') {
            if (i + 2 < size && in[i + 1] == '\r' && in[i + 2] == '\n')
                return i + 3;
            continue;
        }
        s->p[s->n++] = in[i];
    }
    return size + 1;
}

static size_t fast(const uint8_t *in, size_t size, size_t step, struct sink *s, uint32_t *flags_out)
{
    struct smtp_eod e;

    smtp_eod_init(&e);
    for (size_t at = 0; at < size; at += step) {
        struct bytes piece = bytes_of(in + at, size - at < step ? size - at : step);
        const size_t n = piece.n;
        const enum smtp_eod_event event = smtp_eod_feed(&e, &piece, collect, s);

        *flags_out = e.flags;
        if (event == SMTP_EOD_DONE)
            return at + n - piece.n;
    }
    return size + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sink want, got;
    size_t end;
    uint32_t flags[3] = { 0 };
    const size_t steps[3] = { 4096, 1, 3 };

    if (size > 4096)
        return 0;
    want.n = 0;
    end = slow(data, size, &want);
    for (int i = 0; i < 3; i++) {
        got.n = 0;
        if (fast(data, size, steps[i], &got, &flags[i]) != end || flags[i] != flags[0])
            abort();
        /* A message without end: a CR behind a dot at the very end is still held back. */
        if (got.n != want.n && !(end == size + 1 && got.n + 1 == want.n && size >= 2 &&
                                 data[size - 1] == '\r' && data[size - 2] == '.'))
            abort();
        if (memcmp(got.p, want.p, got.n) != 0)
            abort();
    }
    return 0;
}
