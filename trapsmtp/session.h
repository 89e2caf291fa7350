/* session.h - one connection of a client. The state diagram stands in session.c.
 *
 * Life:    session_open() makes it and sends the greeting. Nobody frees a session but the loop, after the
 *          batch of events: a handler returns STEP_CLOSE or calls session_end(). A session that ends while
 *          its message is being written stays, without a descriptor, until the message comes back.
 * Memory:  what an idle session owns is this struct and its helo; buffers exist only while something waits
 *          in them.
 * Threads: loop only.
 * Tests:   tests/replay, tests/fuzz/fuzz_smtp_session.c
 */
#ifndef TRAPSMTP_SESSION_H
#define TRAPSMTP_SESSION_H

#include "listener.h"
#include "message.h"

#include <base/ip.h>
#include <base/loop.h>
#include <mail/smtp_bdat.h>
#include <mail/smtp_line.h>

struct forward;
struct auth_list;
struct server;
struct smtp_auth;
struct tls_facts;
struct tls_stream;

enum session_state {
    SESSION_READY = 1 << 0,     /* no transaction */
    SESSION_MAIL = 1 << 1,      /* MAIL was accepted */
    SESSION_RCPT = 1 << 2,      /* and a recipient, too */
    SESSION_DATA = 1 << 3,      /* the client sends content */
    SESSION_COMMIT = 1 << 4,    /* the message is on its way to the disk; the client waits */
    SESSION_CLOSING = 1 << 5,   /* the last reply is on its way; what comes is dropped */
    SESSION_ENDED = 1 << 6,     /* no descriptor any more */
    SESSION_HANDSHAKE = 1 << 7, /* TLS is being agreed on */
    SESSION_CHUNK = 1 << 8,     /* the client sends the octets of a BDAT */
    SESSION_AUTH = 1 << 9,      /* waits for a line of SASL */
    SESSION_PROXY = 1 << 10,    /* waits for the PROXY header */
    SESSION_CHUNKED = 1 << 11   /* a chunk was received, the last one was not */
};
/* A command line is awaited. */
enum { SESSION_TALKING = SESSION_READY | SESSION_MAIL | SESSION_RCPT | SESSION_CHUNKED };
/* The client sends content. */
enum { SESSION_CONTENT = SESSION_DATA | SESSION_CHUNK };

/* What a command handler wants next. */
enum step {
    STEP_CONTINUE,
    STEP_ERROR, /* the command was refused: counts against errors_max */
    STEP_CLOSE  /* the last reply was given */
};

/* So many different unknown recipients are a walk through a dictionary (HIT_DICTIONARY). */
enum { SESSION_WALK_MIN = 5 };

/* What the session record will say: counts since the last record of this session. */
struct tally {
    wall_t since;
    uint32_t flags, flags_on_record; /* enum hit_flag; those that a hit carries already */
    uint32_t commands, errors, hits;
    uint32_t rows;  /* of hits: with a row of their own, not only counted */
    uint32_t roles; /* messages for postmaster or abuse alone */
    uint32_t refused_unknown, refused_relay, refused_limit;
    uint32_t auth_attempts;
    uint32_t walk[SESSION_WALK_MIN - 1]; /* hashes of different unknown recipients */
    uint8_t walk_count;
    uint8_t attempt_class;
    uint16_t attempt_len;
    uint8_t *attempt; /* address of the trap whose DATA was not finished */
};

/* The BDAT whose octets come. */
struct chunk {
    struct smtp_bdat size;
    uint16_t back; /* enum session_state: where a refused one leads */
    bool refused;  /* its octets are swallowed */
    enum smtp_reply answer;
};

struct session {
    struct server *server;
    struct session *next, **link; /* among server->sessions, or ->dead */
    int fd;
    uint16_t state;     /* enum session_state */
    bool broken;        /* the connection is gone: end at the end of the turn */
    uint8_t watched;    /* LOOP_READ, LOOP_WRITE: what the watcher watches */
    bool in_limits;     /* counted under `client` */
    bool linger;        /* the client may have sent more than we read: close in two steps */
    bool esmtp;         /* EHLO */
    bool helo_fixed;    /* given by XCLIENT: EHLO does not replace it */
    bool greeted;       /* our greeting was given */
    bool front;         /* a front MX that passes on the mail of others: forward.h */
    bool heard;         /* something was received of the client that is on record */
    bool slow, dripping; /* tarpit.h */
    const char *reason; /* why it ends; a constant */

