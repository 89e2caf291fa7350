/* mint_repair.h - where in a garbled local-part a minted one may hide.
 *
 * Why:     harvesters glue things to addresses: `--`, `u003e`, `n`, `3d`, `20`, `mailto:`, the word before
 *          or behind, a trailing dot, `?subject=…`. Every such form still holds the whole address, so that
 *          each run of bytes that is of minted form is a candidate; no table of prefixes has to be
 *          complete.
 * Order:   those that end at a border (end of the input, a byte that is neither letter nor digit) before
 *          those that end inside of a word; among them those that begin at a border, then behind known
 *          glue, then inside of a word; longer names first.
 * Limits:  a candidate takes all digits that follow its letters, never a part of them: each candidate is
 *          one more draw for a guess.
 * Owns:    nothing: candidates point into the input.
 * Threads: any. Tests: tests/unit/mail/test_mint_repair.c
 */
#ifndef MINT_REPAIR_H
#define MINT_REPAIR_H

#include <base/bytes.h>
#include <mail/mint.h>

/* Candidates of the first MINT_REPAIR_INPUT_MAX bytes, without the input itself; returns how many. */
size_t mint_repairs(struct bytes local, struct bytes out[MINT_REPAIRS_MAX]);

#endif
