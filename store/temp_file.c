#include "temp_file.h"

#include <base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum trap_err temp_file_open(const char *dir, int *fd_out)
{
    char path[PATH_TEXT_MAX];
    int fd;

    if (path_join(dir, ".rebuild.XXXXXX", path) != TRAP_OK)
        return TRAP_ERANGE;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd == -1)
        return errno == ENOSPC || errno == EDQUOT ? TRAP_EFULL : TRAP_EIO;
    (void)unlink(path);
    *fd_out = fd;
    return TRAP_OK;
}
