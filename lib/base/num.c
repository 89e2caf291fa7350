/* num.c - strict numbers from text. */
#include <base/num.h>

/* Digits only. Malformed input is said before too large a number: "99999999999999999999x" is malformed. */
static enum trap_err digits(struct bytes in, uint64_t *out)
{
    uint64_t v = 0;
    bool overflow = false;

    if (in.n == 0)
        return TRAP_EINVAL;
    for (size_t i = 0; i < in.n; i++) {
        const unsigned d = (unsigned)in.p[i] - '0';
        if (d > 9)
            return TRAP_EINVAL;
        overflow = overflow || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v);
    }
    if (overflow)
        return TRAP_ERANGE;
    *out = v;
    return TRAP_OK;
}

enum trap_err num_u64(struct bytes in, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    const enum trap_err err = digits(in, &v);

    if (err != TRAP_OK)
        return err;
    if (v < min || v > max)
        return TRAP_ERANGE;
    *out = v;
    return TRAP_OK;
}

enum trap_err num_u32(struct bytes in, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    const enum trap_err err = num_u64(in, min, max, &v);

    if (err == TRAP_OK)
        *out = (uint32_t)v;
    return err;
}

enum trap_err num_i64(struct bytes in, int64_t min, int64_t max, int64_t *out)
{
    const bool negative = in.n > 0 && in.p[0] == '-';
    uint64_t v = 0;
    const enum trap_err err = digits(negative ? bytes_skip(in, 1) : in, &v);
    int64_t n;

    if (err != TRAP_OK)
        return err;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return TRAP_ERANGE;
    if (v > (uint64_t)INT64_MAX)
        n = INT64_MIN;
    else
        n = negative ? -(int64_t)v : (int64_t)v;
    if (n < min || n > max)
        return TRAP_ERANGE;
    *out = n;
    return TRAP_OK;
}

struct unit {
    struct bytes name;
    uint64_t factor;
};

/* A number in front of one of the units. The empty name, where the table has it, stands last. */
static enum trap_err with_unit(struct bytes in, const struct unit *units, size_t n, uint64_t max,
                               uint64_t *out)
{
    size_t len = 0;
    uint64_t v = 0;
    enum trap_err err;

    while (len < in.n && ascii_is_digit(in.p[len]))
        len++;
    const struct bytes name = bytes_skip(in, len);
    size_t i = 0;
    while (i < n && !bytes_eq(units[i].name, name))
        i++;
    if (i == n)
        return TRAP_EINVAL;
    err = digits(bytes_take(in, len), &v);
    if (err != TRAP_OK)
        return err;
    if (__builtin_mul_overflow(v, units[i].factor, &v) || v > max)
        return TRAP_ERANGE;
    *out = v;
    return TRAP_OK;
}

enum trap_err num_size(struct bytes in, uint64_t max, uint64_t *bytes_out)
{
    static const struct unit units[] = {
        { BYTES_INIT("k"), 1ull << 10 },
        { BYTES_INIT("M"), 1ull << 20 },
        { BYTES_INIT("G"), 1ull << 30 },
        { BYTES_INIT(""), 1 },
    };

    return with_unit(in, units, sizeof units / sizeof units[0], max, bytes_out);
}

enum trap_err num_span(struct bytes in, span_t max, span_t *out)
{
    static const struct unit units[] = {
        { BYTES_INIT("ms"), 1 },      { BYTES_INIT("s"), 1000 },     { BYTES_INIT("m"), 60000 },
        { BYTES_INIT("h"), 3600000 }, { BYTES_INIT("d"), 86400000 },
    };
    uint64_t ms = 0;
    enum trap_err err;

    if (bytes_eq(in, BYTES("0"))) {
        *out = SPAN_MS(0);
        return TRAP_OK;
    }
    err = with_unit(in, units, sizeof units / sizeof units[0], max.ms < 0 ? 0 : (uint64_t)max.ms, &ms);
    if (err == TRAP_OK)
        *out = SPAN_MS(ms);
    return err;
}

enum trap_err num_milli(struct bytes in, uint32_t max_milli, uint32_t *milli_out)
{
    static const uint64_t scale[] = { 0, 100, 10, 1 };
    const size_t dot = bytes_find(in, '.');
    const struct bytes places = bytes_skip(in, dot + 1);
    uint64_t whole = 0, part = 0;
    enum trap_err err;

    if (dot < in.n && (places.n == 0 || places.n > 3 || digits(places, &part) != TRAP_OK))
        return TRAP_EINVAL;
    err = digits(bytes_take(in, dot), &whole);
    if (err != TRAP_OK)
        return err;
    if (whole > UINT32_MAX || whole * 1000 + part * scale[places.n] > max_milli)
        return TRAP_ERANGE;
    *milli_out = (uint32_t)(whole * 1000 + part * scale[places.n]);
    return TRAP_OK;
}
