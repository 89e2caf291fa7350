/* recipient.h - what a recipient is: DESIGN.md section 7, decided at equal cost for every address of a
 * domain.
 *
 * Threads: loop only.
 * Tests:   tests/replay/scripts/envelope.txt, paths.txt, tests/functional/test_smtp_timing.py
 */
#ifndef TRAPSMTP_RECIPIENT_H
#define TRAPSMTP_RECIPIENT_H

#include <base/bytes.h>

struct server;
struct smtp_path;

enum recipient_kind {
    RECIPIENT_TRAP,    /* evidence */
    RECIPIENT_ROLE,    /* postmaster or abuse: kept in full, never evidence */
    RECIPIENT_UNKNOWN, /* ours, and nobody: 550 5.1.1 */
    RECIPIENT_FOREIGN  /* not ours: 550 5.7.1 */
};
struct recipient {
    enum recipient_kind kind;
    uint8_t klass;       /* enum rcpt_class, with RECIPIENT_TRAP */
    bool refused_after_data; /* after_data = "reject" */
    struct bytes domain;     /* of the address as it is recorded */
};

struct recipient recipient_find(struct server *server, const struct smtp_path *path);

/* Mail that a front MX took for a trap, and keeps in its queue for days, is still looked for here when the
 * recipient is no trap any more. With RECIPIENT_UNKNOWN, or RCPT_GUESS. */
enum recipient_past {
    RECIPIENT_NEVER,      /* it was none: a name of somebody else */
    RECIPIENT_WAS_MINTED, /* under an epoch that does not count any more: the fold knows it */
    RECIPIENT_RETIRED     /* by an act: the mail is nobody's */
};
enum recipient_past recipient_past(struct server *server, const struct smtp_path *path);

#endif
