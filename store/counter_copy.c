#include "counter_copy.h"

#include "hit_row.h"

#include <store/hit_log.h>

static enum trap_err put(const struct counter_row *c, void *arg)
{
    return counter_row_add(arg, c);
}

enum trap_err counter_copy(struct store_db *from, struct store_db *to)
{
    enum trap_err err = db_exec(to, "BEGIN");

    if (err == TRAP_OK)
        err = counter_each(from, put, to);
    if (err == TRAP_OK)
        err = db_exec(to, "COMMIT");
    if (err != TRAP_OK && sqlite3_get_autocommit(to->sq) == 0)
        (void)sqlite3_exec(to->sq, "ROLLBACK", NULL, NULL, NULL);
    return err;
}
