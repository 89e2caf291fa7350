/* control.h - what the libraries of this folder share: a file that the test writes and the daemon maps, and
 * the way to libc. */
#ifndef SHIM_CONTROL_H
#define SHIM_CONTROL_H

#include <stddef.h>

enum { CONTROL_BYTES = 4096 };

/* Each library of a process that has two of them uses its own. */
#pragma GCC visibility push(hidden)

/* The file that the environment variable names, mapped; NULL when the variable is not set. Ends the process
 * when the file cannot be mapped: a test must not run without what it asked for. */
void *control_map(const char *variable);

/* The function of that name in the libraries behind this one. While a thread looks for one, control_looking
 * is not 0 there: the dynamic linker calls functions that we stand before. */
void next_function(const char *name, void *out);
extern __thread int control_looking;

#pragma GCC visibility pop

/* A function-local pointer to it, looked up at the first call. */
#define NEXT(name)                                             \
    ({                                                         \
        static __typeof__(name) *found;                        \
        if (__atomic_load_n(&found, __ATOMIC_ACQUIRE) == NULL) \
            next_function(#name, &found);                      \
        found;                                                 \
    })

#endif
