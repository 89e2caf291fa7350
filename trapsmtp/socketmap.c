#include "socketmap.h"

#include "recipient.h"
#include "server.h"

#include <base/log.h>
#include <base/socket.h>
#include <mail/netstring.h>
#include <mail/smtp_path.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUESTION_MAX = 4096, ANSWERS_MAX = 16 * 1024, ACCEPT_BATCH = 16 };

struct map_client {
    struct socketmap *map;
    struct map_client *next, **link; /* among map->clients, or ->dead */
    int fd;
    struct loop_io io;
    struct loop_timer timer;
    struct buf kept;   /* a question that is not whole, or that waits behind answers */
    struct buf unsent; /* answers */
};

struct socketmap {
    const struct config *config;
    struct server *server;
    struct loop_io io;
    int fd;
    bool active, resting;
    struct map_client *clients, *dead;
    uint32_t client_count;
    uint64_t closed; /* connections over the limit since the last tick */
};

/* ---- questions ---- */

static bool is_trap(struct server *server, const struct smtp_path *path)
{
    const struct recipient r = recipient_find(server, path);

    return r.kind == RECIPIENT_TRAP && (r.klass & RCPT_CLASS_MASK) != RCPT_GUESS;
}

static bool is_routed(struct server *server, const struct smtp_path *path)
{
    const bool trap = is_trap(server, path), past = recipient_past(server, path) != RECIPIENT_NEVER;

    return trap || past;
}

static const struct {
    struct bytes name;
    bool (*holds)(struct server *server, const struct smtp_path *path);
} maps[] = {
    { BYTES_INIT("trap"), is_trap },
    { BYTES_INIT("route"), is_routed },
};

static struct bytes look_up(struct server *server, struct bytes name, struct bytes key)
{
    const size_t at = bytes_rfind(key, '@');
    const struct smtp_path path = { .local = bytes_take(key, at), .domain = bytes_skip(key, at + 1) };

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        if (bytes_eq(name, maps[i].name))
            return path.local.n > 0 && path.domain.n > 0 && maps[i].holds(server, &path) ? BYTES("OK trap")
                                                                                         : BYTES("NOTFOUND ");
    return BYTES("PERM no such map; there are trap and route");
}

/* False: no question. */
static bool answer(struct map_client *c, struct bytes question)
{
    const size_t blank = bytes_find(question, ' ');

    if (blank == question.n)
        return false;
    netstring_add(&c->unsent,
                  look_up(c->map->server, bytes_take(question, blank), bytes_skip(question, blank + 1)));
    return c->unsent.err == TRAP_OK;
}

/* ---- one connection ---- */

static void link_in(struct map_client **list, struct map_client *c)
{
    c->next = *list;
    c->link = list;
    if (c->next != NULL)
        c->next->link = &c->next;
    *list = c;
}

static void unlink_from(struct map_client *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
}

static void free_dead(void *arg)
{
    struct socketmap *m = arg;

    while (m->dead != NULL) {
        struct map_client *c = m->dead;

        unlink_from(c);
        buf_free(&c->kept);
        buf_free(&c->unsent);
        free(c);
    }
}

/* Freed after the batch of events; where that cannot be arranged, with the next one that ends. */
static void client_end(struct map_client *c)
{
    struct socketmap *m = c->map;

    loop_io_stop(m->server->loop, &c->io);
    loop_timer_stop(m->server->loop, &c->timer);
    (void)close(c->fd);
    c->fd = -1;
    unlink_from(c);
    link_in(&m->dead, c);
    m->client_count--;
    if (loop_defer(m->server->loop, free_dead, m) != TRAP_OK)
        log_warning("smtp.socketmap.defer", LOG_STR("error", "out of memory"));
}

