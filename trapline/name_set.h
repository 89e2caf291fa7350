/* name_set.h - which names were seen, in any case; as many as a list has.
 *
 * Owns:    copies of the names: name_set_free(). Threads: one.
 */
#ifndef TRAPLINE_NAME_SET_H
#define TRAPLINE_NAME_SET_H

#include <base/bytes.h>
#include <base/err.h>

struct name_set {
    struct bytes *slot; /* p = NULL: empty */
    size_t n, room;     /* room: a power of two, at most half used */
};
/* *new_out: it was not there yet. */
TRAP_NODISCARD enum trap_err name_set_add(struct name_set *s, struct bytes name, bool *new_out);
bool name_set_has(const struct name_set *s, struct bytes name);
void name_set_free(struct name_set *s);

#endif
