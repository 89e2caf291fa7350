/* trap_cli.h - what the parts of `trapline trap` share: the batch of acts, and the options of a new trap.
 *
 * Threads: main only.
 */
#ifndef TRAPLINE_TRAP_CLI_H
#define TRAPLINE_TRAP_CLI_H

#include "home.h"

#include <store/act_log.h>
#include <store/trapdir.h>

struct trap_change {
    struct config *config;
    struct store_db *acts;
    struct bytes who, why;
    const char *condition, *observe; /* as given; NULL: the configuration's, for recycled traps */
    struct act batch[ACT_BATCH_MAX];
    char detail[ACT_BATCH_MAX][64]; /* of each act of the batch */
    size_t pending;
    uint64_t total;
    bool built; /* the snapshot, since the last act */
};

/* --by, --why, --condition, --observe; a wrong one is told. 0: fine. */
int trap_options(struct cli *cli, struct trap_change *t);
bool trap_class_ok(struct bytes word);
/* local@domain or a domain: no blanks, no control characters, a dot in the domain, at most one '@'. */
bool trap_subject_ok(struct bytes s);
/* The subject must live until the next flush. */
TRAP_NODISCARD enum trap_err trap_push(struct trap_change *t, enum act_kind kind, struct bytes subject,
                                       struct bytes klass, struct err_text *why);
TRAP_NODISCARD enum trap_err trap_flush(struct trap_change *t, struct err_text *why);

/* The snapshot for the daemons. 0: fine. */
int trap_build(struct trap_change *t);

/* trap_import.c */
int trap_import(struct trap_change *t, struct cli *cli);

#endif
