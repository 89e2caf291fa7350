#include "trap_image.h"

#include <stdlib.h>

enum {
    HEADER = 64,
    VERSION = 2,
    SLOT = 24,
    AT_VERSION = 8,
    AT_COUNT = 12,
    AT_SLOTS = 16,
    AT_ZERO = 20,
    AT_TEXT = 24,
    AT_KEY = 32,
    AT_CHECKSUM = 48,
    AT_ZERO_2 = 56
};
enum {
    SLOT_HASH = 0,
    SLOT_OFFSET = 8,
    SLOT_LENGTH = 12,
    SLOT_CLASS = 14,
    SLOT_STATE = 15,
    SLOT_TAG = 16,
    SLOT_MORE = 20
};
static const char magic[8] = { 'T', 'R', 'A', 'P', 'D', 'I', 'R', '\n' };

/* ---- little endian ---- */

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* ---- names ---- */

bool trap_name_is_domain(struct bytes name)
{
    return bytes_find(name, '@') == name.n;
}

struct bytes trap_name_domain(struct bytes name)
{
    const size_t at = bytes_rfind(name, '@');

    return at == name.n ? name : bytes_skip(name, at + 1);
}

bool trap_name_ok(struct bytes name)
{
    const size_t at = bytes_find(name, '@');
    const size_t local_n = at == name.n ? 0 : at;
    const size_t domain_n = at == name.n ? name.n : name.n - at - 1;

    if (domain_n == 0 || domain_n > TRAP_DOMAIN_MAX || local_n > TRAP_LOCAL_MAX || at == 0)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        const uint8_t c = name.p[i];

        if (c <= ' ' || c == 0x7f || (c == '@' && i != at))
            return false;
    }
    return true;
}

/* ---- list ---- */

void trap_list_init(struct trap_list *l)
{
    *l = (struct trap_list){ .items = NULL };
    buf_init(&l->text, UINT32_MAX);
}

void trap_list_free(struct trap_list *l)
{
    free(l->items);
    l->items = NULL;
    buf_free(&l->text);
}

enum trap_err trap_list_add(struct trap_list *l, struct bytes name, uint8_t klass, enum trap_state state,
                            uint32_t tag)
{
    uint8_t *p;

    TRAP_BUG_ON(name.n == 0 || name.n > TRAP_NAME_MAX);
    if (l->n == l->room) {
        const size_t room = l->room == 0 ? 64 : l->room * 2;
        struct trap_item *more = reallocarray(l->items, room, sizeof *more);

        if (more == NULL)
            return TRAP_ENOMEM;
        l->items = more;
        l->room = room;
    }
    p = buf_reserve(&l->text, name.n);
    if (p == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < name.n; i++)
        p[i] = ascii_lower(name.p[i]);
    l->items[l->n++] = (struct trap_item){ .offset = (uint32_t)l->text.n,
                                           .tag = tag,
                                           .length = (uint16_t)name.n,
                                           .klass = klass,
                                           .state = (uint8_t)state };
    buf_commit(&l->text, name.n);
    return TRAP_OK;
}

struct bytes trap_list_name(const struct trap_list *l, size_t i)
{
    return bytes_of(l->text.p + l->items[i].offset, l->items[i].length);
}

/* ---- search ---- */

static const uint8_t *slot_at(const struct trap_image *i, uint32_t n)
{
    return i->all.p + HEADER + (size_t)n * SLOT;
}

static struct bytes slot_name(const struct trap_image *i, const uint8_t *slot)
{
    const uint8_t *text = i->all.p + HEADER + (size_t)i->slots * SLOT;

    return bytes_of(text + get(slot + SLOT_OFFSET, 4), (size_t)get(slot + SLOT_LENGTH, 2));
}

/* The slot of the name, or the empty one where it belongs. Half of the slots are empty. */
static uint32_t place_of(const struct trap_image *i, uint64_t hash, struct bytes name)
{
    uint32_t n = (uint32_t)hash & (i->slots - 1);

    for (;;) {
        const uint8_t *slot = slot_at(i, n);

        if (slot[SLOT_STATE] == TRAP_STATE_NONE)
            return n;
        if (get(slot + SLOT_HASH, 8) == hash && bytes_eq(slot_name(i, slot), name))
            return n;
        n = (n + 1) & (i->slots - 1);
    }
}

struct trap_found trap_image_at(const struct trap_image *i, uint32_t n, struct bytes *name_out)
{
    const uint8_t *slot = slot_at(i, n);

    *name_out = slot[SLOT_STATE] == TRAP_STATE_NONE ? bytes_of(NULL, 0) : slot_name(i, slot);
    return (struct trap_found){ (enum trap_state)slot[SLOT_STATE], slot[SLOT_CLASS],
                                (uint32_t)get(slot + SLOT_TAG, 4), (uint32_t)get(slot + SLOT_MORE, 4) };
}

/* A name that is found was compared with its text, which in a large image lies in memory that nobody touched for a
 * while: 0.2 us that a client could see. So a name that is not there is compared with some text, too. */
