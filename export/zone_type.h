/* zone_type.h - one dataset type of rbldnsd: how an entry is written, how it is read back.
 *
 * Why:     writer and checker walk one table; a new type is one file and one row in zone_type.c.
 * Speed:   put() writes into room that the caller made; no printf for a line (a zone of a million lines is
 *          written, read back and hashed in less time than rbldnsd needs to load it).
 * Threads: constant data.
 */
#ifndef EXPORT_ZONE_TYPE_H
#define EXPORT_ZONE_TYPE_H

#include <base/buf.h>
#include <export/zone.h>

enum { ZONE_LINE_MAX = 96, ZONE_TESTS_MAX = 24 };

struct zone_type_ops {
    const char *name;     /* for $DATASET and the command line of rbldnsd */
    size_t dollar_max;    /* longest text that `$` becomes */
    bool value_per_entry; /* the value stands in the line; else the default line says it */
    bool (*takes)(struct prefix p);
    /* One line without line end; returns the new end. At most ZONE_LINE_MAX bytes. */
    uint8_t *(*put)(uint8_t *to, const struct zone_entry *e);
    /* The opposite; the value is untouched where value_per_entry is not set. */
    enum trap_err (*get)(struct bytes line, struct zone_entry *e_out);
    /* Test entries of RFC 5782 section 5 and of the type; returns how many. */
    size_t (*tests)(uint8_t code, struct zone_entry out[ZONE_TESTS_MAX]);
    /* Adds what one listing becomes. */
    enum trap_err (*add)(const struct listing *l, uint8_t code, wall_t as_of, struct zone_entries *out);
};

extern const struct zone_type_ops zone_type_ip4, zone_type_ip6, zone_type_httpbl;
const struct zone_type_ops *zone_type_ops(enum zone_type type);

/* Value of 127.0.0.code, host order. */
static inline uint32_t zone_code_value(uint8_t code)
{
    return 0x7f000000u | code;
}

/* Decimal 0-255 without leading zeros; shared by the types. */
uint8_t *zone_put_octet(uint8_t *to, uint8_t v);
/* Four octets, most significant first: 127.0.0.2. */
uint8_t *zone_put_value(uint8_t *to, uint32_t value);
/* Takes an octet off *in; false where there is none in its canonical form. */
bool zone_get_octet(struct bytes *in, uint8_t *out);
bool zone_get_byte(struct bytes *in, uint8_t expected);
bool zone_get_value(struct bytes *in, uint32_t *out);
/* Decimal length behind a slash, at most max. */
bool zone_get_length(struct bytes *in, unsigned max, unsigned *out);
uint8_t *zone_put_length(uint8_t *to, unsigned length);

/* ---- the pieces around the entries ---- */

enum { ZONE_HEAD_LINES = 4, ZONE_HEAD_BYTES_MAX = 16384 };

/* zone_head.c: $SOA, $NS, $TTL, $TIMESTAMP. */
void zone_head_put(const struct zone_head *h, struct buf *out);
/* Reads one line of the head, without its end. *seen: bit mask of what stood before; each keyword once, in
 * the order above. */
TRAP_NODISCARD enum trap_err zone_head_get(struct bytes line, const struct zone_head *h, unsigned *seen,
                                           struct err_text *why);
bool zone_head_complete(const struct zone_head *h, unsigned seen);

/* zone_combined.c: the line that begins a dataset of a combined file (nothing in other files), and the
 * default line. */
void zone_section_put(const struct zone_file *f, size_t section, struct buf *out);
bool zone_section_get(struct bytes line, const struct zone_section *s);
void zone_default_put(const struct zone_section *s, struct buf *out);
bool zone_default_get(struct bytes line, const struct zone_section *s);

#endif
