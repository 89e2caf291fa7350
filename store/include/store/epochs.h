/* epochs.h - which epochs of which node count at RCPT time: a small snapshot, state_dir/snap/epochs.
 *
 * Form:    text: `trapline-epochs 1`, then one `<node> <newest>` line a node. Replaced atomically and
 *          durably.
 * Rule:    an epoch is announced here before an address of it is shown: when seven tenths of the serials are
 *          used; it begins at three quarters. A reader counts newest .. newest-3.
 * Threads: reading any; writing: the one trapweb of the state directory.
 * Tests:   tests/unit/store/test_epochs.c
 */
#ifndef STORE_EPOCHS_H
#define STORE_EPOCHS_H

#include <base/err.h>
#include <mail/mint.h>

enum { EPOCHS_COUNTED = 4 };
TRAP_NODISCARD enum trap_err epochs_announce(const char *dir, uint8_t node, uint32_t newest, struct err_text *why);
/* A missing file gives an empty window. */
TRAP_NODISCARD enum trap_err epochs_read(const char *dir, struct mint_window *out, struct err_text *why);

/* Has the snapshot changed since *stamp? Updates it. One stat(2). */
struct snapshot_stamp {
    int64_t mtime_ns;
    uint64_t inode, size;
};
bool epochs_changed(const char *dir, struct snapshot_stamp *stamp);

#endif
