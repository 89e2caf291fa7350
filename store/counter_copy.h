/* counter_copy.h - all counter rows of one hits.db into another.
 *
 * Threads: one.
 */
#ifndef STORE_COUNTER_COPY_H
#define STORE_COUNTER_COPY_H

#include "db.h"

TRAP_NODISCARD enum trap_err counter_copy(struct store_db *from, struct store_db *to);

#endif
