/* message.h - one mail transaction: envelope, what is known of the content, and its way to the disk.
 *
 * Life:    MAIL makes it (message_new); RSET, the end of the session or a refusal drops it (message_drop);
 *          at end-of-data it is handed to the writer, which borrows it until the last of its completions
 *          ran. Of a message to postmaster and a trap the copy is written first, then the hit: where there is no room
 *          for the copy there is no hit, and a client that tries again makes no second one. While it is out it cannot be dropped: the session is unlinked instead (session = NULL) and
 *          the message goes when it comes back.
 * Memory:  a message that ended is used again; larger buffers are given back. Envelopes and samples of all
 *          messages together may take MESSAGES_HELD_MAX; beyond that a message gets MESSAGE_ROOM_MIN and no
 *          more.
 * Threads: loop only, but for the fields that the jobs name.
 * Tests:   tests/replay, tests/fault/test_allocation.py
 */
#ifndef TRAPSMTP_MESSAGE_H
#define TRAPSMTP_MESSAGE_H

#include <base/buf.h>
#include <base/mpsc.h>
#include <mail/body_digest.h>
#include <mail/header.h>
#include <mail/returned.h>
#include <mail/smtp_eod.h>
#include <mail/smtp_params.h>
#include <mail/smtp_path.h>
#include <mail/smtp_reply.h>
#include <store/hit_log.h>

enum { MESSAGES_HELD_MAX = 64 << 20, MESSAGE_ROOM_MIN = 8 << 10 };

struct server;
struct session;

/* Comes back to the loop from another thread. */
struct completion {
    struct mpsc_node node;
    void (*run)(struct completion *c);
};

/* One accepted recipient. The address is text.p + at, what RCPT said of DSN stands behind it: text may move
 * while it grows. */
struct rcpt {
    uint32_t hash;
    uint32_t at;
    uint16_t len;
    uint8_t dsn_len;
    uint8_t klass; /* enum rcpt_class; 0 = postmaster, abuse */
};

struct message {
    struct hit_job hit_job;
    struct counter_job counter_job; /* instead of it, beyond hits_per_sender_hour */
    struct completion hit_done;     /* of either */
    struct completion copy_done;
    struct server *server;
    struct session *session; /* who waits for the result; NULL: nobody any more */
    struct message *next;    /* in the server's queue or among the spare ones */

    uint32_t jobs;             /* completions that have not come back */
    bool queued;               /* in the server's queue */
    bool counted;              /* beyond hits_per_sender_hour: no hit of its own */
    bool copied;               /* the copy for postmaster came back */
    enum trap_err result;      /* worst of the completions so far */
    enum trap_err hit_result;  /* written by done() on the writer's thread */
    enum trap_err copy_result; /* written on the postbox's thread */

    /* envelope */
    struct buf text;         /* reverse-path and recipients, one after another; helo at submission */
    size_t reverse_path_len; /* at 0 */
    uint8_t dsn_len;         /* what MAIL said of DSN, behind it */
    struct rcpt *rcpts;
    uint32_t rcpt_count, rcpt_cap;
    uint32_t trap_count, role_count;
    uint32_t taken_count;       /* recipients for which after_data = "accept" */
    uint32_t last_hash;         /* of the recipient that was added last */
    struct hit_rcpt *hit_rcpts; /* made at submission, rcpt_cap long */
    enum smtp_body body;        /* what MAIL declared */
    bool relayed;               /* a front MX passes it on: never 5xx (forward.h) */
    uint32_t flags;             /* enum hit_flag */

    /* content */
    struct smtp_eod eod;
    struct header header;
    struct body_digest digest;
    struct returned returned; /* fed only where the header says that it may matter */
    uint64_t size;     /* content bytes */
    uint64_t received; /* bytes of it on the wire */
    bool too_big;
    bool copy_refused;     /* a bound of the postbox, not a fault; written on its thread while it has it */
    size_t copy_held;      /* what of the copies of all sessions is ours */
    struct ip copy_client; /* whose share that is */
    size_t held;           /* what of server->messages_held is ours */
    struct buf sample;
    struct buf copy; /* whole content for postmaster, with our trace fields in front */
};

/* NULL: out of memory. */
struct message *message_new(struct server *server, struct session *session);
/* Not while jobs are out. */
void message_drop(struct message *m);
void message_free_spares(struct server *server);

/* MESSAGE_TWICE: the same address is there already. */
enum message_add { MESSAGE_ADDED, MESSAGE_TWICE, MESSAGE_NO_MEMORY };
TRAP_NODISCARD enum trap_err message_set_reverse_path(struct message *m, const struct smtp_path *path,
                                                      const struct smtp_params *params);
/* The same address (any case) counts once. */
enum message_add message_add_rcpt(struct message *m, const struct smtp_path *path, struct bytes domain,
                                  uint8_t klass);
/* What RCPT said of DSN, for the recipient that was added last. */
TRAP_NODISCARD enum trap_err message_set_rcpt_dsn(struct message *m, const struct smtp_params *params);

/* The envelope, and the sample, may grow. */
bool message_has_room(const struct message *m);
/* The next octets of the sample. It ends where there is no room: what is kept has no gap. */
void message_add_sample(struct message *m, struct bytes wire);

/* Takes back the last one, just added. Its hash stays in m->last_hash. */
void message_forget_rcpt(struct message *m);
struct bytes message_reverse_path(const struct message *m);
struct bytes message_rcpt(const struct message *m, uint32_t i);
/* "RET=… ENVID=…", "NOTIFY=… ORCPT=…": as received, cut at DSN_MAX (marked HIT_CUT). */
struct bytes message_dsn(const struct message *m);
struct bytes message_rcpt_dsn(const struct message *m, uint32_t i);

#endif
