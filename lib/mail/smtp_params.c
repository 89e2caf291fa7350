#include <mail/smtp_params.h>

#include <base/num.h>
#include <mail/smtp_line.h>

/* `whole` is KEYWORD=value, of which `value` is a part; without "=" value.p is NULL. */
typedef bool param_fn(struct bytes whole, struct bytes value, struct smtp_params *out);

/* RFC 1870 3: 1*20DIGIT. More than fits is simply too large. */
static bool param_size(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    enum trap_err err;

    (void)whole;
    if (value.n == 0 || value.n > 20)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_digit(value.p[i]))
            return false;
    err = num_u64(value, 0, UINT64_MAX, &out->size);
    if (err != TRAP_OK)
        out->size = UINT64_MAX;
    return true;
}

static bool param_body(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    static const struct bytes names[] = {
        [SMTP_BODY_7BIT] = BYTES_INIT("7BIT"),
        [SMTP_BODY_8BITMIME] = BYTES_INIT("8BITMIME"),
        [SMTP_BODY_BINARYMIME] = BYTES_INIT("BINARYMIME"),
    };

    (void)whole;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (bytes_ieq(value, names[i])) {
            out->body = (enum smtp_body)i;
            return true;
        }
    return false;
}

static bool param_smtputf8(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    (void)whole;
    out->smtputf8 = true;
    return value.p == NULL;
}

/* RFC 3461 4: xchar is 33 to 126 without "+" and "="; hexchar is "+" and two upper-case hex digits. */
static bool is_xtext(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        const uint8_t c = s.p[i];

        if (c < 33 || c > 126 || c == '=')
            return false;
        if (c != '+')
            continue;
        for (int digits = 0; digits < 2; digits++) {
            i++;
            if (i >= s.n || ascii_hex_value(s.p[i]) < 0 || s.p[i] >= 'a')
                return false;
        }
    }
    return s.n > 0;
}

static bool param_ret(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    out->ret = whole;
    return bytes_ieq(value, BYTES("FULL")) || bytes_ieq(value, BYTES("HDRS"));
}

static bool param_envid(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    out->envid = whole;
    return value.n <= SMTP_ENVID_MAX && is_xtext(value);
}

/* "NEVER", or a list of the others (RFC 3461 4.1). */
static bool param_notify(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    static const struct bytes names[] = { BYTES_INIT("SUCCESS"), BYTES_INIT("FAILURE"), BYTES_INIT("DELAY") };
    struct bytes rest = value, one;

    out->notify = whole;
    if (bytes_ieq(value, BYTES("NEVER")))
        return true;
    if (value.n == 0 || value.p[value.n - 1] == ',')
        return false;
    while (bytes_split(&rest, ',', &one)) {
        size_t i = 0;

        while (i < sizeof(names) / sizeof(names[0]) && !bytes_ieq(one, names[i]))
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return false;
    }
    return true;
}

/* addr-type ";" xtext (RFC 3461 4.2). The type utf-8 writes octets above 127 as they are (RFC 6533 3). */
static bool param_orcpt(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    const size_t semicolon = bytes_find(value, ';');
    const struct bytes type = bytes_take(value, semicolon);
    const struct bytes address = bytes_skip(value, semicolon + 1);

    out->orcpt = whole;
    if (value.n > SMTP_ORCPT_MAX || type.n == 0 || address.n == 0)
        return false;
    for (size_t i = 0; i < type.n; i++)
        if (!ascii_is_alnum(type.p[i]) && type.p[i] != '-')
            return false;
    if (!bytes_ieq(type, BYTES("utf-8")))
        return is_xtext(address);
    for (size_t i = 0; i < address.n; i++)
        if (address.p[i] < 33 || address.p[i] == 127)
            return false;
    return smtp_is_utf8(address);
}

/* "<>" or an address in xtext (RFC 4954 5). */
static bool param_auth(struct bytes whole, struct bytes value, struct smtp_params *out)
{
    (void)whole;
    (void)out;
    return is_xtext(value);
}

static const struct {
    struct bytes keyword;
    uint32_t extension;
    param_fn *parse;
} params[] = {
    { BYTES_INIT("SIZE"), SMTP_EXT_SIZE, param_size },
    { BYTES_INIT("BODY"), SMTP_EXT_BODY, param_body },
    { BYTES_INIT("SMTPUTF8"), SMTP_EXT_SMTPUTF8, param_smtputf8 },
    { BYTES_INIT("RET"), SMTP_EXT_DSN_MAIL, param_ret },
    { BYTES_INIT("ENVID"), SMTP_EXT_DSN_MAIL, param_envid },
    { BYTES_INIT("NOTIFY"), SMTP_EXT_DSN_RCPT, param_notify },
    { BYTES_INIT("ORCPT"), SMTP_EXT_DSN_RCPT, param_orcpt },
    { BYTES_INIT("AUTH"), SMTP_EXT_AUTH, param_auth },
};
enum { PARAM_COUNT = sizeof(params) / sizeof(params[0]) };

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool is_keyword(struct bytes s)
{
    if (s.n == 0 || !ascii_is_alnum(s.p[0]))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

/* `seen` has a bit for each line of the table. */
static enum smtp_params_result parse_one(struct bytes param, uint32_t offered, uint32_t *seen,
                                         struct smtp_params *out)
{
    const size_t equals = bytes_find(param, '=');
    const struct bytes keyword = bytes_take(param, equals);
    struct bytes value = { NULL, 0 };

    if (equals < param.n)
        value = bytes_skip(param, equals + 1);
    if (!is_keyword(keyword))
        return SMTP_PARAMS_SYNTAX;
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        if ((params[i].extension & offered) == 0 || !bytes_ieq(keyword, params[i].keyword))
            continue;
        if ((*seen & 1u << i) != 0 || !params[i].parse(param, value, out))
            return SMTP_PARAMS_SYNTAX;
        *seen |= 1u << i;
        return SMTP_PARAMS_OK;
    }
    return SMTP_PARAMS_UNKNOWN;
}

enum smtp_params_result smtp_params_parse(struct bytes in, uint32_t offered, struct smtp_params *out)
{
    struct smtp_params parsed = { .size = 0 };
    struct bytes param;
    uint32_t seen = 0;

    while (bytes_split(&in, ' ', &param)) {
        enum smtp_params_result result;

        param = bytes_trim(param);
        if (param.n == 0)
            continue;
        result = parse_one(param, offered, &seen, &parsed);
        if (result != SMTP_PARAMS_OK)
            return result;
    }
    *out = parsed;
    return SMTP_PARAMS_OK;
}
