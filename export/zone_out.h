/* zone_out.h - a file of a set is written: buffered, durable before it is closed.
 *
 * Owns:    out_open() makes the buffer, out_close() frees it; `name` is borrowed until then.
 * Errors:  TRAP_EEXIST, TRAP_EIO, TRAP_EFULL, TRAP_ENOMEM; a file that could not be written is removed.
 * Threads: one. Tests: tests/unit/export/test_zone_types.c, test_formats.c
 */
#ifndef EXPORT_ZONE_OUT_H
#define EXPORT_ZONE_OUT_H

#include <base/bytes.h>
#include <base/err.h>

enum { OUT_BYTES = 1 << 18 };

struct out {
    int dir_fd, fd;
    const char *name;
    size_t n;
    uint8_t *p; /* OUT_BYTES */
    enum trap_err err;
};
/* Creates name in the directory, readable for all. */
TRAP_NODISCARD enum trap_err out_open(struct out *o, int dir_fd, const char *name, struct err_text *why);
void out_flush(struct out *o);
void out_text(struct out *o, struct bytes s);
/* Flushes, sets mtime, fsyncs, closes. err: what went wrong before; the file is then removed. */
TRAP_NODISCARD enum trap_err out_close(struct out *o, enum trap_err err, int64_t mtime_s,
                                       struct err_text *why);

#endif
