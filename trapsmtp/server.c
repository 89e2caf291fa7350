#include "server.h"

#include "evidence.h"
#include "listener.h"
#include "postbox.h"
#include "session.h"
#include "socketmap.h"
#include "tls.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/keyring.h>
#include <base/log.h>
#include <mail/smtp_auth.h>

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_MS = 1000, STOP_TICK_MS = 20, NAP_US = 80 };

/* ---- work that comes back from other threads ---- */

void server_complete(struct server *server, struct completion *c)
{
    TRAP_BUG_ON(mpsc_push(&server->completions, &c->node) != TRAP_OK); /* no limit, never closed */
}

void server_wake(struct server *server)
{
    loop_wake(&server->wakeup);
}

static void on_batch_done(void *arg)
{
    server_wake(arg);
}

static void run_completions(struct server *server)
{
    const mono_t past = { 0 };
    struct mpsc_node *list;
    size_t count;

    while (mpsc_drain_wait(&server->completions, past, &list, &count) == TRAP_OK)
        while (list != NULL) {
            struct completion *c = MPSC_OWNER(list, struct completion, node);

            list = list->next;
            c->run(c);
        }
    evidence_retry(server);
}

static void on_wakeup(struct loop_wakeup *w)
{
    run_completions(w->arg);
}

/* ---- what changes by itself ---- */

static void set_window(struct server *server, const struct mint_window *window)
{
    server->window = server->window_ever = *window;
    for (size_t node = 0; node < sizeof(window->node) / sizeof(window->node[0]); node++)
        server->window_ever.node[node].count = window->node[node].newest;
}

static void refresh_window(struct server *server)
{
    struct mint_window window;
    struct err_text why;

    if (!epochs_changed(server->config->state_dir, &server->window_stamp))
        return;
    if (epochs_read(server->config->state_dir, &window, &why) == TRAP_OK)
        set_window(server, &window);
    else
        log_error("smtp.epochs", LOG_STR("error", why.text)); /* the last good one stays */
}

static void refresh_tls(struct server *server, bool anyway)
{
    if (server->tls != NULL)
        tls_refresh(server->tls, anyway);
}

/* What a crowd had in memory goes back to the system when the crowd has gone; by itself the allocator keeps
 * it below whatever it gave away last. */
static void give_memory_back(struct server *server)
{
    enum { CROWD = 256, LEFT = 4 };

    if (server->session_count > server->sessions_peak)
        server->sessions_peak = server->session_count;
    if (server->sessions_peak < CROWD || server->session_count > server->sessions_peak / LEFT)
        return;
    (void)malloc_trim(0);
    server->sessions_peak = server->session_count;
}

static void on_tick(struct loop_timer *t)
{
    struct server *server = t->arg;

    session_free_dead(server);
    if (server->refused > 1)
        log_info("smtp.refused.more", LOG_U64("suppressed", server->refused - 1));
    server->refused = 0;
    if (server->lines_left_out > 0)
        log_info("smtp.session.more", LOG_U64("suppressed", server->lines_left_out));
    server->lines_left_out = 0;
    if (server->stopping) {
        const bool late = loop_now(server->loop).ms >= server->stop_deadline.ms;

        if (late || (server->sessions == NULL && server->jobs_out == 0)) {
            if (late)
                log_warning("smtp.stop", LOG_U64("sessions", server->session_count),
                            LOG_U64("commits", server->jobs_out));
            loop_stop(server->loop);
            return;
        }
        evidence_retry(server);
        loop_timer_start(server->loop, t, SPAN_MS(STOP_TICK_MS));
        return;
    }
    give_memory_back(server);
    trapdir_refresh(server->trapdir);
    refresh_window(server);
    refresh_tls(server, false);
    if (server->config->smtp.tarpit)
        listed_refresh(&server->listed);
    listeners_wake(server);
    socketmap_wake(server->socketmap);
    evidence_retry(server);
    loop_timer_start(server->loop, t, SPAN_MS(TICK_MS));
}

bool server_storage_full(const struct server *server)
{
    return server->queue_head != NULL || loop_now(server->loop).ms < server->storage_full_until.ms;
}

uint64_t server_session_id(struct server *server)
{
    const uint64_t now = (uint64_t)wall_now().us;

    server->last_session_id = now > server->last_session_id ? now : server->last_session_id + 1;
    return server->last_session_id;
}

/* ---- start and stop ---- */

static enum trap_err open_mint(struct server *server, struct err_text *why)
{
    const struct config *config = server->config;
    struct mint_window window;
    struct keyring keys;
    struct hash_key seed;
    char path[PATH_TEXT_MAX];
    enum trap_err err;

    config_state_path(config, "keys/master.key", path);
    err = keyring_read(path, &keys, why);
    if (err != TRAP_OK)
        return err;
    err = mint_new(&keys, &server->mint);
    server->auth_key = keyed_purpose(keys.master, "auth");
    seed = keyed_purpose(keys.master, "greeting");
    greeting_draw(&server->greeting, &seed, config->smtp.hostname);
    keyring_wipe(&keys);
    if (err != TRAP_OK) {
        err_text_set(why, "%s: no master key in it", path);
        return err;
    }
    server->mint_domains = calloc(config->trap_domain_count + 1, sizeof(*server->mint_domains));
    if (server->mint_domains == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < config->trap_domain_count; i++)
        server->mint_domains[i] = mint_domain(server->mint, bytes_str(config->trap_domains[i].name));
    server->mint_domains[config->trap_domain_count] = mint_domain(server->mint, BYTES("")); /* of no domain */
    (void)epochs_changed(config->state_dir, &server->window_stamp);
    err = epochs_read(config->state_dir, &window, why);
    if (err == TRAP_OK)
        set_window(server, &window);
    return err;
}

