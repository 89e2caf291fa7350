/* trapsmtp - the SMTP sink: takes mail for traps, keeps the evidence, sends nothing. See
 * docs/smtp-behaviour.md. */
#include "listener.h"
#include "server.h"
#include "socketmap.h"

#include <base/daemon.h>
#include <base/log.h>
#include <mail/keyed.h>

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const char help[] =
    "Usage: trapsmtp [-c CONF]\n"
    "\n"
    "Takes mail for the trap domains and traps of the configuration and writes each message down before it\n"
    "answers 250. Opens no connection of its own. Ends on SIGTERM or SIGINT, within ten seconds.\n"
    "\n"
    "  -c CONF    configuration; default $TRAPLINE_CONF, then /etc/trapline/trapline.conf\n"
    "  --help     this text\n"
    "  --version  the version\n";

static int fail(enum trap_err err, const struct err_text *why)
{
    (void)fprintf(stderr, "trapsmtp: %s\n", why->text);
    return daemon_exit_code(err);
}

static enum trap_err check_listen(const struct config *config, struct err_text *why)
{
    if (config->smtp.listen.n + config->smtp.tls_listen.n + config->smtp.proxy_listen.n == 0) {
        err_text_set(why, "%s: smtp.listen is empty: name an address and port, such as \"127.0.0.1:2525\"",
                     config->path);
        return TRAP_EINVAL;
    }
    return TRAP_OK;
}

/* One descriptor a session, and some for the databases. Too low a limit is said once; clients over it get
 * 421. */
static void raise_open_files(const struct config *config)
{
    enum { OTHERS = 64 };
    const rlim_t wanted = (rlim_t)config->smtp.sessions_max + config->smtp.socketmap_max + OTHERS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur < wanted)
        log_warning("smtp.open_files", LOG_U64("limit", limit.rlim_cur),
                    LOG_U64("sessions_max", config->smtp.sessions_max),
                    LOG_STR("todo", "raise the limit of open files or lower sessions_max"));
}

static int serve(const struct config *config, int signal_fd, struct listener *listeners,
                 size_t listener_count, struct socketmap *map)
{
    struct err_text why;
    struct server *server;
    enum trap_err err = daemon_drop_privileges(config, &why);

    if (err != TRAP_OK)
        return fail(err, &why);
    err = server_new(config, &server, &why);
    if (err != TRAP_OK)
        return fail(err, &why);
    server->listeners = listeners;
    server->listener_count = listener_count;
    server->socketmap = map;
    log_info("smtp.start", LOG_STR("hostname", config->smtp.hostname), LOG_U64("listeners", listener_count));
    server_run(server, signal_fd);
    server_free(&server);
    log_info("smtp.stop");
    return 0;
}

int main(int argc, char **argv)
{
    struct config *config = daemon_start(argc, argv, "trapsmtp", help);
    struct listener *listeners = NULL;
    struct socketmap *map = NULL;
    size_t listener_count = 0;
    struct err_text why;
    enum trap_err err = check_listen(config, &why);
    int signal_fd, code;

    if (err == TRAP_OK && keyed_init() != TRAP_OK) {
        err_text_set(&why, "the random generator of the system does not work");
        err = TRAP_EIO;
    }
    if (err != TRAP_OK) {
        code = err == TRAP_EINVAL ? EXIT_CONFIG : EXIT_OSERR;
        (void)fail(err, &why);
        config_free(&config);
        return code;
    }
    raise_open_files(config);
    signal_fd = daemon_signal_fd();
    err = socketmap_open(config, &map, &why);
    if (err == TRAP_OK)
        err = listeners_bind(&config->smtp, &listeners, &listener_count, &why);
    if (err != TRAP_OK) {
        (void)fail(err, &why);
        code = err == TRAP_EBUSY ? EXIT_UNAVAILABLE : daemon_exit_code(err);
    } else {
        code = serve(config, signal_fd, listeners, listener_count, map);
    }
    socketmap_free(&map);
    listeners_free(&listeners, listener_count);
    (void)close(signal_fd);
    config_free(&config);
    return code;
}
