#include <mail/smtp_domain.h>

#include <idn2.h>

enum trap_err smtp_domain_ascii(struct bytes in, uint8_t out[static SMTP_DOMAIN_MAX], size_t *n_out)
{
    char name[SMTP_DOMAIN_MAX + 1], *ascii = NULL;
    size_t n;
    int result;

    if (in.n == 0 || in.n > SMTP_DOMAIN_MAX || bytes_find(in, 0) < in.n)
        return TRAP_EINVAL;
    memcpy(name, in.p, in.n);
    name[in.n] = '\0';
    result = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (result != IDN2_OK)
        return result == IDN2_MALLOC ? TRAP_ENOMEM : TRAP_EINVAL;
    n = strnlen(ascii, SMTP_DOMAIN_MAX + 1);
    if (n > 0 && n <= SMTP_DOMAIN_MAX) {
        for (size_t i = 0; i < n; i++)
            out[i] = ascii_lower((uint8_t)ascii[i]);
        *n_out = n;
    }
    idn2_free(ascii);
    return n > 0 && n <= SMTP_DOMAIN_MAX ? TRAP_OK : TRAP_EINVAL;
}