static enum trap_err open_loop(struct server *server)
{
    enum trap_err err = loop_new(&server->loop);

    if (err != TRAP_OK)
        return err;
    loop_wakeup_init(&server->wakeup, on_wakeup, server);
    loop_wakeup_start(server->loop, &server->wakeup);
    loop_timer_init(&server->tick, on_tick, server);
    return TRAP_OK;
}

static enum trap_err open_all(struct server *server, struct err_text *why)
{
    const struct config *config = server->config;
    enum trap_err err = client_limits_init(&server->limits);

    server->input_cap =
        READ_BYTES +
        (config->smtp.line_max_bytes > SMTP_AUTH_LINE_MAX ? config->smtp.line_max_bytes : SMTP_AUTH_LINE_MAX);
    server->input = malloc(server->input_cap);
    if (err == TRAP_OK && server->input == NULL)
        err = TRAP_ENOMEM;
    if (err == TRAP_OK)
        err = open_loop(server);
    if (err == TRAP_OK)
        err = trapdir_new(config, &server->trapdir, why);
    if (err == TRAP_OK && config->smtp.tarpit)
        listed_refresh(&server->listed);
    if (err == TRAP_OK)
        err = open_mint(server, why);
    if (err == TRAP_OK && !config->smtp.tls_off)
        err = tls_new(config, &server->tls, why);
    if (err == TRAP_OK)
        err = hit_log_open(config->state_dir, &config->store, on_batch_done, server, &server->hits, why);
    if (err == TRAP_OK)
        err = postbox_new(server, &server->postbox, why);
    return err;
}

enum trap_err server_new(const struct config *config, struct server **out, struct err_text *why)
{
    struct server *server = calloc(1, sizeof(*server));
    enum trap_err err;

    err_text_set(why, "out of memory");
    if (server == NULL)
        return TRAP_ENOMEM;
    server->config = config;
    server->queue_tail = &server->queue_head;
    listed_init(&server->listed, config->state_dir, config->export.stale_after);
    err = mpsc_init(&server->completions, SIZE_MAX / 2);
    if (err != TRAP_OK) {
        free(server);
        return err;
    }
    err = open_all(server, why);
    if (err != TRAP_OK) {
        server_free(&server);
        return err;
    }
    *out = server;
    return TRAP_OK;
}

void server_free(struct server **out)
{
    struct server *server = *out;

    if (server == NULL)
        return;
    hit_log_close(&server->hits); /* commits what waits */
    postbox_free(&server->postbox);
    if (server->loop != NULL)
        run_completions(server); /* what is queued finds the log closed */
    message_free_spares(server);
    session_free_dead(server);
    tls_free(&server->tls);
    trapdir_free(&server->trapdir);
    listed_free(&server->listed);
    mint_free(&server->mint);
    free(server->mint_domains);
    client_limits_free(&server->limits);
    if (server->loop != NULL)
        loop_wakeup_stop(server->loop, &server->wakeup);
    loop_free(&server->loop);
    mpsc_destroy(&server->completions);
    free(server->input);
    free(server);
    *out = NULL;
}

static void stop(struct server *server)
{
    struct session *next;

    if (server->stopping)
        return;
    server->stopping = true;
    server->stop_deadline = mono_add(loop_now(server->loop), SPAN_S(STOP_MAX_S - 1));
    log_info("smtp.stopping", LOG_U64("sessions", server->session_count));
    listeners_stop(server);
    socketmap_stop(server->socketmap);
    for (struct session *s = server->sessions; s != NULL; s = next) {
        next = s->next;
        session_stop(s);
    }
    loop_timer_start(server->loop, &server->tick, SPAN_MS(STOP_TICK_MS));
}

static void on_signal(struct loop_io *io, int events)
{
    struct server *server = io->arg;
    struct signalfd_siginfo info;

    (void)events;
    while (read(server->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            trapdir_refresh(server->trapdir);
            refresh_window(server);
            refresh_tls(server, true);
        } else {
            stop(server);
        }
    }
}

void server_run(struct server *server, int signal_fd)
{
    struct loop_io signals;
    struct log_gather lines;

    log_gather(&lines); /* two a message: one write a turn of the loop, not two each */
    loop_set_nap(server->loop, NAP_US);
    server->signal_fd = signal_fd;
    loop_io_init(&signals, signal_fd, LOOP_READ, on_signal, server);
    loop_io_start(server->loop, &signals);
    loop_timer_start(server->loop, &server->tick, SPAN_MS(TICK_MS));
    listeners_start(server);
    socketmap_start(server->socketmap, server);
    daemon_ready();
    loop_run(server->loop);
    loop_io_stop(server->loop, &signals);
    loop_timer_stop(server->loop, &server->tick);
    for (struct session *s = server->sessions, *next; s != NULL; s = next) {
        next = s->next;
        session_end(s, "shutdown");
    }
    log_gather(NULL);
}