/* Sends what the client takes now. False: the connection is broken. */
static bool flush(struct map_client *c)
{
    while (c->unsent.n > 0) {
        const ssize_t n = send(c->fd, c->unsent.p, c->unsent.n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        buf_consume(&c->unsent, (size_t)n);
    }
    buf_free(&c->unsent); /* who waits for nothing owns nothing */
    buf_init(&c->unsent, ANSWERS_MAX + QUESTION_MAX);
    return true;
}

/* Answers the whole questions of *in while the client reads the answers. False: the connection is to end. */
static bool answer_all(struct map_client *c, struct bytes *in, bool *progress_out)
{
    enum netstring_event event = NETSTRING_DONE;
    struct bytes question;

    do { /* until what waits for a read is less than a question, or the client for its answers */
        while (event == NETSTRING_DONE && c->unsent.n < ANSWERS_MAX) {
            event = netstring_next(in, QUESTION_MAX, &question);
            if (event == NETSTRING_BAD || (event == NETSTRING_DONE && !answer(c, question))) {
                log_info("smtp.socketmap.malformed", LOG_BYTES("text", *in));
                (void)flush(c); /* what was asked before it */
                return false;
            }
            *progress_out |= event == NETSTRING_DONE;
        }
        if (!flush(c))
            return false;
    } while (event == NETSTRING_DONE && c->unsent.n == 0);
    return true;
}

/* `in` is what was kept and what came now; it may lie in c->kept itself. */
static void client_turn(struct map_client *c, struct bytes in)
{
    struct loop *loop = c->map->server->loop;
    struct buf kept;
    bool progress = false;

    if (!answer_all(c, &in, &progress)) {
        client_end(c);
        return;
    }
    buf_init(&kept, READ_BYTES + QUESTION_MAX + NETSTRING_EXTRA);
    buf_add(&kept, in);
    buf_free(&c->kept);
    c->kept = kept;
    if (kept.err != TRAP_OK) {
        client_end(c);
        return;
    }
    loop_io_set(loop, &c->io, c->unsent.n > 0 ? LOOP_WRITE : LOOP_READ);
    if (progress)
        loop_timer_start(loop, &c->timer, c->map->config->smtp.socketmap_timeout);
}

static void client_on_io(struct loop_io *io, int events)
{
    struct map_client *c = io->arg;
    struct server *server = c->map->server;
    ssize_t n;

    (void)events;
    if (c->unsent.n > 0) {
        if (!flush(c))
            client_end(c);
        else if (c->unsent.n == 0)
            client_turn(c, buf_bytes(&c->kept));
        return;
    }
    if (c->kept.n > 0)
        memcpy(server->input, c->kept.p, c->kept.n);
    n = recv(c->fd, server->input + c->kept.n, READ_BYTES - c->kept.n, MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        client_end(c);
    else
        client_turn(c, bytes_of(server->input, c->kept.n + (size_t)n));
}

static void client_on_timer(struct loop_timer *t)
{
    client_end(t->arg);
}

/* ---- the listener ---- */

static bool is_loopback(struct ip ip)
{
    static const struct ip one = { { [15] = 1 } };

    return ip_eq(ip, one) || ip_eq(prefix_of(ip, 104).ip, prefix_of(ip_v4(127, 0, 0, 1), 104).ip);
}

/* A path is guarded by its mode. */
static bool may_ask(const struct socketmap *m, const struct sockaddr_storage *sa)
{
    struct ip peer;
    uint16_t port;

    if (sa->ss_family == AF_UNIX)
        return true;
    return ip_from_sockaddr((const struct sockaddr *)sa, &peer, &port) == TRAP_OK &&
           (is_loopback(peer) || prefix_set_has(&m->config->smtp.xforward_from, peer));
}

static void client_open(struct socketmap *m, int fd)
{
    struct loop *loop = m->server->loop;
    struct map_client *c = m->client_count < m->config->smtp.socketmap_max ? calloc(1, sizeof(*c)) : NULL;

    if (c == NULL) {
        (void)close(fd);
        if (m->closed++ == 0) /* one line a second; the tick tells how many more */
            log_warning("smtp.socketmap.refused", LOG_U64("connections", m->client_count),
                        LOG_STR("todo", "raise socketmap_max"));
        return;
    }
    c->map = m;
    c->fd = fd;
    buf_init(&c->unsent, ANSWERS_MAX + QUESTION_MAX);
    link_in(&m->clients, c);
    m->client_count++;
    loop_io_init(&c->io, fd, LOOP_READ, client_on_io, c);
    loop_io_start(loop, &c->io);
    loop_timer_init(&c->timer, client_on_timer, c);
    loop_timer_start(loop, &c->timer, m->config->smtp.socketmap_timeout);
}

static void on_accept(struct loop_io *io, int events)
{
    struct socketmap *m = io->arg;

    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa = { .ss_family = AF_UNIX };
        socklen_t len = sizeof(sa);
        const int fd = accept4(m->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd == -1) {
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) { /* no descriptors, no memory: who asks waits */
                m->resting = true;
                loop_io_set(m->server->loop, &m->io, 0);
            }
            return;
        }
        if (may_ask(m, &sa))
            client_open(m, fd);
        else
            (void)close(fd);
    }
}

