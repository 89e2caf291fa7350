/* event_dump.h - the logs as lines of JSON on standard output.
 *
 * Threads: main only.
 */
#ifndef TRAPLINE_EVENT_DUMP_H
#define TRAPLINE_EVENT_DUMP_H

#include "event.h"
#include "home.h"

/* h has HOME_LOGS. Returns the exit code. */
int event_dump(struct home *h, wall_t as_of);

#endif
