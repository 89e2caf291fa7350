#include "control.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread int control_looking;

/* Without any function that a library of this folder stands before. */
static void die(const char *what)
{
    (void)syscall(SYS_write, 2, "shim: ", 6);
    (void)syscall(SYS_write, 2, what, strlen(what));
    (void)syscall(SYS_write, 2, "\n", 1);
    _exit(126);
}

void *control_map(const char *variable)
{
    const char *path = getenv(variable);
    void *p;
    int fd;

    if (path == NULL)
        return NULL;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd == -1)
        die(variable);
    p = mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        die(variable);
    (void)syscall(SYS_close, fd);
    return p;
}

void next_function(const char *name, void *out)
{
    void *p;

    control_looking++;
    p = dlsym(RTLD_NEXT, name);
    control_looking--;
    if (p == NULL)
        die(name);
    memcpy(out, &p, sizeof p); /* no cast leads from an object pointer to a function pointer */
}
