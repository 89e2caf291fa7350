#include <mail/keyed.h>
#include <store/evidence.h>

#include <stdio.h>

enum { KIND_SHIFT = 60, NODE_SHIFT = 48, NAME_MAX_BYTES = 320 };

static uint64_t make(enum source_kind kind, uint64_t rest)
{
    return (uint64_t)kind << KIND_SHIFT | (rest & ((1ull << KIND_SHIFT) - 1));
}

uint64_t source_of_network(struct ip client)
{
    const struct prefix net = ip_network(client);
    const size_t first = ip_is_v4(client) ? 12 : 0, bytes = ip_is_v4(client) ? 3 : 6;
    uint64_t bits = 0;

    for (size_t i = 0; i < bytes; i++)
        bits = bits << 8 | net.ip.b[first + i];
    return make(ip_is_v4(client) ? SOURCE_NET4 : SOURCE_NET6, bits);
}

uint64_t source_of_batch(uint8_t node, uint64_t seq)
{
    return make(SOURCE_BATCH, (uint64_t)node << NODE_SHIFT | (seq & ((1ull << NODE_SHIFT) - 1)));
}

uint64_t source_of_name(enum source_kind kind, struct bytes name)
{
    /* Part of the format of derived.db, and of what "identical" means: the same on every machine, so no
     * secret key. */
    static const struct hash_key fixed = { { 't', 'r', 'a', 'p', 'l', 'i', 'n', 'e', ' ', 's', 'o', 'u', 'r',
                                             'c', 'e', 's' } };
    uint8_t lower[NAME_MAX_BYTES];

    name = bytes_take(name, sizeof lower);
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return make(kind, keyed_hash(&fixed, bytes_of(lower, name.n)));
}

uint64_t source_of_node(enum source_kind kind, uint8_t node)
{
    return make(kind, node);
}

enum source_kind source_kind(uint64_t source)
{
    return (enum source_kind)(source >> KIND_SHIFT);
}

static struct prefix network_of(uint64_t source)
{
    const bool v4 = source_kind(source) == SOURCE_NET4;
    struct ip ip = v4 ? ip_v4(0, 0, 0, 0) : (struct ip){ { 0 } };

    for (unsigned i = 0; i < (v4 ? 3u : 6u); i++)
        ip.b[(v4 ? 14 : 5) - i] = (uint8_t)(source >> (8 * i));
    return prefix_of(ip, v4 ? 120 : 48);
}

const char *source_text(uint64_t source, char out[PREFIX_TEXT_MAX])
{
    const unsigned node = source & 0xff;

    switch (source_kind(source)) {
    case SOURCE_NET4:
    case SOURCE_NET6:
        return prefix_text(network_of(source), out);
    case SOURCE_BATCH:
        (void)snprintf(out, PREFIX_TEXT_MAX, "batch %u/%llu", (unsigned)(source >> NODE_SHIFT & 0xff),
                       (unsigned long long)(source & ((1ull << NODE_SHIFT) - 1)));
        break;
    case SOURCE_AGED:
        (void)snprintf(out, PREFIX_TEXT_MAX, "aged %u", node);
        break;
    case SOURCE_PENDING:
        (void)snprintf(out, PREFIX_TEXT_MAX, "pending %u", node);
        break;
    case SOURCE_TRAP:
    case SOURCE_DOMAIN:
        (void)snprintf(out, PREFIX_TEXT_MAX, "%s", source_kind(source) == SOURCE_TRAP ? "trap" : "domain");
        break;
    default:
        (void)snprintf(out, PREFIX_TEXT_MAX, "unknown");
        break;
    }
    return out;
}

const char *evidence_class_name(uint8_t c)
{
    static const char *const names[EVIDENCE_CLASSES] = {
        [EVIDENCE_MINTED] = "minted", [EVIDENCE_PRISTINE] = "pristine", [EVIDENCE_RECYCLED] = "recycled",
        [EVIDENCE_TYPO] = "typo",     [EVIDENCE_GUESS] = "guess",       [EVIDENCE_ATTEMPT] = "attempt",
        [EVIDENCE_TEST] = "test",
        [EVIDENCE_OBSERVED] = "observed",
        [EVIDENCE_LIST] = "list",         [EVIDENCE_AUTOMATIC] = "automatic",
        [EVIDENCE_BACKSCATTER] = "backscatter",
    };
    const char *name = c < EVIDENCE_CLASSES ? names[c] : NULL;

    return name == NULL ? "unknown" : name;
}
