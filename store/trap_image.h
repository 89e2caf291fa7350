/* trap_image.h - names (addresses and domains) with what they are, as one run of bytes: a hash table that is
 * searched in place.
 *
 * Why:     the configuration's traps (in memory) and those of the acts (a mapped file) are looked up by the
 *          same code at the same cost; a file of it is used as it lies on disk.
 * Form:    little endian. Header of 64 bytes: magic 8, version 4, count 4, slots 4 (a power of two, at least
 *          twice the count), zero 4, text bytes 8, key 16, checksum 8 (SipHash under the key of all that
 *          follows the header), zero 8. Slots of 24 bytes: hash 8, offset of the text 4, its length 2, class
 *          1, state 1, tag 4, more 4 (zero in version 1). Then the text: lower case, no separators.
 * Hash:    SipHash under the image's own random key: nobody can choose names that meet in one slot.
 * Threads: an image is read-only.
 * Tests:   tests/unit/store/test_trapdir.c
 */
#ifndef STORE_TRAP_IMAGE_H
#define STORE_TRAP_IMAGE_H

#include <base/buf.h>
#include <mail/keyed.h>

enum {
    TRAP_LOCAL_MAX = 64,
    TRAP_DOMAIN_MAX = 255,
    TRAP_NAME_MAX = TRAP_LOCAL_MAX + 1 + TRAP_DOMAIN_MAX
}; /* RFC 5321 4.5.3.1 */
enum trap_state {
    TRAP_STATE_NONE,  /* not in the image */
    TRAP_STATE_LOCAL, /* a domain that holds a trap: ours, but no trap itself */
    TRAP_STATE_TRAP,
    TRAP_STATE_RETIRED
};

/* ---- making one ---- */

struct trap_item {
    uint32_t offset, tag, more; /* tag and more: of whoever makes the image */
    uint16_t length;
    uint8_t klass, state;
};
struct trap_list {
    struct trap_item *items;
    size_t n, room;
    struct buf text;
};
void trap_list_init(struct trap_list *l);
void trap_list_free(struct trap_list *l);
/* Lower-cases the name. A name that was added before is replaced when the image is made; TRAP_STATE_LOCAL
 * never replaces. */
TRAP_NODISCARD enum trap_err trap_list_add(struct trap_list *l, struct bytes name, uint8_t klass,
                                           enum trap_state state, uint32_t tag);
struct bytes trap_list_name(const struct trap_list *l, size_t i);
/* *out is initialised by the call, freed by the caller. */
TRAP_NODISCARD enum trap_err trap_image_make(const struct trap_list *l, struct buf *out);

/* local@domain or a domain: no blanks, no control characters, one '@' at most, within the limits. */
bool trap_name_ok(struct bytes name);
bool trap_name_is_domain(struct bytes name);
/* The part behind '@'; all of a domain. */
struct bytes trap_name_domain(struct bytes name);

/* ---- using one ---- */

struct trap_image {
    struct bytes all;
    uint32_t count, slots;
    struct hash_key key;
};
/* TRAP_ECORRUPT: not an image, or damaged; TRAP_ENEWER. `all` must outlive the image. */
TRAP_NODISCARD enum trap_err trap_image_open(struct bytes all, struct trap_image *out);

struct trap_found {
    enum trap_state state;
    uint8_t klass;
    uint32_t tag, more;
};
/* name in lower case. */
struct trap_found trap_image_find(const struct trap_image *i, struct bytes name);
/* The n-th slot, n < slots; an empty name for an empty one. */
struct trap_found trap_image_at(const struct trap_image *i, uint32_t n, struct bytes *name_out);

#endif
