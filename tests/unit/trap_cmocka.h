/* trap_cmocka.h - cmocka, behind the headers that it wants first; and a check that says what went wrong. */
#ifndef TESTS_TRAP_CMOCKA_H
#define TESTS_TRAP_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include <base/err.h>

/* `why` is the struct err_text that the call was given. */
#define assert_trap_ok(call, why)                                         \
    do {                                                                  \
        const enum trap_err result_ = (call);                             \
        if (result_ != TRAP_OK)                                           \
            fail_msg("%s: %s: %s", #call, err_name(result_), (why).text); \
    } while (0)

#endif
