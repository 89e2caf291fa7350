/* A path: refused, or its parts lie inside the input and are short enough. What was taken is taken again in
 * plain form. */
#include <mail/smtp_path.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes part, const uint8_t *data, size_t size)
{
    if (part.n > 0 && (part.p < data || part.p + part.n > data + size))
        abort();
}

static void again(const struct smtp_path *p)
{
    uint8_t text[SMTP_ADDRESS_MAX + 4];
    struct smtp_path second;
    struct bytes rest;
    size_t n = 0;

    text[n++] = '<';
    if (p->local.n > 0)
        memcpy(text + n, p->local.p, p->local.n);
    n += p->local.n;
    if (p->domain.n > 0) {
        text[n++] = '@';
        memcpy(text + n, p->domain.p, p->domain.n);
        n += p->domain.n;
    }
    text[n++] = '>';
    if (smtp_path_parse(bytes_of(text, n), SMTP_REVERSE_PATH, &second, &rest) != TRAP_OK ||
        !bytes_eq(second.local, p->local) || !bytes_eq(second.domain, p->domain))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = SMTP_REVERSE_PATH; kind <= SMTP_FORWARD_PATH; kind++) {
        struct smtp_path p;
        struct bytes rest;

        if (smtp_path_parse(bytes_of(data, size), (enum smtp_path_kind)kind, &p, &rest) != TRAP_OK)
            continue;
        inside(p.local, data, size);
        inside(p.domain, data, size);
        inside(rest, data, size);
        if (p.local.n + 1 + p.domain.n > SMTP_ADDRESS_MAX)
            abort();
        for (size_t i = 0; i < p.local.n; i++)
            if (p.local.p[i] < 0x20 || p.local.p[i] == 0x7f)
                abort();
        again(&p);
    }
    return 0;
}
