/* zone_combined.c - a combined file: several datasets, each under `$DATASET type subzone…`; and the default
 * line of every dataset.
 *
 * `@` is the zone itself. Sub-zones keep the meanings apart (RFC 6471): senders at `@` and `senders`,
 * harvesters at `harvesters`.
 */
#include "zone_type.h"

void zone_section_put(const struct zone_file *f, size_t section, struct buf *out)
{
    const struct zone_section *s = &f->section[section];

    if (!f->combined)
        return;
    buf_add_str(out, "$DATASET ");
    buf_add_str(out, zone_type_name(s->type));
    buf_add_byte(out, ' ');
    buf_add_str(out, s->subzones);
    buf_add_byte(out, '\n');
}

bool zone_section_get(struct bytes line, const struct zone_section *s)
{
    struct bytes word;

    return bytes_split(&line, ' ', &word) && bytes_eq(word, BYTES("$DATASET")) &&
           bytes_split(&line, ' ', &word) && bytes_eq(word, bytes_str(zone_type_name(s->type))) &&
           bytes_eq(line, bytes_str(s->subzones));
}

void zone_default_put(const struct zone_section *s, struct buf *out)
{
    uint8_t value[16];
    const uint8_t *end = zone_put_value(value, zone_code_value(s->code));

    buf_add_byte(out, ':');
    buf_add(out, bytes_of(value, (size_t)(end - value)));
    buf_add_byte(out, ':');
    buf_add_str(out, s->text);
    buf_add_byte(out, '\n');
}

bool zone_default_get(struct bytes line, const struct zone_section *s)
{
    uint32_t value;

    return zone_get_byte(&line, ':') && zone_get_value(&line, &value) && value == zone_code_value(s->code) &&
           zone_get_byte(&line, ':') && line.n > 0 && bytes_eq(line, bytes_str(s->text));
}
