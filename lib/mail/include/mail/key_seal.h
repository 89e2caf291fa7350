/* key_seal.h - a keyring sealed with a passphrase, for `trapline keys export` and `keys import`.
 *
 * Form:    text "trapline-sealed-keys 1", then salt, nonce and box in base64 lines (Argon2id moderate,
 *          XSalsa20-Poly1305). Blank lines and CR at line ends, as mail programs add them, do no harm when
 *          opening.
 * Errors:  sealing an empty keyring or with an empty passphrase: TRAP_EINVAL. Opening with a wrong
 *          passphrase or a damaged text: TRAP_EPERM; a text of a later version: TRAP_ENEWER. TRAP_ENOMEM:
 *          Argon2id needs 256 MiB.
 * Time:    about a second of one core: never in a loop thread.
 * Owns:    the caller wipes passphrase and keyring (keyring_wipe).
 * Threads: any, after keyed_init(). Tests: tests/unit/mail/test_key_seal.c
 */
#ifndef MAIL_KEY_SEAL_H
#define MAIL_KEY_SEAL_H

#include <base/buf.h>
#include <base/keyring.h>

/* Appends at most KEY_SEAL_TEXT_MAX bytes to *text_out. */
enum { KEY_SEAL_TEXT_MAX = 512 };
TRAP_NODISCARD enum trap_err key_seal(const struct keyring *k, struct bytes passphrase, struct buf *text_out);
TRAP_NODISCARD enum trap_err key_open(struct bytes text, struct bytes passphrase, struct keyring *out);

#endif
