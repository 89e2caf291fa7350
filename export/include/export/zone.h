/* zone.h - zone files for rbldnsd: what stands in them, writing them, reading them back.
 *
 * Form:    stock rbldnsd (Debian's 1.0~20210120). A file is a head ($SOA, $NS, $TTL, $TIMESTAMP) and one
 *          dataset, or with `combined` several under $DATASET lines. A dataset is one default line
 *          `:127.0.0.code:text`, its test entries (RFC 5782 section 5) and its entries in prefix order.
 *          docs/zones.md says what each answer means.
 * Units:   values are A records in host order (0x7f000002 = 127.0.0.2); spans in seconds where the name says
 *          _s.
 * Owns:    struct zone_entries owns its array; everything else is borrowed from the caller.
 * Errors:  writing: TRAP_EIO, TRAP_EEXIST; checking: TRAP_ECORRUPT with file, line and what is wrong.
 * Threads: any; no shared state.
 * Tests:   tests/unit/export/test_zone_*.c, tests/functional/test_zones.py (a real rbldnsd)
 */
#ifndef EXPORT_ZONE_H
#define EXPORT_ZONE_H

#include <base/config.h>
#include <mail/digest.h>
#include <policy/listing.h>

/* ---- entries ---- */

enum zone_type { ZONE_TYPE_IP4, ZONE_TYPE_IP6, ZONE_TYPE_HTTPBL, ZONE_TYPES };

struct zone_entry {
    struct prefix prefix;
    uint8_t reason; /* enum listing_reason */
    uint32_t value;
    wall_t until;
};
struct zone_entries {
    struct zone_entry *v; /* prefix order, disjoint */
    size_t n, cap;
};
void zone_entries_free(struct zone_entries *e);
TRAP_NODISCARD enum trap_err zone_entries_add(struct zone_entries *e, struct zone_entry entry);

/* What of the listings a dataset of this type holds. code: last octet of the answer (ip4trie, ip6trie). */
TRAP_NODISCARD enum trap_err zone_entries_from(enum zone_type type, uint8_t code, const struct listings *l,
                                               wall_t as_of, struct zone_entries *out);

/* Does a dataset of this type hold this family? */
bool zone_type_takes(enum zone_type type, struct prefix p);
/* As rbldnsd calls it: "ip4trie", "ip6trie", "dnset". */
const char *zone_type_name(enum zone_type type);

/* THREAT of http:BL: 12.5 x log10(messages), rounded down, 0-255. */
uint8_t httpbl_threat(uint64_t messages);
/* 127.DAYS.THREAT.2; DAYS = whole UTC days from the last visit to as_of, 0-255. */
uint32_t httpbl_value(wall_t last_visit, uint64_t messages, wall_t as_of);

/* ---- files ---- */

enum { ZONE_SECTIONS_MAX = 3, ZONE_FILE_NAME_MAX = 280, ZONE_TXT_MAX = 254 };

struct zone_section {
    enum zone_type type;
    const char *subzones; /* combined: "@ senders"; else "" */
    uint8_t code;
    const char *text; /* TXT; "$" = the address asked for */
    const struct zone_entry *v;
    size_t n;
};
struct zone_head {
    const char *zone;
    const struct strings *ns;
    const char *contact; /* "" = hostmaster.<zone> */
    uint32_t serial, ttl_s, refresh_s, stale_s;
    wall_t as_of;
};
struct zone_file {
    struct zone_head head;
    bool combined;
    struct zone_section section[ZONE_SECTIONS_MAX];
    size_t section_count;
};

/* Is the text fit for rbldnsd? Printable ASCII, `$` or `$$` only, and never longer than ZONE_TXT_MAX when `$`
 * is replaced. */
TRAP_NODISCARD enum trap_err zone_text_check(enum zone_type type, const char *text, struct err_text *why);

/* Creates name in the directory, writes, sets its mtime to mtime_s, fsyncs. */
TRAP_NODISCARD enum trap_err zone_file_write(int dir_fd, const char *name, const struct zone_file *f,
                                             int64_t mtime_s, struct err_text *why);

struct zone_facts {
    uint64_t bytes, entries; /* entries without test entries */
    char sha256[DIGEST_HEX_MAX];
};
/* Reads the file back with the strict grammar above: everything that must be there is, in order, and nothing
 * else. */
TRAP_NODISCARD enum trap_err zone_file_check(int dir_fd, const char *name, const struct zone_file *f,
                                             struct zone_facts *out, struct err_text *why);
/* No entry may share an address with the set (sealed). TRAP_EPERM names the two. */
TRAP_NODISCARD enum trap_err zone_entries_check(const struct zone_entry *v, size_t n,
                                                const struct prefix_set *never, struct err_text *why);

#endif
