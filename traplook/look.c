/* look.c - see look.h. */
#include "look.h"

#include "guard.h"
#include "seek.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/log.h>
#include <base/loop.h>
#include <store/hit_log.h>
#include <store/lookup.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct look {
    const struct config *config;
    struct look_env env;
    struct guard *guard;
    struct seek *seek;
    struct loop_timer timer;
    struct loop_io signals;
    int signal_fd, lock_fd;
};

static void turn(struct look *l)
{
    geo_refresh(l->env.geo);
    guard_turn(l->guard);
    seek_turn(l->seek);
    loop_timer_start(l->env.loop, &l->timer, l->config->look.interval);
}

static void on_timer(struct loop_timer *t)
{
    turn(t->arg);
}

static void on_signal(struct loop_io *io, int events)
{
    struct look *l = io->arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(l->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        turn(l);
    else
        loop_stop(l->env.loop);
}

static enum trap_err open_parts(struct look *l, struct err_text *why)
{
    struct look_env *env = &l->env;
    enum trap_err err;

    env->config = l->config;
    err = store_open(l->config->state_dir, STORE_ACTS, STORE_WRITE, &env->acts, why);
    if (err != TRAP_OK)
        return err;
    err_text_set(why, "no memory, or no event loop");
    err = loop_new(&env->loop);
    if (err == TRAP_OK)
        err = dns_new(&l->config->look, env->loop, &env->dns, why);
    if (err == TRAP_OK)
        err = geo_new(l->config, &env->geo);
    if (err == TRAP_OK)
        err = guard_new(env, &l->guard, why);
    if (err == TRAP_OK)
        err = seek_new(env, &l->seek);
    return err;
}

enum trap_err look_new(const struct config *c, int signal_fd, struct look **out, struct err_text *why)
{
    struct look *l = calloc(1, sizeof(*l));
    char path[PATH_TEXT_MAX];
    enum trap_err err = TRAP_ENOMEM;

    if (l == NULL) {
        err_text_set(why, "no memory");
        return err;
    }
    l->config = c;
    l->signal_fd = signal_fd;
    l->lock_fd = -1;
    config_state_path(c, "look.lock", path);
    err = file_lock(path, &l->lock_fd, why);
    if (err == TRAP_OK)
        err = open_parts(l, why);
    if (err != TRAP_OK) {
        look_free(&l);
        return err;
    }
    loop_io_init(&l->signals, signal_fd, LOOP_READ, on_signal, l);
    loop_timer_init(&l->timer, on_timer, l);
    *out = l;
    return TRAP_OK;
}

void look_run(struct look *l)
{
    loop_io_start(l->env.loop, &l->signals);
    loop_timer_start(l->env.loop, &l->timer, SPAN_MS(0));
    log_info("look.start");
    daemon_ready();
    loop_run(l->env.loop);
    loop_timer_stop(l->env.loop, &l->timer);
    loop_io_stop(l->env.loop, &l->signals);
    const struct dns_stats stats = dns_stats(l->env.dns);
    log_info("look.stop", LOG_U64("asked", stats.asked), LOG_U64("found", stats.found),
             LOG_U64("none", stats.none), LOG_U64("undecided", stats.undecided));
}

/* The dns first: nobody is called back after that. */
void look_free(struct look **look)
{
    struct look *l = *look;

    if (l == NULL)
        return;
    dns_free(&l->env.dns);
    guard_free(&l->guard);
    seek_free(&l->seek);
    geo_free(&l->env.geo);
    loop_free(&l->env.loop);
    store_close(&l->env.acts);
    if (l->lock_fd != -1)
        file_unlock(l->lock_fd);
    free(l);
    *look = NULL;
}

/* ---- one address ---- */

static void on_asked(void *arg, struct address *a)
{
    struct look *l = arg;

    (void)a;
    loop_stop(l->env.loop);
}

static enum trap_err take_helo(const struct hit *h, void *arg)
{
    struct address_ask *ask = arg;

    if (h->helo.n < sizeof(ask->helo) && bytes_find(h->helo, '\0') == h->helo.n)
        memcpy(ask->helo, h->helo.p, h->helo.n);
    return TRAP_OK;
}

static enum trap_err ask_one(struct look *l, const struct address_ask *ask, struct err_text *why)
{
    struct look_env *env = &l->env;
    struct address *a = NULL;
    enum trap_err err = store_open(l->config->state_dir, STORE_ACTS, STORE_WRITE, &env->acts, why);

    if (err != TRAP_OK)
        return err;
    err_text_set(why, "no memory, or no event loop");
    err = loop_new(&env->loop);
    if (err == TRAP_OK)
        err = dns_new(&l->config->look, env->loop, &env->dns, why);
    if (err == TRAP_OK)
        err = geo_new(l->config, &env->geo);
    if (err == TRAP_OK)
        err = address_start(env, ask, on_asked, l, &a);
    if (err == TRAP_OK)
        loop_run(env->loop); /* ends with the answers: each question has a time limit */
    return err;
}

enum trap_err look_ask(const struct config *c, struct ip ip, struct err_text *why)
{
    struct address_ask ask = { .ip = ip, .sender = true, .harvester = true };
    struct look *l = calloc(1, sizeof(*l));
    struct store_db *hits = NULL;
    enum trap_err err = TRAP_ENOMEM;

    err_text_set(why, "no memory");
    if (l != NULL) {
        l->config = c;
        l->env.config = c;
        l->lock_fd = -1;
        err = store_open(c->state_dir, STORE_HITS, STORE_READ, &hits, why);
    }
    if (err == TRAP_OK)
        err = hit_by_sender(hits, (struct prefix){ ip, 128 }, 1, take_helo, &ask);
    if (err == TRAP_OK)
        err = ask_one(l, &ask, why);
    store_close(&hits);
    look_free(&l);
    return err;
}
