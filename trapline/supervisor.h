/* supervisor.h - starts the daemons, waits until they are ready, restarts one that fails, stops them in the
 * end.
 *
 * Rule:    a daemon that ends with a code that a restart cannot mend (configuration, port in use, permission,
 *          database) before it was ready ends everything with that code: nothing is left half started. Later
 *          failures are restarted after 1 s, then 2, 4 … 60 s.
 * Ready:   each child tells by NOTIFY_SOCKET (base/daemon.h) over a socket in the state directory's snap
 *          folder.
 * Stop:    SIGTERM to all at once; after 15 s SIGKILL to what is left, which is an error.
 * Threads: main only.
 */
#ifndef TRAPLINE_SUPERVISOR_H
#define TRAPLINE_SUPERVISOR_H

#include <base/config.h>

#include <sys/types.h>

struct supervisor;
/* Starts all and returns when every one is ready, or with the exit code of the first that gave up (a line was
 * said). */
int supervisor_start(const struct config *c, struct supervisor **out);
/* Until a stop signal; returns the exit code. `ms` < 0: no limit, else returns -1 after that time with all
 * still running. */
int supervisor_wait(struct supervisor *s, int ms);
int supervisor_stop(struct supervisor **s);

#endif
