/* trapdir.h - the trap directory: what a recipient is, answered without a database and at equal cost for
 * every answer.
 *
 * Parts:   trap domains, static traps and trap_file of the configuration, in memory; and
 *          state_dir/snap/traps, a snapshot of the traps that acts added and retired (made by the command
 *          line after such an act), loaded anew when it changes. A retired trap wins over all, a retired
 *          domain over all of it, and a name that its domain reserves over these. A daemon needs no other
 *          program to have run.
 * Snapshot: header (magic, version, count, table size, checksum), open-addressing table of keyed hashes,
 *           records; little endian;
 *          checked as a whole when it is loaded: a damaged one is refused, the last good one stays.
 *          docs/adr/0007.
 * Life:    a trap that an act added may be conditioning: the answer is that to an unknown recipient; or
 *          observing: RCPT_OBSERVED is set (trap_life.h). The snapshot holds the times; the clock is read by
 *          trapdir_new() and trapdir_refresh().
 * Threads: trapdir_find and trapdir_refresh on one thread.
 * Tests:   tests/unit/store/test_trapdir.c
 */
#ifndef STORE_TRAPDIR_H
#define STORE_TRAPDIR_H

#include <base/config.h>
#include <store/file.h>
#include <store/record.h>
#include <store/trap_life.h>

enum trapdir_answer {
    TRAPDIR_FOREIGN,       /* the domain is not ours: 550 5.7.1 */
    TRAPDIR_MINTED_DOMAIN, /* ask the mint; if it says no: RCPT_GUESS when unknown_accept, else 550 5.1.1 */
    TRAPDIR_TRAP,          /* a static trap, or a domain that accepts all (RCPT_CATCHALL): rcpt_class says which */
    TRAPDIR_UNKNOWN,       /* ours, no such trap: 550 5.1.1 */
    TRAPDIR_ROLE           /* postmaster or abuse at a local domain */
};
struct trapdir_result {
    enum trapdir_answer answer;
    uint8_t rcpt_class;                    /* with TRAPDIR_TRAP: enum rcpt_class, | RCPT_CATCHALL, | RCPT_OBSERVED */
    bool retired; /* with TRAPDIR_UNKNOWN: it was a trap, or its domain was, until an act ended it */
    const struct conf_trap_domain *domain; /* NULL when the domain is not a configured trap domain */
};

struct trapdir;
/* Reads trap_file and the snapshot (a missing snapshot is fine). c must outlive it. */
TRAP_NODISCARD enum trap_err trapdir_new(const struct config *c, struct trapdir **out, struct err_text *why);
void trapdir_free(struct trapdir **d);
/* local as received; domain without trailing dot. Case-insensitive. */
struct trapdir_result trapdir_find(const struct trapdir *d, struct bytes local, struct bytes domain);
/* Looks for a newer snapshot; one stat(2) when there is none. A bad one is logged and ignored. */
void trapdir_refresh(struct trapdir *d);
/* Answers as of this moment until the next refresh. */
void trapdir_set_time(struct trapdir *d, wall_t now);

/* Makes snap/traps of all acts (TRAP_ADD, TRAP_RETIRE, REVOKE of those). */
TRAP_NODISCARD enum trap_err trapdir_build(const char *dir, struct store_db *acts, struct err_text *why);

/* Every static trap, and those that an act retired, for `trapline trap list`. */
struct trapdir_entry {
    struct bytes address; /* or a domain: no '@' */
    uint8_t rcpt_class;
    const char *origin; /* "configuration", "file", "act" */
    enum trap_life life; /* never TRAP_TAINTED: that the acts of taint say */
    wall_t ends;        /* of conditioning and observing; 0: it stays */
};
typedef enum trap_err trapdir_fn(const struct trapdir_entry *e, void *arg);
TRAP_NODISCARD enum trap_err trapdir_each(const struct trapdir *d, trapdir_fn *fn, void *arg);

#endif
