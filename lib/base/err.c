/* err.c - error names, error texts, and the end of a program that found its own mistake. */
#include <base/err.h>

#include <base/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void err_text_set(struct err_text *e, const char *format, ...)
{
    struct err_text fresh; /* an argument may be the old text, as in "%s:%u: %s" */
    va_list args;

    if (e == NULL)
        return;
    va_start(args, format);
    if (vsnprintf(fresh.text, sizeof fresh.text, format, args) < 0)
        fresh.text[0] = '\0';
    va_end(args);
    memcpy(e->text, fresh.text, strlen(fresh.text) + 1);
}

const char *err_name(enum trap_err err)
{
    static const char *const names[] = {
        [TRAP_OK] = "ok",
        [TRAP_EINVAL] = "invalid",
        [TRAP_ERANGE] = "out of range",
        [TRAP_ENOMEM] = "out of memory",
        [TRAP_EIO] = "input/output error",
        [TRAP_ENOENT] = "not found",
        [TRAP_EEXIST] = "exists",
        [TRAP_EPERM] = "not permitted",
        [TRAP_EFULL] = "full",
        [TRAP_ECORRUPT] = "corrupt",
        [TRAP_ENEWER] = "newer version",
        [TRAP_EBUSY] = "busy",
        [TRAP_ECLOSED] = "closed",
    };
    const size_t i = (size_t)err;

    return i < sizeof names / sizeof names[0] ? names[i] : "unknown";
}

void trap_bug(const char *file, int line, const char *condition)
{
    log_flush(); /* what led to it */
    (void)fprintf(stderr, "internal error at %s:%d: %s. Please report it.\n", file, line, condition);
    abort();
}
