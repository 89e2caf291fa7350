/* look.c - see look.h. */
#include "look.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/log.h>
#include <base/loop.h>
#include <store/lookup.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct look {
    const struct config *config;
    struct loop *loop;
    struct loop_io signals;
    int signal_fd, lock_fd;
    struct store_db *acts;
};

static void on_signal(struct loop_io *io, int events)
{
    struct look *l = io->arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) && info.ssi_signo != SIGHUP)
        loop_stop(l->loop);
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
        err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &l->acts, why);
    if (err == TRAP_OK) {
        err = loop_new(&l->loop);
        if (err != TRAP_OK)
            err_text_set(why, "cannot make the event loop");
    }
    if (err != TRAP_OK) {
        look_free(&l);
        return err;
    }
    loop_io_init(&l->signals, signal_fd, LOOP_READ, on_signal, l);
    *out = l;
    return TRAP_OK;
}

void look_run(struct look *l)
{
    loop_io_start(l->loop, &l->signals);
    log_info("look.start");
    daemon_ready();
    loop_run(l->loop);
    log_info("look.stop");
    loop_io_stop(l->loop, &l->signals);
}

void look_free(struct look **look)
{
    struct look *l = *look;

    if (l == NULL)
        return;
    loop_free(&l->loop);
    store_close(&l->acts);
    if (l->lock_fd != -1)
        file_unlock(l->lock_fd);
    free(l);
    *look = NULL;
}
