/* wal_room.h - a WAL that is made longer ahead of its use.
 *
 * Why:     an fsync of a file that grows writes its metadata, too: three waits for the disk instead of one
 *          (350 us and 150 us of CPU time against 170 and 75: docs/adr/0005). Zeros are no frames to SQLite;
 *          once the WAL begins anew it is long enough already.
 * Bounds:  a step beyond what is in use, and only for a busy writer: a quiet installation has a short WAL.
 * Errors:  none: where there is no room, the WAL grows by itself, or the commit says what is wrong.
 * Threads: the writer's.
 * Tests:   tests/unit/store/test_wal_room.c
 */
#ifndef STORE_WAL_ROOM_H
#define STORE_WAL_ROOM_H

#include "db.h"

struct wal_room {
    uint64_t used, bytes; /* frames; length when it was last looked at */
};
/* After a commit: `used` bytes of the WAL hold frames. */
void wal_room_ahead(struct wal_room *room, struct store_db *db, uint64_t used);

#endif
