/* backup_manifest.h - MANIFEST of a backup: which files it has, and what is in them.
 *
 * Form:    text: `trapline-backup 1`, `made TIME`, `node N`, `keys SIGN`, then `file SHA256 BYTES NAME` a
 *          line; the last line is `end`. SIGN tells one master key from another and nothing else of it; there
 *          is none where the key could not be read. Names are below the folder of the backup, without "..".
 * Threads: main only. Tests: tests/functional/test_backup.py
 */
#ifndef TRAPLINE_BACKUP_MANIFEST_H
#define TRAPLINE_BACKUP_MANIFEST_H

#include "cli.h"

#include <base/buf.h>
#include <base/config.h>
#include <mail/digest.h>

enum { BACKUP_FILES_MAX = 64, BACKUP_NAME_MAX = 128 };
struct backup_file {
    char name[BACKUP_NAME_MAX], sha256[DIGEST_HEX_MAX];
    uint64_t bytes;
};
struct backup_manifest {
    wall_t made;
    uint32_t node;
    uint64_t keys; /* 0: not known */
    struct backup_file file[BACKUP_FILES_MAX];
    size_t n;
};

/* Reads DIR/name through and adds it. */
TRAP_NODISCARD enum trap_err backup_manifest_add(struct backup_manifest *m, const char *dir, const char *name,
                                                 struct err_text *why);
/* Durable; the last thing that a backup writes. */
TRAP_NODISCARD enum trap_err backup_manifest_write(const struct backup_manifest *m, const char *dir,
                                                   struct err_text *why);
TRAP_NODISCARD enum trap_err backup_manifest_read(const char *dir, struct backup_manifest *out,
                                                  struct err_text *why);
/* Every file is there and is what the manifest says. */
TRAP_NODISCARD enum trap_err backup_manifest_check(const struct backup_manifest *m, const char *dir,
                                                   struct err_text *why);
/* The sign of the installation's master key, read as the owner of state_dir; 0 when it cannot be read. */
uint64_t backup_keys_sign(const struct config *c);
bool backup_manifest_has(const struct backup_manifest *m, const char *name);

/* Copies a file, durable, mode 0600, owned as its folder. */
TRAP_NODISCARD enum trap_err backup_copy(const char *from, const char *to, struct err_text *why);

#endif
