/* hit_key.h - the number under which a recipient is indexed: 47 bits of a hash of the lower-cased address.
 *
 * Why:     SQLite stores it in 6 bytes; an index of the text itself costs 30 bytes a hit more
 *          (docs/adr/0003).
 * Rule:    two addresses may share a key: the reader compares the text. The function is part of the file's
 *          format.
 * Threads: any.
 */
#ifndef STORE_HIT_KEY_H
#define STORE_HIT_KEY_H

#include <base/bytes.h>

static inline int64_t hit_address_key(struct bytes address)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, then mixed, so that the low bits depend on all bytes */

    for (size_t i = 0; i < address.n; i++)
        h = (h ^ ascii_lower(address.p[i])) * 0x100000001b3u;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    return (int64_t)(h >> 17);
}

#endif
