/* row_key.h - the key blobs of derived.db: a family byte (4 or 6), then the 4 or 8 bytes of ip_key_put().
 *
 * Why:     the plain blobs of the log would mix the families; with the byte before them the order of the rows
 *          is that of prefixes: IPv4, then IPv6, each ascending.
 * Threads: plain data.
 */
#ifndef STORE_ROW_KEY_H
#define STORE_ROW_KEY_H

#include "db.h"

struct row_key {
    uint8_t b[12];
    size_t n;
};

struct row_key row_key_of(struct prefix key);
TRAP_NODISCARD enum trap_err row_key_get(struct bytes blob, struct prefix *out);
/* The order of the rows. */
int row_key_cmp(struct prefix a, struct prefix b);

static inline struct bytes row_key_bytes(const struct row_key *k)
{
    return bytes_of(k->b, k->n);
}

/* The smallest and the largest key inside a prefix; one that is longer than a key gives the key it lies
 * in. */
struct row_range {
    struct row_key low, high;
};
struct row_range row_range_of(struct prefix p);
struct row_range row_range_all(void);
/* The smallest key behind k. */
struct row_key row_key_after(struct bytes k);

#endif
