/* An AUTH command and the lines behind it: nothing is read or written past its end; base64 that is taken is
 * what encoding gives back. */
#include <mail/smtp_auth.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const uint8_t *in, size_t n, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        const uint32_t bits = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0u) |
                              (i + 2 < n ? in[i + 2] : 0u);

        *out++ = (uint8_t)digits[bits >> 18];
        *out++ = (uint8_t)digits[bits >> 12 & 63];
        *out++ = i + 1 < n ? (uint8_t)digits[bits >> 6 & 63] : '=';
        *out++ = i + 2 < n ? (uint8_t)digits[bits & 63] : '=';
    }
}

static void check_base64(struct bytes in, uint8_t *text)
{
    static uint8_t again[8192];
    size_t n = 0;

    if (smtp_base64_decode(in, text, SMTP_AUTH_TEXT_MAX, &n) != TRAP_OK)
        return;
    encode(text, n, again);
    if (in.n > 0 && memcmp(again, in.p, in.n) != 0)
        abort();
}

static void check_end(const struct smtp_auth *a, enum smtp_auth_event event, struct bytes secret,
                      const uint8_t *text)
{
    if (a->mechanism_len > SMTP_AUTH_MECHANISM_MAX)
        abort();
    if (event == SMTP_AUTH_GIVEN && secret.n > 0 &&
        (secret.p < text || secret.p + secret.n > text + SMTP_AUTH_TEXT_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *text = malloc(SMTP_AUTH_TEXT_MAX); /* not static: the sanitizer sees its end */
    struct bytes rest = bytes_of(data, size), line, secret = { NULL, 0 };
    enum smtp_auth_event event = SMTP_AUTH_SYNTAX;
    struct smtp_auth a;
    bool begun = false;

    if (size > 4096 || text == NULL) {
        free(text);
        return 0;
    }
    while (bytes_split(&rest, '\n', &line)) {
        check_base64(line, text);
        event = begun ? smtp_auth_line(&a, line, text, &secret)
                      : smtp_auth_begin(&a, bytes_trim(line), text, &secret);
        begun = event <= SMTP_AUTH_CHALLENGE_PASSWORD;
        check_end(&a, event, secret, text);
    }
    free(text);
    return 0;
}
