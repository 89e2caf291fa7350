/* home.h - an installation opened for questions: configuration, keys, databases, whatever of them exists.
 *
 * Rule:    reads only; hits.db is opened before visits.db, so that an address that was shown is never taken
 *          for forged.
 * Errors:  home_open() says what is wrong on standard error and returns the exit code; 0 is success.
 * Threads: main only.
 */
#ifndef TRAPLINE_HOME_H
#define TRAPLINE_HOME_H

#include "cli.h"

#include <base/config.h>
#include <base/keyring.h>
#include <correlate/fold.h>
#include <mail/mint.h>
#include <policy/listing.h>

struct home {
    struct config *config;
    struct keyring keys;
    struct mint *mint;
    struct store_db *hits, *visits, *samples, *acts, *derived, *published;
    struct fold *fold;
    struct acts_view acts_view;
    struct lists lists;
    struct hash_key policy_key;
    wall_t now;
};

enum home_need {
    HOME_CONFIG = 0, /* always */
    HOME_KEYS = 1 << 0,
    HOME_LOGS = 1 << 1, /* hits, visits, acts */
    HOME_DERIVED = 1 << 2,
    HOME_PUBLISHED = 1 << 3,
    HOME_POLICY = 1 << 4,  /* acts_view, lists, policy_key, fold */
    HOME_SAMPLES = 1 << 5  /* where it can be opened; samples stays NULL otherwise */
};
int home_open(struct cli *cli, unsigned need, struct home *out);

/* The configuration alone; why for those who tell it once more (--json). */
int home_config_read(const struct cli *cli, struct config **out, struct err_text *why);
/* For verbs that touch the installation: a command that root started goes on as the owner of state_dir
 * (effective user), so that nothing it makes there is out of the daemons' reach; home_as_caller() is for a
 * file that the operator names. */
int home_config(const struct cli *cli, struct config **out);
int home_as_owner(const struct config *c);
void home_as_caller(void);

/* Who acts, for the record: the login name, kept through sudo. */
struct bytes home_operator(void);
/* The same, or the name that `--by NAME` says; takes the option out. */
struct bytes home_operator_by(struct cli *cli);
void home_close(struct home *h);

/* The rule of one policy, as of home's now. */
struct policy_env home_policy(const struct home *h, const struct conf_policy *p);

#endif
