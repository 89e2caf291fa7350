#include "loop_memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { HEAD = 16 }; /* in front of each piece: its size, and the alignment that malloc gives */

static uint8_t *reserve;
static size_t reserve_size;
static _Atomic size_t reserve_used;

static void make_reserve(void)
{
    struct rlimit files;
    size_t fds = LOOP_FDS_MAX;
    void *p;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < fds)
        fds = (size_t)files.rlim_cur;
    p = mmap(NULL, fds * LOOP_BYTES_PER_FD, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return;
    reserve = p;
    reserve_size = fds * LOOP_BYTES_PER_FD;
}

enum trap_err loop_memory_reserve(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_reserve);
    return reserve != NULL ? TRAP_OK : TRAP_ENOMEM;
}

static bool is_reserved(const void *p)
{
    return reserve != NULL && (uintptr_t)p - (uintptr_t)reserve < reserve_size;
}

static size_t size_of(void *p)
{
    size_t n;

    if (p == NULL)
        return 0;
    if (!is_reserved(p))
        return malloc_usable_size(p);
    memcpy(&n, (const uint8_t *)p - HEAD, sizeof n);
    return n;
}

static void *take_reserved(size_t n)
{
    const size_t whole = HEAD + (n + HEAD - 1) / HEAD * HEAD;
    size_t at = atomic_load(&reserve_used);

    do {
        if (whole > reserve_size - at)
            return NULL;
    } while (!atomic_compare_exchange_weak(&reserve_used, &at, at + whole));
    memcpy(reserve + at, &n, sizeof n);
    return reserve + at + HEAD;
}

static void give_back(void *p)
{
    if (!is_reserved(p))
        free(p);
}

void *loop_memory(void *old, long n)
{
    const size_t wanted = (size_t)n, had = size_of(old);
    void *p;

    if (n == 0) {
        give_back(old);
        return NULL;
    }
    if (is_reserved(old)) {
        p = malloc(wanted);
    } else {
        p = realloc(old, wanted);
        if (p != NULL)
            return p;
    }
    if (p == NULL)
        p = take_reserved(wanted);
    if (p == NULL)
        return NULL;
    if (had > 0)
        memcpy(p, old, had < wanted ? had : wanted);
    give_back(old);
    return p;
}
