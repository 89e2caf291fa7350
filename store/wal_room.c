#include "wal_room.h"

enum { STEP = 1 << 20, LOW = STEP / 4, PIECE = 1 << 16 /* SQLite writes at most 128 kB at once */ };

static sqlite3_file *wal_of(struct store_db *db)
{
    sqlite3_file *wal = NULL;

    if (sqlite3_file_control(db->sq, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) != SQLITE_OK || wal == NULL ||
        wal->pMethods == NULL)
        return NULL;
    return wal;
}

static void lengthen(struct wal_room *room, sqlite3_file *wal)
{
    static const uint8_t zeros[PIECE];

    for (unsigned i = 0; i < STEP / PIECE; i++) {
        if (wal->pMethods->xWrite(wal, zeros, PIECE, (sqlite3_int64)room->bytes) != SQLITE_OK)
            return;
        room->bytes += PIECE;
    }
}

void wal_room_ahead(struct wal_room *room, struct store_db *db, uint64_t used)
{
    sqlite3_file *wal;
    sqlite3_int64 length;

    if (used < room->used) /* begun anew, and maybe cut (journal_size_limit) */
        room->bytes = 0;
    room->used = used;
    if (used + LOW <= room->bytes)
        return;
    wal = wal_of(db);
    if (wal == NULL || wal->pMethods->xFileSize(wal, &length) != SQLITE_OK)
        return;
    room->bytes = (uint64_t)length;
    if (used + LOW > room->bytes)
        lengthen(room, wal);
}
