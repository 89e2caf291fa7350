/* trapdir_parts.h - the sources of the trap directory: trap_file, and the snapshot of the acts.
 *
 * Threads: as trapdir.h.
 */
#ifndef STORE_TRAPDIR_PARTS_H
#define STORE_TRAPDIR_PARTS_H

#include "snapshot.h"
#include "trap_image.h"

#include <store/trapdir.h>

/* Where an item of the configuration's image comes from. */
enum trapdir_tag {
    TRAPDIR_TAG_CONFIGURATION,
    TRAPDIR_TAG_FILE,
    TRAPDIR_TAG_DOMAIN /* + index of the configured domain */
};

/* "pristine", "recycled", "typo" -> rcpt_class. */
TRAP_NODISCARD enum trap_err trapdir_class_parse(struct bytes in, uint8_t *klass_out);
/* Adds a trap, and the domain of an address as local. */
TRAP_NODISCARD enum trap_err trapdir_list_add(struct trap_list *l, struct bytes name, uint8_t klass,
                                              uint32_t tag);

/* `address class` or `domain class` a line, '#' comments. TRAP_EINVAL with file:line. */
TRAP_NODISCARD enum trap_err trapdir_file_read(const char *path, struct trap_list *l, struct err_text *why);

/* ---- snap/traps ---- */
struct trapdir_snapshot {
    bool loaded; /* false: there is none */
    struct buf bytes;
    struct trap_image image;
};
/* A missing file gives loaded = false. */
TRAP_NODISCARD enum trap_err trapdir_snapshot_load(const char *path, struct trapdir_snapshot *out,
                                                   struct err_text *why);
void trapdir_snapshot_free(struct trapdir_snapshot *s);

#endif
