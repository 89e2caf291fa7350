#include "seqlist.h"

#include <stdlib.h>

enum trap_err seqlist_read(struct store_db *db, sqlite3_stmt *st, uint32_t limit, struct seqlist *out)
{
    struct seqlist list = { NULL, 0 };
    size_t room = 0;
    enum trap_err err = TRAP_OK;

    while (list.n < limit && (err = db_step(db, st)) == TRAP_OK) {
        if (list.n == room) {
            uint64_t *more;

            room = room == 0 ? 64 : room * 2;
            more = realloc(list.v, room * sizeof *more);
            if (more == NULL) {
                err = TRAP_ENOMEM;
                break;
            }
            list.v = more;
        }
        list.v[list.n++] = (uint64_t)sqlite3_column_int64(st, 0);
    }
    (void)sqlite3_reset(st);
    if (err != TRAP_OK && err != TRAP_ENOENT) {
        free(list.v);
        return err;
    }
    *out = list;
    return TRAP_OK;
}
