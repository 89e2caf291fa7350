/* act_parts.h - walks through acts.db that leave out what most of it is: traps, look-ups, extracts.
 *
 * Threads: as act_log.h.
 */
#ifndef STORE_ACT_PARTS_H
#define STORE_ACT_PARTS_H

#include <store/act_log.h>

enum act_choice {
    ACT_CHOICE_ALL,
    ACT_CHOICE_REVOKES,
    ACT_CHOICE_FEW /* all but ACT_TRAP_ADD, ACT_TRAP_RETIRE, ACT_LOOKUP, ACT_EXTRACT: of those there may be millions */
};
#define ACT_MANY_KINDS                                                            \
    (UINT32_C(1) << ACT_TRAP_ADD | UINT32_C(1) << ACT_TRAP_RETIRE |               \
     UINT32_C(1) << ACT_LOOKUP | UINT32_C(1) << ACT_EXTRACT)
/* Of the chosen ones those behind `after` up to `upto`. */
TRAP_NODISCARD enum trap_err act_walk(struct store_db *db, enum act_choice choice, uint64_t upto, act_fn *fn,
                                      void *arg);

#endif
