#include <mail/smtp_params.h>

#include <base/num.h>

typedef bool param_fn(struct bytes value, bool has_value, struct smtp_params *out);

/* RFC 1870 3: 1*20DIGIT. More than fits is simply too large. */
static bool param_size(struct bytes value, bool has_value, struct smtp_params *out)
{
    enum trap_err err;

    if (!has_value || value.n == 0 || value.n > 20)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_digit(value.p[i]))
            return false;
    err = num_u64(value, 0, UINT64_MAX, &out->size);
    if (err != TRAP_OK)
        out->size = UINT64_MAX;
    return true;
}

static bool param_body(struct bytes value, bool has_value, struct smtp_params *out)
{
    const bool eight = bytes_ieq(value, BYTES("8BITMIME"));

    out->body = eight ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT;
    return has_value && (eight || bytes_ieq(value, BYTES("7BIT")));
}

static bool param_smtputf8(struct bytes value, bool has_value, struct smtp_params *out)
{
    (void)value;
    out->smtputf8 = true;
    return !has_value;
}

static const struct {
    struct bytes keyword;
    uint32_t extension;
    param_fn *parse;
} params[] = {
    { BYTES_INIT("SIZE"), SMTP_EXT_SIZE, param_size },
    { BYTES_INIT("BODY"), SMTP_EXT_8BITMIME, param_body },
    { BYTES_INIT("SMTPUTF8"), SMTP_EXT_SMTPUTF8, param_smtputf8 },
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

static enum smtp_params_result parse_one(struct bytes param, uint32_t offered, uint32_t *seen,
                                         struct smtp_params *out)
{
    const size_t equals = bytes_find(param, '=');
    const struct bytes keyword = bytes_take(param, equals);

    if (!is_keyword(keyword))
        return SMTP_PARAMS_SYNTAX;
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        if ((params[i].extension & offered) == 0 || !bytes_ieq(keyword, params[i].keyword))
            continue;
        if ((*seen & params[i].extension) != 0 ||
            !params[i].parse(bytes_skip(param, equals + 1), equals < param.n, out))
            return SMTP_PARAMS_SYNTAX;
        *seen |= params[i].extension;
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
