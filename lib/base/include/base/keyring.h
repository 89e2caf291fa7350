/* keyring.h - the key files on disk: read, write, check how open they are. What the keys mean is lib/mail's
 * business.
 *
 * Form:    text, one key a line: `trapline-keys 1`, then `master <64 hex>` and/or `node <id> <64 hex>` (one
 *          line each, `outer <32 hex>` beside a node key). '#' starts a comment. keys/master.key holds
 *          master; keys/web.key holds outer and this node's key, so that the theft of a web host reveals
 *          nothing of the other nodes.
 * Errors:  TRAP_EPERM when the group or others may read the file, or its owner is neither the caller nor
 *          root; TRAP_ENOENT, TRAP_EIO, TRAP_EINVAL with file:line. Each text says what to do.
 * Owns:    the struct holds secrets: keyring_wipe() before it goes away.
 * Threads: any.
 * Tests:   tests/unit/base/test_keyring.c
 */
#ifndef BASE_KEYRING_H
#define BASE_KEYRING_H

#include <base/err.h>

#include <stdbool.h>
#include <stdint.h>

enum { KEY_BYTES = 32, KEY_OUTER_BYTES = 16 };

struct keyring {
    bool has_master, has_node;
    uint8_t master[KEY_BYTES];
    uint8_t outer[KEY_OUTER_BYTES];   /* with has_node */
    uint8_t node_id;                  /* with has_node */
    uint8_t node[KEY_BYTES];          /* with has_node */
};

TRAP_NODISCARD enum trap_err keyring_read(const char *path, struct keyring *out, struct err_text *why);
/* Creates the file, 0600; never overwrites (TRAP_EEXIST). */
TRAP_NODISCARD enum trap_err keyring_create(const char *path, const struct keyring *k, struct err_text *why);
void keyring_wipe(struct keyring *k);

#endif
