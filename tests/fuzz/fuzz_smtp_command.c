/* A command stream in pieces: framing, verb, keyword, parameters, XCLIENT. Whatever the pieces, the lines
 * are the same. */
#include <mail/smtp_command.h>
#include <mail/smtp_line.h>
#include <mail/smtp_params.h>
#include <mail/smtp_xclient.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_MAX_BYTES = 512 };

static uint64_t note(uint64_t hash, struct bytes s, unsigned event)
{
    hash = (hash ^ event) * 1099511628211u;
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ s.p[i]) * 1099511628211u;
    return hash;
}

static void parse(struct bytes line)
{
    const struct smtp_command c = smtp_command_parse(line);
    struct smtp_params params;
    struct smtp_xclient x;
    struct bytes rest;
    bool sloppy;

    if (smtp_command_keyword(c.argument, BYTES("FROM"), &rest, &sloppy))
        (void)smtp_params_parse(rest, 7, &params);
    if (c.verb == SMTP_VERB_XCLIENT && smtp_xclient_parse(c.argument, &x) != TRAP_OK)
        x.given = 0;
    x = (struct smtp_xclient){ .given = 0 };
    if (c.verb == SMTP_VERB_XFORWARD && smtp_xforward_parse(c.argument, &x) == TRAP_OK &&
        (x.given & x.unknown) != 0)
        abort();
    (void)smtp_line_flags(line);
    (void)smtp_is_utf8(line);
}

static uint64_t run(const uint8_t *data, size_t size, size_t step)
{
    static uint8_t kept[LINE_MAX_BYTES + 4096];
    struct smtp_line framing;
    size_t kept_len = 0;
    uint64_t hash = 0;

    smtp_line_init(&framing, LINE_MAX_BYTES);
    for (size_t at = 0; at < size; at += step) {
        const size_t n = size - at < step ? size - at : step;
        struct bytes in, line;
        enum smtp_line_event event;

        memcpy(kept + kept_len, data + at, n);
        in = bytes_of(kept, kept_len + n);
        while ((event = smtp_line_next(&framing, &in, &line)) != SMTP_LINE_MORE) {
            hash = note(hash, event == SMTP_LINE_DONE ? line : BYTES(""), event);
            if (event == SMTP_LINE_DONE)
                parse(line);
        }
        memmove(kept, in.p, in.n);
        kept_len = in.n;
        if (kept_len > LINE_MAX_BYTES)
            abort();
    }
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    if (run(data, size, 4096) != run(data, size, 1) || run(data, size, 4096) != run(data, size, 7))
        abort();
    return 0;
}
