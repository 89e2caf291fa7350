/* runner.h - trapexport at work: fold, evaluate, publish, every interval.
 *
 * Open:    derived.db and published.db for writing: their locks make sure that one trapexport works on a
 *          state directory. hits.db before visits.db, read-only, as soon as both are there (a fresh
 *          installation has none yet: not an error).
 * Rest:    where nothing came in (no record, no act, no changed list) a full evaluation is only done now and
 *          then, so that it takes at most a twentieth of the time: listings also begin and end with the
 *          clock.
 * Lists:   never_list_files, crawler_files and guard_files are looked at every time; one that cannot be read
 *          keeps its last good content and is logged as an error; at the start it is refused (exit 78).
 * Errors:  a failed run is logged; what is public stays, the next interval tries again.
 * Threads: one.
 */
#ifndef EXPORT_RUNNER_H
#define EXPORT_RUNNER_H

#include <export/run.h>

struct runner;
TRAP_NODISCARD enum trap_err runner_new(const struct config *c, struct runner **out, struct err_text *why);
void runner_free(struct runner **r);
/* One run; force: evaluate even where nothing came in. */
TRAP_NODISCARD enum trap_err runner_run(struct runner *r, bool force, struct err_text *why);
/* At once and then every interval, until SIGTERM or SIGINT; SIGHUP runs at once. */
TRAP_NODISCARD enum trap_err runner_loop(struct runner *r, int signal_fd, struct err_text *why);

/* One set as of a moment, in a directory of its own; the installation is only read. serial 0: seconds of
 * as_of. */
TRAP_NODISCARD enum trap_err runner_out(const struct config *c, wall_t as_of, uint32_t serial,
                                        const char *out_dir, struct publish_result *out,
                                        struct err_text *why);

/* keys/master.key of the installation. */
TRAP_NODISCARD enum trap_err runner_keys(const struct config *c, struct mint **mint_out,
                                         struct hash_key *policy_key_out, struct err_text *why);

#endif
