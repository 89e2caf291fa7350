/* time.c - clocks, and dates without the C library's time zones and static buffers. */
#include <base/num.h>
#include <base/time.h>

#include <time.h>

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400, SECONDS_PER_DAY = 86400 };
/* Days from 0000-03-01 to 1970-01-01. Years are counted from March: a leap day is the last of its year. */
enum { EPOCH_DAY = 719468 };

mono_t mono_now(void)
{
    struct timespec t;

    TRAP_BUG_ON(clock_gettime(CLOCK_MONOTONIC, &t) == -1);
    return (mono_t){ (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 };
}

wall_t wall_now(void)
{
    struct timespec t;

    TRAP_BUG_ON(clock_gettime(CLOCK_REALTIME, &t) == -1);
    return (wall_t){ (int64_t)t.tv_sec * WALL_US_PER_S + t.tv_nsec / 1000 };
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Month m (March = 0) starts so many days after 1 March: 31 and 30 in turn, 153 in five months. */
static int month_start(int m)
{
    return (153 * m + 2) / 5;
}

static int64_t days_from_civil(int year, int month, int day)
{
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t era = floor_div(y, YEARS_PER_ERA);
    const int64_t yoe = y - era * YEARS_PER_ERA;
    const int64_t doy = month_start((month + 9) % 12) + day - 1;

    return era * DAYS_PER_ERA + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH_DAY;
}

struct civil wall_civil(wall_t t)
{
    const int64_t seconds = floor_div(t.us, WALL_US_PER_S);
    const int64_t day = floor_div(seconds, SECONDS_PER_DAY);
    const int sod = (int)(seconds - day * SECONDS_PER_DAY);
    const int64_t era = floor_div(day + EPOCH_DAY, DAYS_PER_ERA);
    const int doe = (int)(day + EPOCH_DAY - era * DAYS_PER_ERA);
    /* Without the leap days (one in 1,461 days, not in 36,524, but in 146,096) a year has 365 days. */
    const int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int doy = doe - (yoe * 365 + yoe / 4 - yoe / 100);
    const int m = (5 * doy + 2) / 153;

    return (struct civil){
        .year = (int)(era * YEARS_PER_ERA) + yoe + (m >= 10),
        .month = m < 10 ? m + 3 : m - 9,
        .day = doy - month_start(m) + 1,
        .hour = sod / 3600,
        .minute = sod / 60 % 60,
        .second = sod % 60,
    };
}

/* At least `width` decimal digits. Returns the place behind them. */
static char *put_number(char *p, unsigned v, int width)
{
    unsigned rest = v;

    while (rest >= 10) {
        rest /= 10;
        width--;
    }
    for (; width > 1; width--)
        *p++ = '0';
    rest = 1;
    while (v / rest >= 10)
        rest *= 10;
    for (; rest > 0; rest /= 10)
        *p++ = (char)('0' + v / rest % 10);
    return p;
}

static char *put_two(char *p, int v, char before)
{
    p[0] = before;
    p[1] = (char)('0' + v / 10);
    p[2] = (char)('0' + v % 10);
    return p + 3;
}

const char *wall_text(wall_t t, char out[WALL_TEXT_MAX])
{
    const struct civil c = wall_civil(t);
    const int64_t us = (t.us % WALL_US_PER_S + WALL_US_PER_S) % WALL_US_PER_S;
    char *p = out;

    if (c.year < 0)
        *p++ = '-';
    p = put_number(p, (unsigned)(c.year < 0 ? -c.year : c.year), 4);
    p = put_two(p, c.month, '-');
    p = put_two(p, c.day, '-');
    p = put_two(p, c.hour, 'T');
    p = put_two(p, c.minute, ':');
    p = put_two(p, c.second, ':');
    if (us != 0) {
        *p++ = '.';
        p = put_number(p, (unsigned)us, 6);
    }
    *p++ = 'Z';
    *p = '\0';
    return out;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Exactly `n` digits at the front of *in, in [min, max]; then the byte `after`, unless that is NUL. */
static enum trap_err field(struct bytes *in, size_t n, char after, int min, int max, int *out)
{
    uint32_t v = 0;
    const size_t all = n + (after != '\0');
    enum trap_err err;

    if (in->n < all || (after != '\0' && in->p[n] != (uint8_t)after))
        return TRAP_EINVAL;
    err = num_u32(bytes_take(*in, n), (uint32_t)min, (uint32_t)max, &v);
    if (err != TRAP_OK)
        return err;
    *out = (int)v;
    *in = bytes_skip(*in, all);
    return TRAP_OK;
}

/* What stands behind the seconds: "Z", or ".123456Z". Digits behind the microseconds are dropped. */
static enum trap_err fraction(struct bytes in, int64_t *us_out)
{
    int64_t us = 0, unit = WALL_US_PER_S / 10;

    if (in.n == 0 || in.p[in.n - 1] != 'Z')
        return TRAP_EINVAL;
    in.n--;
    if (in.n == 0) {
        *us_out = 0;
        return TRAP_OK;
    }
    if (in.p[0] != '.' || in.n < 2 || in.n > 10)
        return TRAP_EINVAL;
    for (size_t i = 1; i < in.n; i++, unit /= 10) {
        if (!ascii_is_digit(in.p[i]))
            return TRAP_EINVAL;
        us += unit * (in.p[i] - '0');
    }
    *us_out = us;
    return TRAP_OK;
}

static enum trap_err parse_clock(struct bytes in, int64_t *us_out)
{
    int hour = 0, minute = 0, second = 0;
    int64_t us = 0;
    enum trap_err err = field(&in, 2, ':', 0, 23, &hour);

    if (err == TRAP_OK)
        err = field(&in, 2, ':', 0, 59, &minute);
    if (err == TRAP_OK)
        err = field(&in, 2, '\0', 0, 59, &second);
    if (err == TRAP_OK)
        err = fraction(in, &us);
    if (err == TRAP_OK)
        *us_out = ((int64_t)hour * 3600 + (int64_t)minute * 60 + second) * WALL_US_PER_S + us;
    return err;
}

enum trap_err wall_parse(struct bytes in, wall_t *out)
{
    const uint64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
    int year = 0, month = 0, day = 0;
    int64_t us = 0;
    enum trap_err err;

    if (in.n > 0 && in.p[0] == '@') {
        uint64_t seconds = 0;
        err = num_u64(bytes_skip(in, 1), 0, last, &seconds);
        if (err == TRAP_OK)
            out->us = (int64_t)seconds * WALL_US_PER_S;
        return err;
    }
    err = field(&in, 4, '-', 1970, 9999, &year);
    if (err == TRAP_OK)
        err = field(&in, 2, '-', 1, 12, &month);
    if (err == TRAP_OK)
        err = field(&in, 2, '\0', 1, days_in_month(year, month), &day);
    if (err == TRAP_OK && in.n > 0)
        err = in.p[0] == 'T' ? parse_clock(bytes_skip(in, 1), &us) : TRAP_EINVAL;
    if (err == TRAP_OK)
        out->us = days_from_civil(year, month, day) * WALL_US_PER_DAY + us;
    return err;
}

const char *span_text(span_t d, char out[WALL_TEXT_MAX])
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = { { 86400000, " d" }, { 3600000, " h" }, { 60000, " min" }, { 1000, " s" }, { 1, " ms" } };
    const size_t count = sizeof units / sizeof units[0];
    uint64_t rest = d.ms < 0 ? 0 - (uint64_t)d.ms : (uint64_t)d.ms;
    char *p = out;
    size_t i = 0;

    while (i < count && rest < units[i].ms)
        i++;
    if (i == count)
        return memcpy(out, "0 s", sizeof "0 s");
    if (d.ms < 0)
        *p++ = '-';
    /* The largest unit, and the next smaller one where it is not zero: nobody needs more. */
    for (size_t end = i + 2 < count ? i + 2 : count, first = i; i < end; i++) {
        const uint64_t v = rest / units[i].ms;
        rest %= units[i].ms;
        if (v == 0)
            break;
        if (i > first)
            *p++ = ' ';
        struct bytes name = bytes_str(units[i].name);
        uint64_t scale = 1;
        while (v / scale >= 10)
            scale *= 10;
        for (; scale > 0; scale /= 10)
            *p++ = (char)('0' + v / scale % 10);
        memcpy(p, name.p, name.n);
        p += name.n;
    }
    *p = '\0';
    return out;
}
