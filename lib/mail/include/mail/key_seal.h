/* key_seal.h - a keyring sealed with a passphrase, for `trapline keys export` and `keys import`.
 *
 * Form:    text "trapline-sealed-keys 1", then salt, nonce and box in base64 lines (Argon2id moderate, XSalsa20-Poly1305).
 * Errors:  opening with a wrong passphrase or a damaged text: TRAP_EPERM.
 * Threads: any. Tests: tests/unit/mail/test_key_seal.c
 */
#ifndef MAIL_KEY_SEAL_H
#define MAIL_KEY_SEAL_H

#include <base/buf.h>
#include <base/keyring.h>

TRAP_NODISCARD enum trap_err key_seal(const struct keyring *k, struct bytes passphrase, struct buf *text_out);
TRAP_NODISCARD enum trap_err key_open(struct bytes text, struct bytes passphrase, struct keyring *out);

#endif
