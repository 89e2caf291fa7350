#include <base/log.h>

#include <errno.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = LOG_GATHER_BYTES, VALUE_MAX_BYTES = 200, ERRNO_TEXT_MAX = 128 };

static const char level_names[][8] = { "error", "warning", "info", "debug" };
static const char hex_digits[] = "0123456789abcdef";
static const char cut_mark[] = "\xe2\x80\xa6"; /* U+2026 */

/* Set once by log_init(), before threads. */
static const char *program_name = "trapline";
static enum log_level wanted_level = LOG_INFO;

static _Thread_local struct log_gather *gather; /* of this thread; NULL: each line goes at once */

/* A line that is being written; what does not fit is left out and `full` tells. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
    size_t max; /* room kept free for the end of the line */
    bool full;
};

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    wanted_level = level;
}

bool log_wants(enum log_level level)
{
    return level <= wanted_level;
}

const char *log_errno_text(void)
{
    static _Thread_local char text[ERRNO_TEXT_MAX];
    const int saved = errno;
    const char *const message = strerror_r(saved, text, sizeof text);

    errno = saved;
    return message;
}

static void put(struct line *l, const char *s, size_t n)
{
    if (l->full || n > l->max - l->n) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->n, s, n);
    l->n += n;
}

static void put_str(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_u64(struct line *l, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    put(l, digits + at, sizeof digits - at);
}

static void put_i64(struct line *l, int64_t v)
{
    if (v < 0)
        put(l, "-", 1);
    put_u64(l, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void put_padded(struct line *l, int v, int divisor)
{
    for (; divisor > 0; divisor /= 10) {
        const char digit = (char)('0' + v / divisor % 10);
        put(l, &digit, 1);
    }
}

/* 2026-03-01T12:00:00.123Z: always with milliseconds, so that columns stand under each other. */
static void put_time(struct line *l, wall_t t)
{
    const struct civil c = wall_civil(t);
    const struct {
        int v, divisor;
        char end;
    } parts[] = { { c.year, 1000, '-' },
                  { c.month, 10, '-' },
                  { c.day, 10, 'T' },
                  { c.hour, 10, ':' },
                  { c.minute, 10, ':' },
                  { c.second, 10, '.' },
                  { (int)(t.us % WALL_US_PER_S / 1000), 100, 'Z' } };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        put_padded(l, parts[i].v, parts[i].divisor);
        put(l, &parts[i].end, 1);
    }
}

static bool is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
}

static void put_escaped(struct line *l, uint8_t c)
{
    const char pair[2] = { '\\', (char)c };
    const char hex[4] = { '\\', 'x', hex_digits[c >> 4], hex_digits[c & 15] };

    if (c == '"' || c == '\\')
        put(l, pair, sizeof pair);
    else if (c < ' ' || c >= 0x7f)
        put(l, hex, sizeof hex);
    else
        put(l, &pair[1], 1);
}

/* Remote bytes: nothing in them can end the line, the value or the terminal's good behaviour. */
static void put_value(struct line *l, struct bytes value)
{
    const struct bytes shown = bytes_take(value, VALUE_MAX_BYTES);
    bool quote = shown.n == 0;

    for (size_t i = 0; i < shown.n && !quote; i++)
        quote = shown.p[i] == ' ' || shown.p[i] == '"' || shown.p[i] == '=';
    if (quote)
        put(l, "\"", 1);
    for (size_t i = 0; i < shown.n; i++) {
        if (is_plain(shown.p[i]))
            put(l, (const char *)shown.p + i, 1);
        else
            put_escaped(l, shown.p[i]);
    }
    if (value.n > shown.n)
        put_str(l, cut_mark);
    if (quote)
        put(l, "\"", 1);
}

static void put_field(struct line *l, const struct log_field *f)
{
    char text[PREFIX_TEXT_MAX];

    put(l, " ", 1);
    put_str(l, f->key);
    put(l, "=", 1);
    switch (f->type) {
    case LOG_TYPE_BYTES:
        put_value(l, f->v.bytes);
        break;
    case LOG_TYPE_STR:
        put_value(l, bytes_str(f->v.str));
        break;
    case LOG_TYPE_U64:
        put_u64(l, f->v.u64);
        break;
    case LOG_TYPE_I64:
        put_i64(l, f->v.i64);
        break;
    case LOG_TYPE_IP:
        put_str(l, ip_text(f->v.ip, text));
        break;
    case LOG_TYPE_PREFIX:
        put_str(l, prefix_text(f->v.prefix, text));
        break;
    case LOG_TYPE_SPAN:
        put_i64(l, f->v.span.ms);
        put(l, "ms", 2);
        break;
    case LOG_END:
        break;
    }
}

static void write_out(const char *text, size_t n)
{
    ssize_t rc;

    do {
        rc = write(STDERR_FILENO, text, n);
    } while (rc == -1 && errno == EINTR);
}

void log_flush(void)
{
    const int saved = errno;

    if (gather == NULL || gather->n == 0)
        return;
    write_out(gather->text, gather->n);
    gather->n = 0;
    errno = saved;
}

void log_gather(struct log_gather *g)
{
    log_flush();
    gather = g;
    if (g != NULL)
        g->n = 0;
}

static void emit(enum log_level level, const struct line *l)
{
    if (gather == NULL) {
        write_out(l->text, l->n);
        return;
    }
    if (l->n > sizeof gather->text - gather->n)
        log_flush();
    memcpy(gather->text + gather->n, l->text, l->n);
    gather->n += l->n;
    if (level <= LOG_WARNING)
        log_flush();
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    static const char cut[] = " cut=1";
    const int saved = errno;
    struct line l;

    l.n = 0;
    l.max = sizeof l.text - sizeof cut; /* the cut note and the line end always fit */
    l.full = false;
    put_time(&l, wall_now());
    put(&l, " ", 1);
    put_str(&l, program_name);
    put(&l, " ", 1);
    put_str(&l, level_names[level]);
    put(&l, " ", 1);
    put_str(&l, event);
    for (; fields->type != LOG_END && !l.full; fields++) {
        const size_t before = l.n;
        put_field(&l, fields);
        if (l.full)
            l.n = before; /* whole fields only */
    }
    if (l.full) {
        memcpy(l.text + l.n, cut, sizeof cut - 1);
        l.n += sizeof cut - 1;
    }
    l.text[l.n++] = '\n';
    emit(level, &l);
    errno = saved;
}
