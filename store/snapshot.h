/* snapshot.h - has a file that is replaced as a whole been replaced? One stat(2).
 *
 * Threads: one per stamp.
 */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include <store/epochs.h>

/* Compares with *stamp and updates it; a missing file is the zero stamp. */
bool snapshot_changed(const char *path, struct snapshot_stamp *stamp);
/* "dir/snap/name"; makes dir/snap where `make` is set. */
TRAP_NODISCARD enum trap_err snapshot_path(const char *dir, const char *name, bool make, char *out,
                                           struct err_text *why);

#endif
