/* format.h - the listings of a dataset as files for those that do not ask by DNS.
 *
 * Form:    line by line: a head that says what it is, when it was made and until when it may be used; one
 *          line an entry, in prefix order; a foot where the format needs one. docs/zones.md has a table of
 *          them. A new format is a row in format.c.
 * Text:    all that stands in such a file is an address, a number, a time, or the zone's own name and text
 *          (printable ASCII: zone_text_check()). Nothing that a remote side wrote gets in.
 * Ends:    an entry's end is the one known when the file was made; a file is at most full_interval old before
 *          it is made again. LISTING_NO_END has no end.
 * Errors:  writing: TRAP_EIO, TRAP_EEXIST, TRAP_EFULL; reading back: TRAP_ECORRUPT with file and line.
 * Threads: any; no shared state. Tests: tests/unit/export/test_formats.c, tests/functional/test_formats.py
 */
#ifndef EXPORT_FORMAT_H
#define EXPORT_FORMAT_H

#include "set.h"

struct format_file {
    enum zone_format format;
    enum zone_type type;
    const char *name; /* of the dataset */
    const char *text; /* "$" becomes the entry's address or network */
    uint32_t serial;
    wall_t as_of;
    span_t stale_after;
    const struct zone_entry *v;
    size_t n;
};
/* Line i with its line end; false behind the last one. Errors stay in the buffer. */
bool format_line(const struct format_file *f, size_t i, struct buf *out);
/* The entry that a line of this format tells of, read without knowing which one should stand there. */
TRAP_NODISCARD enum trap_err format_get(enum zone_format format, struct bytes line, struct prefix *out);
/* Lines before the first entry. */
size_t format_head_lines(enum zone_format format);
/* As it ends the file's name and stands in the configuration: "cidr". */
const char *format_name(enum zone_format format);

/* As zone_file_write(). */
TRAP_NODISCARD enum trap_err format_file_write(int dir_fd, const char *name, const struct format_file *f,
                                               int64_t mtime_s, struct err_text *why);
/* As zone_file_check(): every line is the one that must stand there, and tells of the entry it is for. */
TRAP_NODISCARD enum trap_err format_file_check(int dir_fd, const char *name, const struct format_file *f,
                                               struct zone_facts *out, struct err_text *why);

/* ---- of a set ---- */

struct format_dirs {
    int fd, previous_fd; /* previous: -1 for none */
};
/* Below the set's directory: bl.example.org.ip4.cidr, bl.example.org.combined-ip4.cidr. */
TRAP_NODISCARD enum trap_err format_path(const struct plan_file *f, enum zone_type type,
                                         enum zone_format format, char out[ZONE_FILE_NAME_MAX]);
/* How many files stand beside this one. */
size_t format_files_count(const struct plan_file *f);
/* Writes or links what stands beside the file, and adds it to the manifest. */
TRAP_NODISCARD enum trap_err format_files_write(const struct set_order *o, const struct plan_file *f,
                                                struct format_dirs dirs, struct manifest *m,
                                                struct err_text *why);

#endif