static enum trap_err bind_where(const struct conf_smtp *conf, int *fd_out, struct err_text *why)
{
    static const char key[] = "smtp.socketmap_listen";
    struct endpoint e;

    if (conf->socketmap_listen[0] == '/')
        return socket_listen_path(key, conf->socketmap_listen, conf->socketmap_group, fd_out, why);
    if (ip_port_parse(bytes_str(conf->socketmap_listen), &e.ip, &e.port) == TRAP_OK)
        return socket_listen(key, e, fd_out, why);
    err_text_set(why, "%s: neither a path nor IP:PORT", key);
    return TRAP_EINVAL;
}

enum trap_err socketmap_open(const struct config *config, struct socketmap **out, struct err_text *why)
{
    struct socketmap *m;
    enum trap_err err;

    *out = NULL;
    if (config->smtp.socketmap_listen[0] == '\0')
        return TRAP_OK;
    m = calloc(1, sizeof(*m));
    if (m == NULL) {
        err_text_set(why, "out of memory");
        return TRAP_ENOMEM;
    }
    m->config = config;
    err = bind_where(&config->smtp, &m->fd, why);
    if (err != TRAP_OK) {
        free(m);
        return err;
    }
    *out = m;
    return TRAP_OK;
}

void socketmap_start(struct socketmap *m, struct server *server)
{
    if (m == NULL)
        return;
    m->server = server;
    loop_io_init(&m->io, m->fd, LOOP_READ, on_accept, m);
    loop_io_start(server->loop, &m->io);
    m->active = true;
    log_info("smtp.socketmap", LOG_STR("listen", m->config->smtp.socketmap_listen));
}

void socketmap_wake(struct socketmap *m)
{
    if (m == NULL)
        return;
    if (m->closed > 1)
        log_info("smtp.socketmap.refused.more", LOG_U64("suppressed", m->closed - 1));
    m->closed = 0;
    if (m->resting && m->active)
        loop_io_set(m->server->loop, &m->io, LOOP_READ);
    m->resting = false;
}

void socketmap_stop(struct socketmap *m)
{
    struct map_client *next;

    if (m == NULL || m->fd == -1)
        return;
    if (m->active)
        loop_io_stop(m->server->loop, &m->io);
    m->active = false;
    (void)close(m->fd);
    m->fd = -1;
    if (m->config->smtp.socketmap_listen[0] == '/')
        (void)unlink(m->config->smtp.socketmap_listen);
    for (struct map_client *c = m->clients; c != NULL; c = next) {
        next = c->next;
        client_end(c);
    }
}

void socketmap_free(struct socketmap **mp)
{
    struct socketmap *m = *mp;

    if (m == NULL)
        return;
    socketmap_stop(m);
    free_dead(m);
    free(m);
    *mp = NULL;
}
