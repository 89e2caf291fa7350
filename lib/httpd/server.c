#include "internal.h"

#include <base/log.h>
#include <base/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void library_panic(void *cls, const char *file, unsigned int line, const char *reason)
{
    (void)cls;
    (void)file;
    trap_bug("libmicrohttpd", (int)line, reason == NULL ? "panic" : reason);
}

static void __attribute__((format(printf, 2, 0))) library_log(void *cls, const char *format, va_list ap)
{
    char text[256];

    (void)cls;
    (void)vsnprintf(text, sizeof(text), format, ap);
    log_debug("http.library", LOG_STR("text", text));
}

/* Asked before anything is allocated for a connection. */
static enum MHD_Result accept_policy(void *cls, const struct sockaddr *addr, socklen_t len)
{
    struct httpd *h = cls;
    bool room = false;

    (void)addr;
    (void)len;
    (void)pthread_mutex_lock(&h->peers.lock);
    room = h->peers.total < (uint64_t)h->o.connections_max + CONNECTIONS_SPARE;
    (void)pthread_mutex_unlock(&h->peers.lock);
    if (!room)
        atomic_fetch_add_explicit(&h->refused_connections, 1, memory_order_relaxed);
    return room ? MHD_YES : MHD_NO;
}

/* Every connection is a descriptor: ask for as many as the limits allow. */
static void raise_descriptor_limit(uint64_t connections_max)
{
    const rlim_t wanted = connections_max + 2 * CONNECTIONS_SPARE + 64;
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) == -1 || lim.rlim_cur >= wanted)
        return;
    lim.rlim_cur = lim.rlim_max < wanted ? lim.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &lim) == -1 || lim.rlim_cur < wanted)
        log_warning("http.descriptors", LOG_U64("allowed", lim.rlim_cur), LOG_U64("wanted", wanted),
                    LOG_STR("do", "raise the limit of open files (LimitNOFILE=) or lower web { connections_max }"));
}

static void server_free(struct httpd *h)
{
    for (size_t i = 0; h->fds != NULL && i < h->count; i++)
        if (h->fds[i] != -1)
            (void)close(h->fds[i]);
    wait_queue_free(&h->waits);
    peers_free(&h->peers);
    free(h->daemons);
    free(h->fds);
    free(h);
}

enum trap_err httpd_open(const struct httpd_options *o, struct httpd **out, struct err_text *why)
{
    enum trap_err err = TRAP_ENOMEM;
    struct httpd *h = calloc(1, sizeof(*h));

    if (h == NULL)
        goto fail;
    h->o = *o;
    h->count = o->listen->n;
    h->fds = calloc(h->count + 1, sizeof(*h->fds));
    h->daemons = calloc(h->count + 1, sizeof(struct MHD_Daemon *));
    if (h->fds == NULL || h->daemons == NULL || peers_init(&h->peers, o->connections_max) != TRAP_OK)
        goto fail;
    for (size_t i = 0; i < h->count; i++)
        h->fds[i] = -1;
    raise_descriptor_limit(o->connections_max);
    for (size_t i = 0; i < h->count; i++) {
        err = socket_listen("web.listen", o->listen->v[i], &h->fds[i], why);
        if (err != TRAP_OK)
            goto fail;
    }
    *out = h;
    return TRAP_OK;
fail:
    if (err == TRAP_ENOMEM)
        err_text_set(why, "not enough memory for the HTTP server");
    if (h != NULL)
        server_free(h);
    return err;
}

static struct MHD_Daemon *daemon_start_one(struct httpd *h, size_t i)
{
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_ITC | MHD_USE_ERROR_LOG | (ip_is_v4(h->o.listen->v[i].ip) ? 0 : MHD_USE_IPv6);
    const uint64_t limit = ((uint64_t)h->o.connections_max + CONNECTIONS_SPARE) * h->o.threads;
    const int64_t idle_s = (h->o.idle_timeout.ms + 999) / 1000;
    /* One thread is the library's own way without a pool; a pool of one is refused. */
    const unsigned pool = h->o.threads > 1 ? h->o.threads : 0;

    return MHD_start_daemon(flags, 0, accept_policy, h, handler_request, h,
                            MHD_OPTION_LISTEN_SOCKET, h->fds[i],
                            MHD_OPTION_THREAD_POOL_SIZE, pool,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)(limit > UINT32_MAX / 2 ? UINT32_MAX / 2 : limit),
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)h->o.header_max_bytes + POOL_SPARE,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(idle_s < 1 ? 1 : idle_s),
                            MHD_OPTION_URI_LOG_CALLBACK, handler_target, h,
                            MHD_OPTION_UNESCAPE_CALLBACK, handler_keep_escapes, h,
                            MHD_OPTION_NOTIFY_COMPLETED, handler_completed, h,
                            MHD_OPTION_NOTIFY_CONNECTION, handler_connection, h,
                            MHD_OPTION_EXTERNAL_LOGGER, library_log, NULL,
                            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                            MHD_OPTION_END);
}

