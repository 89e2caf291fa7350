/* look.h - traplook at work: one loop, one resolver channel, acts.
 *
 * Lock:    state_dir/look.lock: one traplook works on a state directory.
 * Errors:  look_new says what is wrong; later failures are logged and tried again at the next turn.
 * Threads: one.
 * Tests:   tests/functional/test_look.py
 */
#ifndef TRAPLOOK_LOOK_H
#define TRAPLOOK_LOOK_H

#include <base/config.h>

struct look;
TRAP_NODISCARD enum trap_err look_new(const struct config *c, int signal_fd, struct look **out,
                                      struct err_text *why);
/* Until SIGTERM or SIGINT. */
void look_run(struct look *l);
void look_free(struct look **l);

/* `traplook --ask IP`: one address, whenever it was asked last, as a sender and as a harvester; beside a running
 * traplook. */
TRAP_NODISCARD enum trap_err look_ask(const struct config *c, struct ip ip, struct err_text *why);

#endif
