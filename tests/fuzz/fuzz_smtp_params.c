/* Parameters of MAIL and RCPT: what is taken points into the input, holds no blank and no control character,
 * and is taken again when it stands alone. A domain made of the same octets stays within its bounds. */
#include <mail/smtp_domain.h>
#include <mail/smtp_params.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MAIL = SMTP_EXT_SIZE | SMTP_EXT_BODY | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN_MAIL | SMTP_EXT_AUTH,
    RCPT = SMTP_EXT_DSN_RCPT
};

static void check_part(struct bytes in, struct bytes part, uint32_t offered)
{
    struct smtp_params alone;

    if (part.n == 0)
        return;
    if (part.p < in.p || part.p + part.n > in.p + in.n)
        abort();
    for (size_t i = 0; i < part.n; i++)
        if (part.p[i] <= ' ' || part.p[i] == 0x7f)
            abort();
    if (smtp_params_parse(part, offered, &alone) != SMTP_PARAMS_OK)
        abort();
}

static void check(struct bytes in, uint32_t offered)
{
    struct smtp_params p;

    if (smtp_params_parse(in, offered, &p) != SMTP_PARAMS_OK)
        return;
    check_part(in, p.ret, offered);
    check_part(in, p.envid, offered);
    check_part(in, p.notify, offered);
    check_part(in, p.orcpt, offered);
    if (p.body > SMTP_BODY_BINARYMIME || (offered == RCPT && (p.size != 0 || p.smtputf8)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = bytes_of(data, size);
    uint8_t name[SMTP_DOMAIN_MAX];
    size_t n = 0;

    check(in, MAIL);
    check(in, RCPT);
    if (smtp_domain_ascii(in, name, &n) == TRAP_OK) {
        if (n == 0 || n > SMTP_DOMAIN_MAX)
            abort();
        for (size_t i = 0; i < n; i++)
            if (name[i] >= 0x80 || name[i] == 0)
                abort();
    }
    return 0;
}