/* Twice idle_timeout: who was silent for less than that has as long for the request itself. */
static void shut_slow(void *arg)
{
    struct httpd *h = arg;
    const mono_t now = mono_now();

    if (mono_diff(now, h->looked).ms < SLOW_LOOK_MS)
        return;
    h->looked = now;
    peers_shut_slow(&h->peers, now, SPAN_MS(2 * h->o.idle_timeout.ms));
}

enum trap_err httpd_run(struct httpd *h, struct err_text *why)
{
    MHD_set_panic_func(library_panic, NULL);
    if (wait_queue_start(&h->waits, h->o.deadline, shut_slow, h) != TRAP_OK) {
        err_text_set(why, "cannot start a thread of the HTTP server");
        return TRAP_ENOMEM;
    }
    for (size_t i = 0; i < h->count; i++) {
        h->daemons[i] = daemon_start_one(h, i);
        if (h->daemons[i] == NULL) {
            err_text_set(why, "cannot start the HTTP server: %s", log_errno_text());
            return TRAP_EIO;
        }
        h->fds[i] = -1; /* the library's now */
    }
    return TRAP_OK;
}

static void sleep_ms(int64_t ms)
{
    const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&ts, NULL);
}

/* Only counts that can do nothing but fall are waited for without a limit of time. */
static void wait_for_handlers(struct httpd *h)
{
    while (atomic_load(&h->submitting) != 0)
        sleep_ms(1);
}

static void wait_for_responses(struct httpd *h)
{
    const mono_t until = mono_add(mono_now(), SPAN_MS(STOP_WAIT_MS));

    while (atomic_load(&h->active) != 0 && mono_now().ms < until.ms)
        sleep_ms(2);
}

void httpd_stop(struct httpd **hp, void (*drain)(void *arg), void *arg)
{
    struct httpd *h = *hp;

    if (h == NULL)
        return;
    *hp = NULL;
    for (size_t i = 0; i < h->count; i++)
        if (h->daemons[i] != NULL)
            h->fds[i] = MHD_quiesce_daemon(h->daemons[i]);
    atomic_store(&h->stopping, true);
    if (h->waits.started) {
        wait_queue_close(&h->waits);
        wait_for_handlers(h);
    }
    if (drain != NULL)
        drain(arg);
    wait_queue_stop(&h->waits);
    wait_for_responses(h);
    for (size_t i = 0; i < h->count; i++)
        if (h->daemons[i] != NULL)
            MHD_stop_daemon(h->daemons[i]);
    server_free(h);
}

uint16_t httpd_port(const struct httpd *h, size_t endpoint)
{
    const union MHD_DaemonInfo *info = NULL;
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct ip ip;
    uint16_t port = 0;
    int fd = h->fds[endpoint];

    if (fd == -1 && h->daemons[endpoint] != NULL) {
        info = MHD_get_daemon_info(h->daemons[endpoint], MHD_DAEMON_INFO_LISTEN_FD);
        fd = info == NULL ? -1 : info->listen_fd;
    }
    if (fd == -1 || getsockname(fd, (struct sockaddr *)&sa, &len) == -1 ||
        ip_from_sockaddr((const struct sockaddr *)&sa, &ip, &port) != TRAP_OK)
        return 0;
    return port;
}

void httpd_stats(struct httpd *h, struct httpd_stats *out)
{
    out->connections = atomic_load_explicit(&h->connections, memory_order_relaxed);
    out->requests = atomic_load_explicit(&h->requests, memory_order_relaxed);
    out->refused_connections = atomic_load_explicit(&h->refused_connections, memory_order_relaxed);
    out->refused_requests = atomic_load_explicit(&h->refused_requests, memory_order_relaxed);
    (void)pthread_mutex_lock(&h->peers.lock);
    out->connections_now = h->peers.total;
    (void)pthread_mutex_unlock(&h->peers.lock);
    (void)pthread_mutex_lock(&h->waits.lock);
    out->suspended_now = h->waits.count;
    out->deadlines = h->waits.deadlines;
    (void)pthread_mutex_unlock(&h->waits.lock);
}
