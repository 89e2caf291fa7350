/* init.h - making an installation: used by `trapline init` and `trapline demo`.
 *
 * Errors:  one line on standard error; the exit code is returned, 0 is success. Never overwrites: dir must be
 *          absent or empty.
 * Threads: main only.
 */
#ifndef TRAPLINE_INIT_H
#define TRAPLINE_INIT_H

#include "cli.h"

enum { INIT_NODE_ID = 1 };

/* Directory (absolute), keys, databases; the configuration last, after it passed our own parser. */
int init_make(const char *dir, struct bytes config_text);

#endif
