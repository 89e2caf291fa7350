/* mint.h - trap addresses that carry (node, epoch, serial, slot) and authenticate themselves.
 *
 * Why:     a sink with the keys tells a minted address from a guess without a database (docs/adr/0004).
 * Text:    name (3-7 letters, one of 1,024) + three syllables (256 of one fixed three-letter pattern) + 0-4 digits
 *          (8,192 of the 11,111 forms): 10 + 24 + 13 = 47 bits, every 47-bit integer is one text. <= 20 characters.
 * Integer: outer keyed permutation of 47 bits, tweak = trap domain, over node (8) and 39 bits; those are a keyed permutation under
 *          K(node, epoch), tweak = trap domain, of serial (27), slot (3), check (9, zero). Feistel with SipHash-2-4, ten rounds.
 * Keys:    K(node) = kdf(master, node), K(node, epoch) = kdf(K(node), epoch), outer = kdf(master): crypto_kdf of libsodium.
 * Limits:  a guess passes with 2^-9 for each (node, epoch) key that is tried.
 * Version: word lists and layout are version 1 and never change; tests/fixtures/mint/golden-1.tsv proves it.
 * Owns:    struct mint holds key material; mint_free() wipes it.
 * Threads: a struct mint is read-only after mint_new() but for the epoch cache: one struct per thread, or one lock.
 * Tests:   tests/unit/mail/test_mint*.c
 */
#ifndef MAIL_MINT_H
#define MAIL_MINT_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/keyring.h>

enum { MINT_VERSION = 1, MINT_SLOTS = 8, MINT_LOCAL_MAX = 20, MINT_DOMAIN_MAX = 253,
       MINT_SERIAL_COUNT = 1 << 27, MINT_EPOCH_SERIALS = (1 << 27) / 4 * 3 };

struct mint_ref {
    uint8_t node;
    uint32_t epoch;
    uint32_t serial;   /* < MINT_SERIAL_COUNT */
    uint8_t slot;      /* < MINT_SLOTS */
};

struct mint;
/* Keys with the master decode every node; keys with a node key only encode and decode that node. */
TRAP_NODISCARD enum trap_err mint_new(const struct keyring *keys, struct mint **out);
void mint_free(struct mint **m);

/* Fills in outer and the node key from the master: what a web node is given. */
void mint_node_keys(const uint8_t master[KEY_BYTES], uint8_t node_id, struct keyring *web_out);

/* A trap domain prepared as tweak: compute once per domain. The name is lower-cased here. */
struct mint_domain {
    uint64_t outer_tweak, inner_tweak;
};
struct mint_domain mint_domain(const struct mint *m, struct bytes name);

/* Local-part of the address into out (not NUL-terminated); returns its length. TRAP_EPERM-like misuse (a node without
 * key, serial or slot out of range) is TRAP_BUG_ON. */
size_t mint_encode(struct mint *m, struct mint_domain domain, struct mint_ref ref, uint8_t out[MINT_LOCAL_MAX]);

/* Is this text of the minted form? Case-insensitive, no keys needed. */
bool mint_is_form(struct bytes local);

/* Which epochs of which node are tried: for every node byte. newest = 0 and count = 0: node unknown, nothing passes. */
struct mint_window {
    struct { uint32_t newest, count; } node[256];   /* epochs newest-count+1 … newest; epochs count from 1 */
};

/* Exact form only. TRAP_OK: authentic under one epoch of the window. TRAP_ENOENT: not ours (whatever the reason); costs the same
 * work for every text of minted form, and a dummy decode of equal cost is done for a text that is not. */
TRAP_NODISCARD enum trap_err mint_decode(struct mint *m, struct mint_domain domain, struct bytes local,
                                         const struct mint_window *window, struct mint_ref *out);

/* What harvesters garble (glued prefixes and suffixes, case, `u003e`, trailing dot …): tries the exact form, then every repaired
 * form, at most MINT_REPAIRS_MAX. For the fold only. *repaired_out tells which it was. */
enum { MINT_REPAIRS_MAX = 64 };
TRAP_NODISCARD enum trap_err mint_decode_repaired(struct mint *m, struct mint_domain domain, struct bytes local,
                                                  const struct mint_window *window, struct mint_ref *out, bool *repaired_out);

#endif
