/* sample.h - heads of messages: what samples.db holds of a hit, and of its campaign.
 *
 * Kept:    the first message of each digest (mail/body_digest.h), at most SAMPLES_PER_SENDER_DAY of one
 *          sender key and UTC day, in samples_max bytes; the oldest go first. A digest is kept once: the
 *          sample of one hit is the sample of all hits with its digest. Of a message that came to
 *          typo and recycled traps alone only the header is kept, until one of the same digest comes to
 *          another trap.
 * Form:    the first sample_max octets as they came on the wire, byte for byte; sample_content() has what
 *          the sender meant. zstd in the file.
 * Owns:    struct sample owns its data; sample_free().
 * Errors:  TRAP_ENOENT: none was kept, or it is gone.
 * Threads: as hit_log.h.
 * Tests:   tests/unit/store/test_sample.c, test_sample_budget.c
 */
#ifndef STORE_SAMPLE_H
#define STORE_SAMPLE_H

#include <base/buf.h>
#include <base/time.h>
#include <store/file.h>

enum { SAMPLES_PER_SENDER_DAY = 3 };
enum sample_form {
    SAMPLE_CONTENT = 0, /* transparency is undone: made by an older Trapline */
    SAMPLE_DATA = 1,    /* as received after DATA, without the end-of-data */
    SAMPLE_CHUNKS = 2   /* the octets of BDAT chunks */
};
struct sample {
    uint64_t hit; /* whose it is */
    wall_t at;
    uint64_t digest;
    uint8_t form; /* enum sample_form */
    bool header_only;
    struct buf data;
};

/* The hit's own. */
TRAP_NODISCARD enum trap_err sample_get(struct store_db *samples, uint64_t hit_seq, struct sample *out);
/* That of the campaign. */
TRAP_NODISCARD enum trap_err sample_by_digest(struct store_db *samples, uint64_t digest, struct sample *out);
/* The hit's own, or else that of its campaign. */
TRAP_NODISCARD enum trap_err sample_of(struct store_db *samples, uint64_t hit_seq, uint64_t digest, struct sample *out);
void sample_free(struct sample *s);

/* Appends the content: transparency undone where the form has it. */
TRAP_NODISCARD enum trap_err sample_content(const struct sample *s, struct buf *out);

TRAP_NODISCARD enum trap_err sample_count(struct store_db *samples, uint64_t *count_out, uint64_t *bytes_out);

#endif
