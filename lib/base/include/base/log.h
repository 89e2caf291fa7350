/* log.h - key=value lines on standard error, one line per fact.
 *
 * Form:    `2026-03-01T12:00:00.123Z trapsmtp info smtp.session.close id=17 ip=192.0.2.7 reason="client
 *          quit"` Event names are stable. Values: remote bytes are escaped (\xHH, \" and \\) and cut at 200
 *          bytes with a "…" mark; quotes only where a value has blanks, quotes, '=' or is empty.
 * Levels:  error = the operator must act; warning = degraded; info = one line per session or event; debug =
 *          trace.
 * Limits:  one line <= 4 kB, written with one write(2). Never bodies, never AUTH data, never keys.
 * Gather:  a thread with much to tell may write many lines at once: whole lines, at most 4 kB, which a pipe
 *          takes without mixing them with others'. Errors and warnings go at once, after what came before.
 * Threads: any; lines do not mix.
 * Tests:   tests/unit/base/test_log.c
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <base/bytes.h>
#include <base/ip.h>
#include <base/time.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum log_type { LOG_END, LOG_TYPE_BYTES, LOG_TYPE_STR, LOG_TYPE_U64, LOG_TYPE_I64, LOG_TYPE_IP, LOG_TYPE_PREFIX,
                LOG_TYPE_SPAN };
struct log_field {
    const char *key;
    enum log_type type;
    union {
        struct bytes bytes;
        const char *str;
        uint64_t u64;
        int64_t i64;
        struct ip ip;
        struct prefix prefix;
        span_t span;
    } v;
};

#define LOG_BYTES(k, x)  ((struct log_field){ .key = (k), .type = LOG_TYPE_BYTES, .v.bytes = (x) })
#define LOG_STR(k, x)    ((struct log_field){ .key = (k), .type = LOG_TYPE_STR, .v.str = (x) })
#define LOG_U64(k, x)    ((struct log_field){ .key = (k), .type = LOG_TYPE_U64, .v.u64 = (x) })
#define LOG_I64(k, x)    ((struct log_field){ .key = (k), .type = LOG_TYPE_I64, .v.i64 = (x) })
#define LOG_IP(x)        ((struct log_field){ .key = "ip", .type = LOG_TYPE_IP, .v.ip = (x) })
#define LOG_PREFIX(k, x) ((struct log_field){ .key = (k), .type = LOG_TYPE_PREFIX, .v.prefix = (x) })
#define LOG_SPAN(k, x)   ((struct log_field){ .key = (k), .type = LOG_TYPE_SPAN, .v.span = (x) })
/* The system's own text for errno. */
#define LOG_ERRNO()      LOG_STR("error", log_errno_text())

/* Once, before threads. `program` must stay valid. */
void log_init(const char *program, enum log_level level);
bool log_wants(enum log_level level);
void log_event(enum log_level level, const char *event, const struct log_field *fields);

/* Lines of this thread wait in g until it is full or log_flush() is called; NULL: each goes at once again.
 * g is the caller's. A thread that waits for something flushes first. */
enum { LOG_GATHER_BYTES = 4096 };
struct log_gather {
    size_t n;
    char text[LOG_GATHER_BYTES];
};
void log_gather(struct log_gather *g);
void log_flush(void);
const char *log_errno_text(void); /* thread-local text */

#define LOG_FIELD_END ((struct log_field){ .type = LOG_END })

/* log_info("smtp.session.open", LOG_IP(ip), LOG_U64("port", 25)); the fields may be left out. Nothing is
 * computed where the level is not wanted. */
#define LOG_AT(level, ...) LOG_AT_FIELDS(level, __VA_ARGS__, LOG_FIELD_END)
#define LOG_AT_FIELDS(level, event, ...)                                            \
    do {                                                                            \
        if (log_wants(level))                                                       \
            log_event((level), (event), (const struct log_field[]){ __VA_ARGS__ }); \
    } while (0)
#define log_error(...)   LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   LOG_AT(LOG_DEBUG, __VA_ARGS__)

#endif
