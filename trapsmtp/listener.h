/* listener.h - the sockets that clients connect to.
 *
 * Sockets: SO_REUSEADDR, TCP_NODELAY (accepted sockets inherit it), IPv6 ones for IPv6 only. Bound before
 *          privileges are dropped.
 * Full:    without a descriptor left (EMFILE, ENFILE) a spare one is given up to accept one client, tell it
 *          421 and close; then the listener rests until the next tick, as without memory for a socket.
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_limits.py, tests/fault
 */
#ifndef TRAPSMTP_LISTENER_H
#define TRAPSMTP_LISTENER_H

#include <base/config.h>
#include <base/loop.h>

struct server;

/* What a client has to do before SMTP begins. Each kind has its key in the configuration: listener.c. */
enum listener_kind {
    LISTENER_PLAIN,
    LISTENER_PROXY, /* sends a PROXY header */
    LISTENER_TLS,   /* begins a TLS handshake (RFC 8314 3.3) */
    LISTENER_KINDS
};

struct listener {
    struct server *server;
    struct loop_io io;
    enum listener_kind kind;
    int fd, spare_fd;
    struct ip ip;
    uint16_t port;
    bool any; /* bound to the unspecified address: the local one is asked for each connection */
    bool active, resting;
};

/* Those of all kinds. *list_out is freed by listeners_free(). Errors: those of socket_listen(), TRAP_ENOMEM.
 */
TRAP_NODISCARD enum trap_err listeners_bind(const struct conf_smtp *conf, struct listener **list_out,
                                            size_t *n_out, struct err_text *why);
void listeners_start(struct server *server);
void listeners_wake(struct server *server); /* those that rest */
/* No more clients; the sockets are closed. */
void listeners_stop(struct server *server);
void listeners_free(struct listener **list, size_t n);

#endif
