/* err.h - how functions report failure.
 *
 * Why:     one small set of codes, so that a caller decides on the kind of failure; the detail is said once,
 *          by the place that knows it, in a struct err_text or in the log.
 * Rule:    fallible functions return enum trap_err and are TRAP_NODISCARD; results go through `_out`
 *          parameters that are untouched on error.
 * Threads: any.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#define TRAP_NODISCARD       __attribute__((warn_unused_result))
#define TRAP_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))
#define TRAP_NORETURN        __attribute__((noreturn))

enum trap_err {
    TRAP_OK = 0,
    TRAP_EINVAL,   /* malformed input */
    TRAP_ERANGE,   /* well-formed, outside the allowed range */
    TRAP_ENOMEM,   /* memory, or the limit of a bounded buffer */
    TRAP_EIO,      /* a system call on a file, socket or database failed */
    TRAP_ENOENT,   /* not there */
    TRAP_EEXIST,   /* already there */
    TRAP_EPERM,    /* not allowed, or too open (key files) */
    TRAP_EFULL,    /* a queue, disk or budget is full: try again later */
    TRAP_ECORRUPT, /* stored data is damaged */
    TRAP_ENEWER,   /* stored data was made by a newer version */
    TRAP_EBUSY,    /* somebody else holds it */
    TRAP_ECLOSED   /* the other side is shutting down */
};

/* A message for a person: what is wrong and what to do. Always NUL-terminated; longer text is cut. */
struct err_text {
    char text[512];
};

void err_text_set(struct err_text *e, const char *format, ...) TRAP_PRINTF(2, 3);

/* "invalid", "full", …: stable names for logs. */
const char *err_name(enum trap_err err);

/* Stops the program with file, line and condition: for our own mistakes only, never for remote input. */
TRAP_NORETURN void trap_bug(const char *file, int line, const char *condition);
#define TRAP_BUG_ON(cond)                              \
    do {                                               \
        if (__builtin_expect(!!(cond), 0))             \
            trap_bug(__FILE__, __LINE__, #cond);       \
    } while (0)

#endif
