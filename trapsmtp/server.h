/* server.h - what all sessions of one trapsmtp share, and how work done by other threads comes back to the
 * loop.
 *
 * Threads: the loop thread owns everything here. Two other threads exist: the writer of store (commits) and
 *          the postbox (files of mail to postmaster). They reach the loop only by server_complete() and
 *          server_wake().
 * Owns:    config is the caller's; the rest is made by server_new() and released by server_free().
 * Tests:   tests/replay, tests/functional/test_smtp_limits.py, test_smtp_stop.py
 */
#ifndef TRAPSMTP_SERVER_H
#define TRAPSMTP_SERVER_H

#include "client_limits.h"
#include "greeting.h"
#include "message.h"
#include "reply.h"

#include <base/config.h>
#include <base/loop.h>
#include <base/mpsc.h>
#include <mail/keyed.h>
#include <mail/mint.h>
#include <store/epochs.h>
#include <store/hit_log.h>
#include <store/listed.h>
#include <store/trapdir.h>

enum {
    READ_BYTES = 64 * 1024,        /* of content, in one turn */
    READ_COMMAND_BYTES = 8 * 1024, /* of commands */
    READ_TLS_BYTES = 16 * 1024     /* of commands in TLS: a record */
};

struct listener;
struct postbox;
struct session;
struct socketmap;
struct tls;

struct server {
    const struct config *config;
    struct loop *loop;
    struct loop_timer tick; /* each second: snapshots, shutdown */
    struct loop_wakeup wakeup;
    struct mpsc completions; /* of struct completion; filled by the other threads */

    struct tls *tls; /* NULL: tls = "off" */

    struct hit_log *hits;
    struct postbox *postbox;

    /* what a recipient is */
    struct trapdir *trapdir;
    struct mint *mint;
    struct mint_domain *mint_domains; /* beside config->trap_domains, and one more for all other domains */
    struct mint_window window, window_ever; /* the epochs that count; all that there were */
    struct snapshot_stamp window_stamp;

    struct greeting greeting;
    struct hash_key auth_key; /* of passwords that were tried */
    bool wipe_input;          /* a password came in this turn */

    struct client_limits limits;
    struct listener *listeners;
    size_t listener_count;
    struct socketmap *socketmap; /* NULL: none */

    struct session *sessions; /* all that are not freed, newest first */
    struct session *dead;     /* ended: freed after the present batch of events */
    size_t session_count, slow_sessions;
    size_t sessions_peak; /* since memory was last given back */
    struct listed listed; /* who is slowed down */
    uint64_t last_session_id;
    uint64_t refused;        /* connections over a limit since the last tick */
    uint64_t lines_left_out; /* of sessions, since the last tick */
    bool told_unnamed;       /* that a front MX does not say whose mail it brings */

    struct message *queue_head,
        **queue_tail;     /* end-of-data seen, the commit queue was full: submitted when there is room */
    size_t message_count; /* transactions that are open, those with the writer included */
    struct message *spare_messages;
    size_t spare_count;
    size_t messages_held;      /* bytes of envelopes and samples in memory */
    mono_t storage_full_until; /* after a commit that failed: MAIL gets 452 until then */
    uint64_t storage_failures; /* not told yet */
    uint64_t jobs_out;         /* jobs with the writer or the postbox, not completed */

    int signal_fd;
    bool stopping;
    mono_t stop_deadline;

    struct output output; /* replies of the session whose turn it is */
    uint8_t *input;       /* READ_BYTES + what a session kept: bytes of the session whose turn it is */
    size_t input_cap;
};

TRAP_NODISCARD enum trap_err server_new(const struct config *config, struct server **out,
                                        struct err_text *why);
void server_free(struct server **server);

/* Runs until a stop signal came and every session ended, at most STOP_MAX_S seconds after it. */
enum { STOP_MAX_S = 10 };
void server_run(struct server *server, int signal_fd);

/* A job of another thread is done: c->run(c) will be called on the loop. Any thread; then server_wake() once
 * a batch. */
void server_complete(struct server *server, struct completion *c);
void server_wake(struct server *server);

/* New mail must wait: the queue of commits is full, or the disk is. */
bool server_storage_full(const struct server *server);

/* Ids of sessions: unique per node, rising; microseconds since 1970 where the clock allows. */
uint64_t server_session_id(struct server *server);

#endif