struct trap_found trap_image_find(const struct trap_image *i, struct bytes name)
{
    const uint64_t hash = keyed_hash(&i->key, name);
    const uint64_t texts = get(i->all.p + AT_TEXT, 8), spare = texts < name.n ? 0 : texts - name.n;
    const struct trap_found found = trap_image_at(i, place_of(i, hash, name), &(struct bytes){ 0 });
    const uint8_t *text = i->all.p + HEADER + (size_t)i->slots * SLOT + hash % (spare + 1);

    if (found.state == TRAP_STATE_NONE && texts >= name.n) {
        static volatile bool seen; /* or the compiler leaves the comparison out */

        seen = bytes_eq(bytes_of(text, name.n), name);
        (void)seen;
    }
    return found;
}

/* ---- making ---- */

static uint32_t slots_for(size_t n)
{
    uint32_t slots = 16;

    while (slots < n * 2)
        slots *= 2;
    return slots;
}

enum trap_err trap_image_make(const struct trap_list *l, struct buf *out)
{
    struct trap_image image = { .slots = slots_for(l->n) };
    const size_t table = (size_t)image.slots * SLOT, size = HEADER + table + l->text.n;
    uint8_t *p;

    if (l->n > UINT32_MAX / 4)
        return TRAP_ERANGE;
    buf_init(out, size);
    p = buf_reserve(out, size);
    if (p == NULL)
        return TRAP_ENOMEM;
    buf_commit(out, size);
    memset(p, 0, HEADER + table);
    if (l->text.n != 0)
        memcpy(p + HEADER + table, l->text.p, l->text.n);
    keyed_random(image.key.k, sizeof image.key.k);
    image.all = buf_bytes(out);
    for (size_t i = 0; i < l->n; i++) {
        const struct trap_item *item = &l->items[i];
        const struct bytes name = trap_list_name(l, i);
        const uint64_t hash = keyed_hash(&image.key, name);
        uint8_t *slot = p + HEADER + (size_t)place_of(&image, hash, name) * SLOT;

        if (slot[SLOT_STATE] != TRAP_STATE_NONE && item->state == TRAP_STATE_LOCAL)
            continue;
        image.count += slot[SLOT_STATE] == TRAP_STATE_NONE;
        put(slot + SLOT_HASH, hash, 8);
        put(slot + SLOT_OFFSET, item->offset, 4);
        put(slot + SLOT_LENGTH, item->length, 2);
        slot[SLOT_CLASS] = item->klass;
        slot[SLOT_STATE] = item->state;
        put(slot + SLOT_TAG, item->tag, 4);
        put(slot + SLOT_MORE, item->more, 4);
    }
    memcpy(p, magic, sizeof magic);
    put(p + AT_VERSION, VERSION, 4);
    put(p + AT_COUNT, image.count, 4);
    put(p + AT_SLOTS, image.slots, 4);
    put(p + AT_TEXT, l->text.n, 8);
    memcpy(p + AT_KEY, image.key.k, sizeof image.key.k);
    put(p + AT_CHECKSUM, keyed_hash(&image.key, bytes_skip(image.all, HEADER)), 8);
    return TRAP_OK;
}

/* ---- opening ---- */

static bool slots_ok(const struct trap_image *i, uint64_t text_bytes)
{
    uint32_t used = 0;

    for (uint32_t n = 0; n < i->slots; n++) {
        const uint8_t *slot = slot_at(i, n);

        if (slot[SLOT_STATE] == TRAP_STATE_NONE)
            continue;
        if (slot[SLOT_STATE] > TRAP_STATE_RETIRED || get(slot + SLOT_LENGTH, 2) > TRAP_NAME_MAX ||
            get(slot + SLOT_OFFSET, 4) + get(slot + SLOT_LENGTH, 2) > text_bytes)
            return false;
        used++;
    }
    return used == i->count && used <= i->slots / 2;
}

enum trap_err trap_image_open(struct bytes all, struct trap_image *out)
{
    struct trap_image i = { .all = all };
    uint64_t text_bytes;

    if (all.n < HEADER || memcmp(all.p, magic, sizeof magic) != 0)
        return TRAP_ECORRUPT;
    if (get(all.p + AT_VERSION, 4) > VERSION)
        return TRAP_ENEWER;
    i.count = (uint32_t)get(all.p + AT_COUNT, 4);
    i.slots = (uint32_t)get(all.p + AT_SLOTS, 4);
    text_bytes = get(all.p + AT_TEXT, 8);
    memcpy(i.key.k, all.p + AT_KEY, sizeof i.key.k);
    if (get(all.p + AT_VERSION, 4) == 0 || get(all.p + AT_ZERO, 4) != 0 ||
        get(all.p + AT_ZERO_2, 8) != 0 || i.slots == 0 || (i.slots & (i.slots - 1)) != 0 ||
        text_bytes > UINT32_MAX || all.n != HEADER + (uint64_t)i.slots * SLOT + text_bytes ||
        get(all.p + AT_CHECKSUM, 8) != keyed_hash(&i.key, bytes_skip(all, HEADER)) ||
        !slots_ok(&i, text_bytes))
        return TRAP_ECORRUPT;
    *out = i;
    return TRAP_OK;
}
