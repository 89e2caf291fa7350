/* mint.h - trap addresses that carry (node, epoch, serial, slot) and authenticate themselves.
 *
 * Why:     a sink with the keys tells a minted address from a guess without a database
 *          (docs/adr/0004-mint.md).
 * Text:    name (3-7 letters, one of 1,024) + three syllables (256 of one fixed three-letter pattern) + 0-4
 *          digits (8,192 of the 11,111 forms): 10 + 24 + 13 = 47 bits, every 47-bit integer is one text.
 *          12-20 characters.
 * Integer: outer keyed permutation of 47 bits, tweak = trap domain, over node (8) and 39 bits; those are a
 *          keyed permutation under K(node, epoch), tweak = trap domain, of serial (27), slot (3), check (9,
 *          zero). Feistel with SipHash-2-4, ten rounds.
 * Keys:    K(node) = kdf(master, node), K(node, epoch) = kdf(K(node), epoch), outer = kdf(master):
 *          crypto_kdf of libsodium.
 * Limits:  a guess of minted form passes with 2^-9 for each epoch that is tried of the node it happens to
 *          name.
 * Version: word lists and layout are version 1 and never change; tests/fixtures/mint/golden-1.tsv proves
 *          it.
 * Owns:    struct mint holds key material in locked memory; mint_free() wipes it. After keyed_init() only.
 * Threads: a struct mint is read-only after mint_new() but for the epoch cache: one struct per thread, or
 *          one lock.
 * Tests:   tests/unit/mail/test_mint*.c, tests/fuzz/fuzz_mint_decode.c
 */
#ifndef MAIL_MINT_H
#define MAIL_MINT_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/keyring.h>

enum {
    MINT_VERSION = 1,
    MINT_SLOTS = 8,
    MINT_LOCAL_MAX = 20,
    MINT_DOMAIN_MAX = 253,
    MINT_SERIAL_COUNT = 1 << 27,
    MINT_EPOCH_SERIALS = (1 << 27) / 4 * 3
};

struct mint_ref {
    uint8_t node;
    uint32_t epoch;
    uint32_t serial; /* < MINT_SERIAL_COUNT */
    uint8_t slot;    /* < MINT_SLOTS */
};

struct mint;
/* Keys with the master decode every node; keys with a node key only encode and decode that node. TRAP_EINVAL:
 * neither, or both that do not belong together. mint_free() is for what mint_new() gave, or NULL. */
TRAP_NODISCARD enum trap_err mint_new(const struct keyring *keys, struct mint **out);
/* The same keys, for another thread. */
TRAP_NODISCARD enum trap_err mint_copy(const struct mint *m, struct mint **out);
void mint_free(struct mint **m);

/* Fills in outer and the node key from the master: what a web node is given. */
void mint_node_keys(const uint8_t master[KEY_BYTES], uint8_t node_id, struct keyring *web_out);

/* A trap domain prepared as tweak: compute once per domain. The name is lower-cased here; what lies behind
 * MINT_DOMAIN_MAX bytes is ignored (no such name exists in DNS). */
struct mint_domain {
    uint64_t outer_tweak, inner_tweak;
};
struct mint_domain mint_domain(const struct mint *m, struct bytes name);

/* Local-part of the address into out (not NUL-terminated); returns its length. Misuse (a node without key,
 * epoch 0, serial or slot out of range) is TRAP_BUG_ON. */
size_t mint_encode(struct mint *m, struct mint_domain domain, struct mint_ref ref,
                   uint8_t out[MINT_LOCAL_MAX]);

/* Is this text of the minted form? Case-insensitive, no keys needed. */
bool mint_is_form(struct bytes local);

/* Which epochs of which node are tried: for every node byte. newest = 0 and count = 0: node unknown, nothing
 * passes. A count above newest means all epochs up to newest. */
struct mint_window {
    struct {
        uint32_t newest, count;
    } node[256]; /* epochs newest-count+1 … newest; epochs count from 1 */
};

/* Exact form only: "is it ours?" at RCPT time. TRAP_OK: authentic under an epoch of the window, the newest
 * such one in *out. TRAP_ENOENT: not ours (whatever the reason). The work depends on the window alone:
 * unknown nodes, wrong keys and texts that are not of minted form cost as many decodes as a good address. */
TRAP_NODISCARD enum trap_err mint_decode(struct mint *m, struct mint_domain domain, struct bytes local,
                                         const struct mint_window *window, struct mint_ref *out);

/* What harvesters garble (glued prefixes and suffixes, case, `u003e`, trailing dot …): the exact form, then
 * repaired ones, the likeliest first, at most MINT_REPAIRS_MAX; only the first MINT_REPAIR_INPUT_MAX bytes
 * are looked at. For the fold only. *repaired_out tells which it was. */
enum { MINT_REPAIRS_MAX = 64, MINT_REPAIR_INPUT_MAX = 256 };
TRAP_NODISCARD enum trap_err mint_decode_repaired(struct mint *m, struct mint_domain domain,
                                                  struct bytes local, const struct mint_window *window,
                                                  struct mint_ref *out, bool *repaired_out);

/* As mint_decode_repaired, but with every reading of the form that decoded, newest epoch first. An authentic
 * address reads under its own epoch and, with 2^-9 for each other epoch tried, under a wrong one, too: 0.6 %
 * of addresses in a window of four epochs, 18 % in one of a hundred. Whoever ties an address to its visit
 * must look at all of them: keep those whose visit is on record for this domain and slot, and blame nobody
 * when more than one is left. Returns how many (0: not ours), at most MINT_READINGS_MAX. */
enum { MINT_READINGS_MAX = 16 };
size_t mint_read_all(struct mint *m, struct mint_domain domain, struct bytes local,
                     const struct mint_window *window, struct mint_ref out[MINT_READINGS_MAX],
                     bool *repaired_out);

#endif
