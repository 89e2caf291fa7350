/* socket.h - sockets that clients connect to.
 *
 * Sockets: not blocking, close-on-exec, SO_REUSEADDR; IPv6 ones for IPv6 only, so that "[::]" and "0.0.0.0"
 *          stand side by side.
 * Paths:   sockets in the file system may be connected to by owner and group only (0660).
 * Errors:  TRAP_EBUSY the port, or the path, is in use, TRAP_EPERM not allowed to bind it, TRAP_EIO anything
 *          else; the text names `key`, the configuration key that asked for it.
 * Threads: any.
 * Tests:   tests/unit/base/test_socket.c
 */
#ifndef BASE_SOCKET_H
#define BASE_SOCKET_H

#include <base/config.h>

/* Bound and listening. *fd_out is the caller's. */
TRAP_NODISCARD enum trap_err socket_listen(const char *key, struct endpoint e, int *fd_out,
                                           struct err_text *why);
/* The same at a path; group "" is that of the process. A socket that nobody listens on any more is replaced;
 * what is no socket never is. */
TRAP_NODISCARD enum trap_err socket_listen_path(const char *key, const char *path, const char *group,
                                                int *fd_out, struct err_text *why);

#endif
