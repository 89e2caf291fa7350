#include <mail/mint.h>

#include "mint_cipher.h"
#include "mint_keys.h"
#include "mint_repair.h"
#include "mint_text.h"

#include <sodium.h>

/* 47 bits: node 8 | sealed 39, the latter a permutation of serial 27 | slot 3 | check 9. */
enum { CHECK_BITS = 9, SLOT_BITS = 3, SERIAL_BITS = 27, SEALED_BITS = 39, NODE_COUNT = 256 };

_Static_assert(SEALED_BITS == SERIAL_BITS + SLOT_BITS + CHECK_BITS, "layout of the sealed part");
_Static_assert(MINT_TEXT_BITS == SEALED_BITS + 8, "node in front");
_Static_assert(MINT_SERIAL_COUNT == 1 << SERIAL_BITS && MINT_SLOTS == 1 << SLOT_BITS,
               "limits of a reference");

/* Direct-mapped. Four epochs of every node (the window at RCPT time) never push each other out: 4 * 256
 * entries. */
enum { CACHE_EPOCHS = 4, CACHE_COUNT = NODE_COUNT * CACHE_EPOCHS };
struct cached_key {
    uint32_t epoch; /* 0: empty */
    uint32_t node;
    struct hash_key key;
};

struct mint {
    struct mint_outer outer;
    struct hash_key blank; /* stands in where there is no key to try */
    bool has_node[NODE_COUNT];
    uint8_t node[NODE_COUNT][KEY_BYTES];
    struct cached_key cache[CACHE_COUNT];
};

/* A keyring that names both must mean the same installation: addresses minted with one would not decode with
 * the other. */
static bool keys_agree(const struct keyring *keys)
{
    uint8_t node[KEY_BYTES], outer[KEY_OUTER_BYTES];
    bool agree;

    mint_key_node(keys->master, keys->node_id, node);
    mint_key_outer(keys->master, outer);
    agree = sodium_memcmp(node, keys->node, sizeof(node)) == 0 &&
            sodium_memcmp(outer, keys->outer, sizeof(outer)) == 0;
    sodium_memzero(node, sizeof(node));
    sodium_memzero(outer, sizeof(outer));
    return agree;
}

enum trap_err mint_new(const struct keyring *keys, struct mint **out)
{
    uint8_t outer[KEY_OUTER_BYTES];
    struct mint *m;

    if (!keys->has_master && !keys->has_node)
        return TRAP_EINVAL;
    if (keys->has_master && keys->has_node && !keys_agree(keys))
        return TRAP_EINVAL;
    m = sodium_malloc(sizeof(*m)); /* not swapped, not dumped, wiped when freed */
    if (m == NULL)
        return TRAP_ENOMEM;
    memset(m, 0, sizeof(*m));
    if (keys->has_master) {
        for (unsigned id = 0; id < NODE_COUNT; id++) {
            mint_key_node(keys->master, (uint8_t)id, m->node[id]);
            m->has_node[id] = true;
        }
        mint_key_outer(keys->master, outer);
    } else {
        memcpy(m->node[keys->node_id], keys->node, KEY_BYTES);
        m->has_node[keys->node_id] = true;
        memcpy(outer, keys->outer, sizeof(outer));
    }
    mint_outer_expand(outer, &m->outer);
    sodium_memzero(outer, sizeof(outer));
    *out = m;
    return TRAP_OK;
}

enum trap_err mint_copy(const struct mint *m, struct mint **out)
{
    struct mint *copy = sodium_malloc(sizeof(*copy));

    if (copy == NULL)
        return TRAP_ENOMEM;
    memcpy(copy, m, sizeof(*copy));
    *out = copy;
    return TRAP_OK;
}

void mint_free(struct mint **m)
{
    sodium_free(*m);
    *m = NULL;
}

void mint_node_keys(const uint8_t master[KEY_BYTES], uint8_t node_id, struct keyring *web_out)
{
    *web_out = (struct keyring){ .has_node = true, .node_id = node_id };
    mint_key_node(master, node_id, web_out->node);
    mint_key_outer(master, web_out->outer);
}

struct mint_domain mint_domain(const struct mint *m, struct bytes name)
{
    uint8_t lower[MINT_DOMAIN_MAX];
    const struct bytes cut = bytes_take(name, sizeof(lower));

    for (size_t i = 0; i < cut.n; i++)
        lower[i] = ascii_lower(cut.p[i]);
    return (struct mint_domain){
        .outer_tweak = keyed_hash(&m->outer.outer_tweak, bytes_of(lower, cut.n)),
        .inner_tweak = keyed_hash(&m->outer.inner_tweak, bytes_of(lower, cut.n)),
    };
}

static const struct hash_key *epoch_key(struct mint *m, uint8_t node, uint32_t epoch)
{
    struct cached_key *entry = &m->cache[(size_t)node * CACHE_EPOCHS + epoch % CACHE_EPOCHS];

    if (entry->epoch != epoch || entry->node != node) {
        mint_key_epoch(m->node[node], epoch, &entry->key);
        entry->epoch = epoch;
        entry->node = node;
    }
    return &entry->key;
}

