#include <mail/smtp_auth.h>

enum auth_step { PLAIN, LOGIN_USER, LOGIN_PASSWORD };

/* ---- base64 ---- */

/* 0 to 63, or -1. */
static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four, of which `pad` are "=". Octets go to out[0..2]. */
static bool decode_group(const uint8_t *in, size_t pad, uint8_t out[3])
{
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        const int v = i < 4 - pad ? base64_value(in[i]) : 0;

        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
    }
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    return (pad < 1 || out[2] == 0) && (pad < 2 || out[1] == 0); /* no bits behind the last octet */
}

enum trap_err smtp_base64_decode(struct bytes in, uint8_t *out, size_t cap, size_t *n_out)
{
    size_t pad = 0, n;

    if (in.n % 4 != 0)
        return TRAP_EINVAL;
    while (pad < 2 && pad < in.n && in.p[in.n - 1 - pad] == '=')
        pad++;
    n = in.n / 4 * 3 - pad;
    if (n > cap)
        return TRAP_ERANGE;
    for (size_t i = 0; i < in.n; i += 4) {
        const bool last = i + 4 == in.n;
        uint8_t group[3];

        if (!decode_group(in.p + i, last ? pad : 0, group))
            return TRAP_EINVAL;
        memcpy(out + i / 4 * 3, group, last ? 3 - pad : 3);
    }
    *n_out = n;
    return TRAP_OK;
}

/* ---- the exchange ---- */

static void keep_user(struct smtp_auth *a, struct bytes user)
{
    const struct bytes kept = bytes_take(user, SMTP_AUTH_USER_MAX);

    if (kept.n > 0)
        memcpy(a->user, kept.p, kept.n);
    a->user_len = (uint8_t)kept.n;
    a->cut |= kept.n < user.n;
}

/* RFC 4616 2, and what comes close: see the header. Returns the password. */
static struct bytes split_plain(struct smtp_auth *a, struct bytes text)
{
    const size_t first = bytes_find(text, 0);
    const struct bytes authzid = bytes_take(text, first), rest = bytes_skip(text, first + 1);
    const size_t second = bytes_find(rest, 0);
    const struct bytes authcid = bytes_take(rest, second), password = bytes_skip(rest, second + 1);

    if (first == text.n)
        return text;
    if (second == rest.n || (password.n == 0 && authzid.n > 0 && !bytes_eq(authzid, authcid))) {
        keep_user(a, authzid);
        return authcid;
    }
    keep_user(a, authcid);
    return password;
}

static enum smtp_auth_event take_text(struct smtp_auth *a, struct bytes text, struct bytes *secret_out)
{
    switch ((enum auth_step)a->step) {
    case PLAIN:
        *secret_out = split_plain(a, text);
        return SMTP_AUTH_GIVEN;
    case LOGIN_USER:
        if (bytes_find(text, 0) < text.n)
            (void)split_plain(a, text); /* a response of PLAIN: the password in it is no part of the name */
        else
            keep_user(a, text);
        a->step = LOGIN_PASSWORD;
        return SMTP_AUTH_CHALLENGE_PASSWORD;
    case LOGIN_PASSWORD:
        break;
    }
    *secret_out = text;
    return SMTP_AUTH_GIVEN;
}

enum smtp_auth_event smtp_auth_line(struct smtp_auth *a, struct bytes line,
                                    uint8_t text[static SMTP_AUTH_TEXT_MAX], struct bytes *secret_out)
{
    size_t n;

    if (bytes_eq(line, BYTES("*")))
        return SMTP_AUTH_CANCELLED;
    if (smtp_base64_decode(line, text, SMTP_AUTH_TEXT_MAX, &n) != TRAP_OK)
        return SMTP_AUTH_BAD_BASE64;
    return take_text(a, bytes_of(text, n), secret_out);
}

/* sasl-mech = 1*20(UPPER-ALPHA / DIGIT / HYPHEN / UNDERSCORE) (RFC 4422 3.1); any case here. */
static bool is_mechanism(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return s.n > 0;
}

/* Names that are kept (registry of RFC 4422 7.1, and what senders say besides). Any other word may be a
 * password, or a response that came without the word PLAIN. */
static bool is_known(struct bytes s)
{
    static const struct bytes names[] = {
        BYTES_INIT("PLAIN"),
        BYTES_INIT("LOGIN"),
        BYTES_INIT("CRAM-MD5"),
        BYTES_INIT("CRAM-SHA1"),
        BYTES_INIT("DIGEST-MD5"),
        BYTES_INIT("NTLM"),
        BYTES_INIT("MSN"),
        BYTES_INIT("GSSAPI"),
        BYTES_INIT("GSS-SPNEGO"),
        BYTES_INIT("SPNEGO"),
        BYTES_INIT("EXTERNAL"),
        BYTES_INIT("ANONYMOUS"),
        BYTES_INIT("KERBEROS_V4"),
        BYTES_INIT("GS2-KRB5"),
        BYTES_INIT("OTP"),
        BYTES_INIT("SKEY"),
        BYTES_INIT("SECURID"),
        BYTES_INIT("XOAUTH"),
        BYTES_INIT("OAUTHBEARER"),
        BYTES_INIT("XOAUTH2"),
        BYTES_INIT("SAML20"),
        BYTES_INIT("OPENID20"),
        BYTES_INIT("X-MICROSOFT-EXCHANGE"),
        BYTES_INIT("SCRAM-SHA-1"),
        BYTES_INIT("SCRAM-SHA-1-PLUS"),
        BYTES_INIT("SCRAM-SHA-256"),
        BYTES_INIT("SCRAM-SHA-256-PLUS"),
        BYTES_INIT("SCRAM-SHA-512"),
        BYTES_INIT("SCRAM-SHA-512-PLUS"),
    };
    size_t i = 0;

    while (i < sizeof(names) / sizeof(names[0]) && !bytes_ieq(s, names[i]))
        i++;
    return i < sizeof(names) / sizeof(names[0]);
}

enum smtp_auth_event smtp_auth_begin(struct smtp_auth *a, struct bytes argument,
                                     uint8_t text[static SMTP_AUTH_TEXT_MAX], struct bytes *secret_out)
{
    const struct bytes name = bytes_take(argument, bytes_find(argument, ' '));
    const struct bytes initial = bytes_trim(bytes_skip(argument, name.n));
    const bool plain = bytes_ieq(name, BYTES("PLAIN"));

    *a = (struct smtp_auth){ .step = plain ? PLAIN : LOGIN_USER };
    if (!is_mechanism(name))
        return SMTP_AUTH_SYNTAX;
    if (is_known(name)) {
        a->mechanism_len = (uint8_t)name.n;
        memcpy(a->mechanism, name.p, name.n);
    }
    if (!plain && !bytes_ieq(name, BYTES("LOGIN")))
        return SMTP_AUTH_UNKNOWN;
    if (initial.n == 0)
        return plain ? SMTP_AUTH_CHALLENGE_EMPTY : SMTP_AUTH_CHALLENGE_USER;
    if (bytes_eq(initial, BYTES("="))) /* RFC 4954 4: an empty initial response */
        return take_text(a, bytes_of(text, 0), secret_out);
    return smtp_auth_line(a, initial, text, secret_out);
}
