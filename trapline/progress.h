/* progress.h - how far a long command has come, on standard error when that is a terminal.
 *
 * Threads: main only.
 */
#ifndef TRAPLINE_PROGRESS_H
#define TRAPLINE_PROGRESS_H

#include <store/backup.h>

extern const struct store_progress progress_on_terminal;
/* Wipes the line. */
void progress_end(void);

#endif
