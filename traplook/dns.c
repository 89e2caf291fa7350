/* dns.c - see dns.h. c-ares tells which sockets it waits for; the loop waits. */
#include "dns_answer.h"

#include <base/log.h>

#include <ares.h>
#include <stdlib.h>
#include <sys/time.h>

enum { SOCKETS_MAX = 64, DROPPED_MAX = 2, EDNS_BYTES = 1232, LAST_WAIT_MS = 1000, DNS_CLASS_IN = 1 };

struct socket {
    struct dns *dns;
    int fd; /* -1: not in use */
    struct loop_io io;
};
struct query {
    struct query *next; /* in line */
    struct dns *dns;
    enum dns_type type;
    dns_fn *fn;
    void *arg;
    unsigned dropped;
    char name[DNS_NAME_TEXT_MAX];
};
struct dns {
    struct loop *loop;
    struct loop_timer timer;
    ares_channel channel;
    bool has_channel, closing;
    uint32_t under_way, max;
    struct query *first, **end; /* the line */
    struct dns_stats stats;
    struct socket sockets[SOCKETS_MAX];
};

/* ---- the loop ---- */

static void start_waiting(struct dns *d);

static void set_timer(struct dns *d)
{
    struct timeval wait, longest = { LAST_WAIT_MS / 1000, 0 };
    const struct timeval *next = ares_timeout(d->channel, &longest, &wait);

    if (d->under_way == 0)
        loop_timer_stop(d->loop, &d->timer);
    else
        loop_timer_start(d->loop, &d->timer, SPAN_MS((int64_t)next->tv_sec * 1000 + next->tv_usec / 1000 + 1));
}

static void process(struct dns *d, int read_fd, int write_fd)
{
    ares_process_fd(d->channel, read_fd, write_fd);
    start_waiting(d);
    set_timer(d);
}

static void on_socket(struct loop_io *io, int events)
{
    const struct socket *s = io->arg;

    process(s->dns, (events & LOOP_READ) != 0 ? s->fd : ARES_SOCKET_BAD,
            (events & LOOP_WRITE) != 0 ? s->fd : ARES_SOCKET_BAD);
}

