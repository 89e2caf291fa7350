/* temp_file.h - a file without a name: gone with the process, whatever ends it.
 *
 * Threads: any. Tests: tests/unit/store/test_spool.c
 */
#ifndef STORE_TEMP_FILE_H
#define STORE_TEMP_FILE_H

#include <base/err.h>

/* In a directory, for reading and writing. TRAP_EFULL, TRAP_EIO. The caller closes it. */
TRAP_NODISCARD enum trap_err temp_file_open(const char *dir, int *fd_out);

#endif
