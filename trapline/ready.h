/* ready.h - would the daemons start, and do what the operator means? Looks at what the configuration names
 * outside of itself: user, keys, certificates, lists, the folder of the socketmap, free disk.
 *
 * Why:     a configuration without mistakes can name a certificate that cannot be read. `trapline check` says
 *          so before the daemons are restarted, all of it at once; `trapline status` says it of one that runs.
 * Rule:    a problem keeps a daemon from starting; a note does not. Nothing is changed. An installation that
 *          was not made yet is a note.
 * Who:     call it as the user that the daemons are (home_as_owner()).
 * Threads: main only.
 * Tests:   tests/functional/test_check.py
 */
#ifndef TRAPLINE_READY_H
#define TRAPLINE_READY_H

#include <base/config.h>
#include <base/time.h>

#include <jansson.h>

struct ready {
    json_t *problems, *notes; /* arrays of texts */
    json_t *guard;            /* one more note, or none: `trapline status` has a line of its own for it */
    json_t *certificates;     /* [{"file", "name", "until"}] */
};
void ready_look(const struct config *c, wall_t now, struct ready *out);
void ready_free(struct ready *r);

#endif
