/* internal.h - what the files of lib/httpd share.
 *
 * Connection: struct httpd_conn is made when the peer is accepted and ends with the connection. HTTP/1
 *             requests of one connection come one after the other, so the state of the request lives in it,
 *             too.
 * Locks:      wait_queue.lock may be held while libmicrohttpd takes its own; never the other way round.
 */
#ifndef HTTPD_INTERNAL_H
#define HTTPD_INTERNAL_H

#include <httpd/httpd.h>

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    CONNECTIONS_SPARE = 64, /* accepted beyond connections_max only to be told 503; then closed unread */
    BODY_MAX = 64 * 1024,   /* of a request: read and dropped up to here */
    POOL_SPARE = 4096,      /* connection memory beside the request header: tables and the response header */
    STOP_WAIT_MS = 3000,
    SLOW_LOOK_MS = 500
};

/* ---- peers.c: open connections: how many of each client, and which take too long to say what they want
 * ---- */
struct peer {
    struct peer *next;
    struct prefix key;
    uint32_t count;
};
struct peers {
    pthread_mutex_t lock;
    struct peer **buckets;
    size_t mask;
    uint32_t total;
    struct httpd_conn *conns; /* all of them */
};
TRAP_NODISCARD enum trap_err peers_init(struct peers *p, uint32_t connections_max);
void peers_free(struct peers *p);
/* Counts a connection by c->ip; *mine_out and *total_out say how many there are now, this one included.
 * c->peer stays NULL when memory runs out: not counted for its peer. */
void peers_add(struct peers *p, struct httpd_conn *c, uint32_t *mine_out, uint32_t *total_out);
void peers_remove(struct peers *p, struct httpd_conn *c);
/* Shuts connections whose request is not complete `limit` after the connection or their last response: the
 * library's own timeout begins anew with every octet. It finds the end of the stream and closes them. */
void peers_shut_slow(struct peers *p, mono_t now, span_t limit);

/* ---- wait.c: suspended requests in order of their deadlines ---- */
struct wait_queue {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool made, started, ended;
    void (*tick)(void *arg);
    void *arg;
    atomic_bool closed;
    span_t span;
    struct httpd_wait *head, *tail;
    uint32_t count;
    uint64_t deadlines;
};
/* tick(arg) runs on the queue's thread, under its lock, at least once a span. */
TRAP_NODISCARD enum trap_err wait_queue_start(struct wait_queue *q, span_t span, void (*tick)(void *arg), void *arg);
/* No more suspensions from now on, but those that are being made: wait until `submitting` is 0. */
void wait_queue_close(struct wait_queue *q);
/* Resumes all that wait as if their deadlines had passed, then ends the thread. */
void wait_queue_stop(struct wait_queue *q);
/* Also stops; a zeroed queue is fine. Nothing may ask for a suspension or a resume any more. */
void wait_queue_free(struct wait_queue *q);

enum outcome { OUTCOME_NONE, OUTCOME_WAITING, OUTCOME_COMPLETED, OUTCOME_DEADLINE };

struct httpd_conn {
    struct httpd *server;
    struct MHD_Connection *mhd;
    struct httpd_conn *next, **link;  /* in peers.conns */
    struct peer *peer;
    struct ip ip;
    int fd;
    atomic_int_fast64_t reading_since; /* mono_t of which a request is awaited; 0 = none is */
    unsigned refuse; /* status for every request of a connection beyond the limits, or 0 */

    /* the request */
    bool last; /* no further one is read from this connection */
    bool responded;
    bool suspended;         /* by the handler that is running; only its thread looks */
    enum MHD_Result queued; /* what MHD_queue_response said */
    uint64_t body_bytes;
    size_t target_len;              /* HTTPD_TARGET_MAX + 1: too long */
    _Atomic enum outcome outcome;   /* written before the resume, read after it */
    struct httpd_wait *won;         /* the job that came back in time; owned until resumed() or dropped() */
    uint8_t target[HTTPD_TARGET_MAX];
};

struct httpd {
    struct httpd_options o;
    int *fds;
    struct MHD_Daemon **daemons;
    size_t count;
    struct peers peers;
    struct wait_queue waits;
    mono_t looked; /* for slow clients; the thread of `waits` only */
    atomic_bool stopping;
    atomic_uint_fast32_t active;     /* requests begun and not ended */
    atomic_uint_fast32_t submitting; /* suspended, and the handler has not come back yet */
    atomic_uint_fast64_t connections, requests, refused_connections, refused_requests;
};

/* ---- handler.c: libmicrohttpd's callbacks ---- */
void *handler_target(void *cls, const char *target, struct MHD_Connection *mhd);
size_t handler_keep_escapes(void *cls, struct MHD_Connection *mhd, char *text);
enum MHD_Result handler_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                                const char *upload, size_t *upload_bytes, void **con_cls);
void handler_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode why);
void handler_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                        enum MHD_ConnectionNotificationCode code);

/* ---- respond.c ---- */
void respond_status(struct httpd_conn *c, unsigned status);

#endif