static void on_timer(struct loop_timer *t)
{
    process(t->arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static struct socket *find_socket(struct dns *d, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (d->sockets[i].fd == fd)
            return &d->sockets[i];
    return NULL;
}

/* Called by c-ares before it closes a socket (0, 0), and whenever it waits for something else. */
static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = arg;
    struct socket *s = find_socket(d, fd);
    const int events = (readable != 0 ? LOOP_READ : 0) | (writable != 0 ? LOOP_WRITE : 0);

    if (s != NULL && events == 0) {
        loop_io_stop(d->loop, &s->io);
        s->fd = -1;
    } else if (s != NULL) {
        loop_io_set(d->loop, &s->io, events);
    } else if (events != 0) {
        s = find_socket(d, -1);
        if (s == NULL) { /* its queries time out */
            log_error("look.dns.sockets", LOG_U64("max", SOCKETS_MAX));
            return;
        }
        s->fd = fd;
        loop_io_init(&s->io, fd, events, on_socket, s);
        loop_io_start(d->loop, &s->io);
    }
}

/* ---- questions ---- */

static void put_in_line(struct dns *d, struct query *q)
{
    q->next = NULL;
    *d->end = q;
    d->end = &q->next;
}

/* When a server ends a TCP connection, c-ares gives up all that it was asked, also over UDP: such a question is put
 * again. */
static bool was_dropped(struct query *q, int status)
{
    if (status != ARES_ECONNREFUSED || q->dns->closing || q->dropped == DROPPED_MAX)
        return false;
    q->dropped++;
    put_in_line(q->dns, q);
    return true;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int len)
{
    struct query *q = arg;
    struct dns *d = q->dns;
    struct dns_answer a;

    (void)timeouts;
    d->under_way--;
    if (was_dropped(q, status))
        return;
    if (!d->closing) {
        dns_answer_read(q->type, status, message, len, &a);
        d->stats.found += a.result == DNS_FOUND;
        d->stats.none += a.result == DNS_NONE;
        d->stats.undecided += a.result == DNS_UNDECIDED;
        log_debug("look.dns.answer", LOG_STR("name", q->name), LOG_I64("type", dns_type_number(q->type)),
                  LOG_STR("status", ares_strerror(status)), LOG_U64("result", a.result));
        q->fn(q->arg, &a);
        dns_answer_free(&a);
    }
    free(q);
}

static void start_waiting(struct dns *d)
{
    while (d->first != NULL && d->under_way < d->max && !d->closing) {
        struct query *q = d->first;

        d->first = q->next;
        if (d->first == NULL)
            d->end = &d->first;
        d->under_way++;
        d->stats.asked++;
        ares_query(d->channel, q->name, DNS_CLASS_IN, dns_type_number(q->type), on_answer, q);
    }
}

/* From the loop, so that an answer that c-ares has at once (no server, a bad name) does not come within dns_ask(). */
static void start_deferred(void *arg)
{
    struct dns *d = arg;

    if (d->closing)
        return;
    start_waiting(d);
    set_timer(d);
}

enum trap_err dns_ask(struct dns *d, enum dns_type type, const char *name, dns_fn *fn, void *arg)
{
    struct query *q = calloc(1, sizeof(*q));
    const size_t n = strlen(name);

    TRAP_BUG_ON(n > DNS_NAME_MAX);
    if (q == NULL || loop_defer(d->loop, start_deferred, d) != TRAP_OK) {
        free(q);
        return TRAP_ENOMEM;
    }
    q->dns = d;
    q->type = type;
    q->fn = fn;
    q->arg = arg;
    memcpy(q->name, name, n + 1);
    put_in_line(d, q);
    return TRAP_OK;
}

struct dns_stats dns_stats(const struct dns *d)
{
    return d->stats;
}

/* ---- open and close ---- */

static int set_servers(struct dns *d, const struct endpoints *e)
{
    struct ares_addr_port_node *list = calloc(e->n, sizeof(*list));
    int status;

    if (list == NULL)
        return ARES_ENOMEM;
    for (size_t i = 0; i < e->n; i++) {
        struct ares_addr_port_node *s = &list[i];
        const bool v4 = ip_is_v4(e->v[i].ip);

        s->next = i + 1 < e->n ? s + 1 : NULL;
        s->family = v4 ? AF_INET : AF_INET6;
        memcpy(&s->addr, e->v[i].ip.b + (v4 ? 12 : 0), v4 ? 4 : 16);
        s->udp_port = s->tcp_port = e->v[i].port;
    }
    status = ares_set_servers_ports(d->channel, list);
    free(list);
    return status;
}

static int open_channel(struct dns *d, const struct conf_look *c)
{
    static char from_dns_only[] = "b";
    struct ares_options o = { .flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                              .timeout = (int)c->timeout.ms,
                              .tries = (int)c->tries,
                              .ednspsz = EDNS_BYTES,
                              .lookups = from_dns_only,
                              .sock_state_cb = on_state,
                              .sock_state_cb_data = d };
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                     ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
    int status = ares_library_init(ARES_LIB_INIT_ALL);

    if (status == ARES_SUCCESS)
        status = ares_init_options(&d->channel, &o, mask);
    d->has_channel = status == ARES_SUCCESS;
    if (status == ARES_SUCCESS && c->resolvers.n > 0)
        status = set_servers(d, &c->resolvers);
    return status;
}

enum trap_err dns_new(const struct conf_look *c, struct loop *loop, struct dns **out, struct err_text *why)
{
    struct dns *d = calloc(1, sizeof(*d));
    int status;

    if (d == NULL) {
        err_text_set(why, "no memory");
        return TRAP_ENOMEM;
    }
    d->loop = loop;
    d->max = c->queries_max;
    d->end = &d->first;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        d->sockets[i] = (struct socket){ .dns = d, .fd = -1 };
    loop_timer_init(&d->timer, on_timer, d);
    status = open_channel(d, c);
    if (status != ARES_SUCCESS) {
        err_text_set(why, "cannot begin to ask the DNS: %s; see look.resolvers", ares_strerror(status));
        dns_free(&d);
        return status == ARES_ENOMEM ? TRAP_ENOMEM : TRAP_EIO;
    }
    *out = d;
    return TRAP_OK;
}

void dns_free(struct dns **dns)
{
    struct dns *d = *dns;

    if (d == NULL)
        return;
    d->closing = true;
    if (d->has_channel)
        ares_destroy(d->channel); /* ends what is under way */
    loop_timer_stop(d->loop, &d->timer);
    while (d->first != NULL) {
        struct query *q = d->first;

        d->first = q->next;
        free(q);
    }
    ares_library_cleanup();
    free(d);
    *dns = NULL;
}