size_t mint_encode(struct mint *m, struct mint_domain domain, struct mint_ref ref,
                   uint8_t out[MINT_LOCAL_MAX])
{
    uint64_t sealed, value;

    TRAP_BUG_ON(!m->has_node[ref.node] || ref.epoch == 0);
    TRAP_BUG_ON(ref.serial >= MINT_SERIAL_COUNT || ref.slot >= MINT_SLOTS);
    sealed = ((uint64_t)ref.serial << SLOT_BITS | ref.slot) << CHECK_BITS;
    sealed = mint_encipher(epoch_key(m, ref.node, ref.epoch), domain.inner_tweak, SEALED_BITS, sealed);
    value = (uint64_t)ref.node << SEALED_BITS | sealed;
    value = mint_encipher(&m->outer.rounds, domain.outer_tweak, MINT_TEXT_BITS, value);
    return mint_text_write(value, out);
}

bool mint_is_form(struct bytes local)
{
    uint64_t value;

    return mint_text_read(local, &value);
}

/* Epochs of the window that exist: they count from 1. */
static uint32_t window_epochs(const struct mint_window *window, unsigned node)
{
    const uint32_t newest = window->node[node].newest, count = window->node[node].count;

    return count < newest ? count : newest;
}

static uint32_t window_most(const struct mint_window *window)
{
    uint32_t most = 0;

    for (unsigned node = 0; node < NODE_COUNT; node++) {
        const uint32_t n = window_epochs(window, node);
        most = n > most ? n : most;
    }
    return most;
}

struct readings {
    struct mint_ref *ref;
    size_t max, count;
};

/* All readings of one integer, newest epoch first. At least `tries` keys are tried: where the node has fewer,
 * the blank key costs the same and its result counts for nothing. */
static void read_value(struct mint *m, struct mint_domain domain, uint64_t value,
                       const struct mint_window *window, uint32_t tries, struct readings *out)
{
    const uint64_t plain = mint_decipher(&m->outer.rounds, domain.outer_tweak, MINT_TEXT_BITS, value);
    const uint8_t node = (uint8_t)(plain >> SEALED_BITS);
    const uint64_t sealed = plain & (((uint64_t)1 << SEALED_BITS) - 1);
    const uint32_t known = m->has_node[node] ? window_epochs(window, node) : 0;

    for (uint32_t i = 0; i < known || i < tries; i++) {
        const uint32_t epoch = window->node[node].newest - i;
        const struct hash_key *key = i < known ? epoch_key(m, node, epoch) : &m->blank;
        const uint64_t open = mint_decipher(key, domain.inner_tweak, SEALED_BITS, sealed);

        if (i >= known || (open & ((1U << CHECK_BITS) - 1)) != 0 || out->count == out->max)
            continue;
        out->ref[out->count++] = (struct mint_ref){
            .node = node,
            .epoch = epoch,
            .serial = (uint32_t)(open >> (CHECK_BITS + SLOT_BITS)),
            .slot = (uint8_t)(open >> CHECK_BITS & (MINT_SLOTS - 1)),
        };
    }
}

enum trap_err mint_decode(struct mint *m, struct mint_domain domain, struct bytes local,
                          const struct mint_window *window, struct mint_ref *out)
{
    struct mint_ref ref;
    struct readings readings = { &ref, 1, 0 };
    uint64_t value;
    const bool good = mint_text_read(local, &value);

    read_value(m, domain, value, window, window_most(window), &readings);
    if (!good || readings.count == 0)
        return TRAP_ENOENT;
    *out = ref;
    return TRAP_OK;
}

size_t mint_read_all(struct mint *m, struct mint_domain domain, struct bytes local,
                     const struct mint_window *window, struct mint_ref out[MINT_READINGS_MAX],
                     bool *repaired_out)
{
    struct bytes forms[MINT_REPAIRS_MAX];
    struct readings readings = { out, MINT_READINGS_MAX, 0 };
    uint64_t value;

    if (mint_text_read(local, &value))
        read_value(m, domain, value, window, 0, &readings);
    if (readings.count > 0) {
        *repaired_out = false;
        return readings.count;
    }
    /* Nearly all mail names the exact form: looking for others costs as much as all the rest. */
    const size_t count = mint_repairs(local, forms);
    for (size_t i = 0; i < count && readings.count == 0; i++) {
        if (mint_text_read(forms[i], &value))
            read_value(m, domain, value, window, 0, &readings);
    }
    if (readings.count > 0)
        *repaired_out = true;
    return readings.count;
}

enum trap_err mint_decode_repaired(struct mint *m, struct mint_domain domain, struct bytes local,
                                   const struct mint_window *window, struct mint_ref *out, bool *repaired_out)
{
    struct mint_ref refs[MINT_READINGS_MAX];

    if (mint_read_all(m, domain, local, window, refs, repaired_out) == 0)
        return TRAP_ENOENT;
    *out = refs[0];
    return TRAP_OK;
}
