/* loop_memory.h - what libev gets when it asks for memory. Private to lib/base.
 *
 * Why:     libev ends the process when it gets none. Its arrays (descriptors, changes, pending events,
 *          timers, what epoll_wait fills) grow with the descriptors that were ever open, by doubling, and
 *          never shrink.
 * How:     malloc first. Where that fails, address space that was reserved at the start and is not touched
 *          before: LOOP_BYTES_PER_FD for each descriptor that the process may open. What is taken from it is
 *          not given back: each array grows once through each size.
 * Bound:   per descriptor 16 + 4 + 16 + 16 + 12 bytes of the five arrays, doubled by the rounding to powers
 *          of two, and once more by the smaller ones that are left behind: less than 256. A limit of 65,536
 *          open files reserves 16 MiB of address space.
 * Threads: any.
 * Tests:   tests/unit/base/test_loop_memory.c, tests/fault/test_allocation.py
 */
#ifndef BASE_LOOP_MEMORY_H
#define BASE_LOOP_MEMORY_H

#include <base/err.h>

#include <stddef.h>

enum { LOOP_BYTES_PER_FD = 256, LOOP_FDS_MAX = 262144 };

/* Once is enough; further calls do nothing. TRAP_ENOMEM: no address space. */
TRAP_NODISCARD enum trap_err loop_memory_reserve(void);

/* As realloc; n = 0 frees. What libev calls. */
void *loop_memory(void *old, long n);

#endif
