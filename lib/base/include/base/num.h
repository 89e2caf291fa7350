/* num.h - strict numbers from text.
 *
 * Rule:    the whole input is the number: no sign (but num_i64), no blanks, no locale, no 0x, nothing behind
 *          it. Leading zeros are allowed. Range in the call.
 * Errors:  TRAP_EINVAL malformed or empty, TRAP_ERANGE outside [min, max] or does not fit.
 * Threads: any.
 * Tests:   tests/unit/base/test_num.c
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/time.h>

TRAP_NODISCARD enum trap_err num_u32(struct bytes in, uint32_t min, uint32_t max, uint32_t *out);
TRAP_NODISCARD enum trap_err num_u64(struct bytes in, uint64_t min, uint64_t max, uint64_t *out);
TRAP_NODISCARD enum trap_err num_i64(struct bytes in, int64_t min, int64_t max, int64_t *out);

/* "64k", "10M", "2G" (powers of 1,024) or plain bytes. */
TRAP_NODISCARD enum trap_err num_size(struct bytes in, uint64_t max, uint64_t *bytes_out);

/* "150ms", "30s", "5m", "12h", "7d". A unit is required, but for "0". */
TRAP_NODISCARD enum trap_err num_span(struct bytes in, span_t max, span_t *out);

/* "2", "0.25", "1.5": decimal with at most three places, in thousandths. */
TRAP_NODISCARD enum trap_err num_milli(struct bytes in, uint32_t max_milli, uint32_t *milli_out);

#endif
