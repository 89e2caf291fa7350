/* forget.h - the order to erase one subject, for the daemons that own the logs: state_dir/snap/forget.
 *
 * Form:    text: `trapline-forget 1`, then one line `<number> <subject>`. Replaced as a whole, removed by who
 *          gave it. Numbers rise.
 * Subject: an address (an IPv6 address stands for its /64), a prefix, or a domain. Of an address or prefix:
 *          visits keep its /24 or /48 alone and lose the user agent; messages, sessions, counter rows and
 *          samples go. Of a domain: messages whose reverse-path or HELO names it or a name under it, sessions
 *          whose HELO, server name or log-in names it, and the samples of those messages.
 * Done:    each file says in its meta the number that it has carried out, durable, in the transaction of the
 *          last erasure.
 * Threads: any. Tests: tests/unit/store/test_forget.c, test_keep.c, tests/functional/test_forget.py
 */
#ifndef STORE_FORGET_H
#define STORE_FORGET_H

#include <base/ip.h>
#include <store/file.h>

enum { FORGET_SUBJECT_MAX = 320 };
struct forget_order {
    uint64_t number; /* 0: none */
    bool is_domain;
    struct prefix prefix;
    char domain[FORGET_SUBJECT_MAX]; /* lower case */
};
/* "192.0.2.1", "192.0.2.0/24", "example.net". */
TRAP_NODISCARD enum trap_err forget_subject(struct bytes text, struct forget_order *out);
/* One whole subject as text: widened to what is erased. Returns out. */
const char *forget_text(const struct forget_order *o, char out[FORGET_SUBJECT_MAX]);

TRAP_NODISCARD enum trap_err forget_give(const char *dir, const struct forget_order *o, struct err_text *why);
/* A missing one: number 0. */
TRAP_NODISCARD enum trap_err forget_read(const char *dir, struct forget_order *out, struct err_text *why);
void forget_remove(const char *dir);

/* What visits.db or hits.db has carried out; *records_out: erased by it. */
TRAP_NODISCARD enum trap_err forget_done(struct store_db *db, uint64_t *number_out, uint64_t *records_out);

/* Does the name lie at or under the domain? */
bool forget_is_under(struct bytes name, struct bytes domain);

#endif