    struct ip peer;          /* the address that connected */
    struct ip speaker;       /* who says what we read: the peer, or the client behind a PROXY header */
    struct ip client, local; /* the speaker, or whom XCLIENT named; IP_NOBODY: not known */
    uint16_t local_port;
    uint64_t id;
    mono_t opened;
    mono_t greeted_at;         /* when the last 220 was given */
    uint32_t first_command_ms; /* from there to the client's first byte; UINT32_MAX: not known */
    mono_t ends;     /* session_max */
    mono_t deadline; /* of what is awaited now */
    mono_t armed;    /* when the timer will look; 0 = it does not run */
    mono_t data_started;    /* of the message, or of the chunk */
    uint64_t data_received; /* octets of it on the wire */
    mono_t drip_at; /* the next byte of a slow reply */

    struct loop_io io;
    struct loop_timer timer;
    struct smtp_line line;
    uint8_t *kept; /* received and not consumed: part of a line, or what waits behind a commit */
    size_t kept_len;
    struct buf unsent;
    struct tls_stream *tls;      /* NULL: in clear */
    struct tls_facts *tls_facts; /* NULL: no ClientHello was seen */
    uint8_t *helo;
    uint8_t helo_len;
    uint32_t commands_left, errors_left;
    struct chunk chunk;
    struct smtp_auth *sasl;  /* the exchange of SESSION_AUTH */
    struct auth_list *auths; /* log-ins that were tried: auth.h */
    struct message *message; /* the transaction; in SESSION_COMMIT borrowed by the writer */
    struct forward *forward; /* what XFORWARD said; NULL: nothing */
    struct tally tally;
};

/* What a listener accepted. `local` and its port are where the client connected to. */
struct connection {
    enum listener_kind kind;
    int fd;
    struct ip peer, local;
    uint16_t local_port;
};
/* Takes the descriptor over. */
void session_open(struct server *server, const struct connection *c);
/* Ends now, without a further reply. */
void session_end(struct session *s, const char *reason);
/* 421 where the client does not wait for a commit: the service stops. */
void session_stop(struct session *s);
void session_free_dead(struct server *server);

/* Replies, drops what comes and closes. */
void session_close_after(struct session *s, enum smtp_reply last, const char *reason);
/* Both the peer and who speaks through it are in `set`: a proxy hands on what anybody says. */
bool session_trusts(const struct session *s, const struct prefix_set *set);
bool session_may_xclient(const struct session *s);
/* The session is this client's from now on, and counted as such; IP_NOBODY is not.
 * False: the client has sessions_per_ip already. */
bool session_move(struct session *s, struct ip client);
/* Octets of content come from now on: time and count for data_rate_min. */
void session_data_begins(struct session *s);
/* Forgets the transaction, if there is one. */
void session_reset(struct session *s);
void session_set_helo(struct session *s, struct bytes name);
struct bytes session_helo(const struct session *s);
/* Adds behaviour to the session record and to hits that follow. */
void session_note(struct session *s, uint32_t hit_flags);
/* The message is at its end: its answer is given and the session is READY. Outside of a turn
 * session_resume() must follow, unless the session is SESSION_ENDED (then it is gone). */
void session_message_done(struct session *s, struct message *m, enum smtp_reply answer);
/* The client is known: 220, at the pace that it gets. */
void session_greet(struct session *s);
/* The client's own commands of an open session count from here: a new id, a new record. */
void session_begin_record(struct session *s);

/* ---- session_io.c ---- */
/* Handles what was received, sends the replies, sets the next deadline. `in` may be empty. */
void session_turn(struct session *s, struct bytes in);
void session_on_io(struct loop_io *io, int events);
void session_on_timer(struct loop_timer *t);
/* The deadline of what the session awaits from now on. */
void session_await(struct session *s);
void session_take_kept(struct session *s);
/* Outside of a turn, after the state changed: a new deadline, then what waited. */
void session_resume(struct session *s);
/* Watches for what the session can use now. */
void session_watch(struct session *s);
/* Looks for early talk, greets, and has the first turn. */
void session_on_open(struct session *s);

#endif
