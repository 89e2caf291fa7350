/* trapweb - shows bait: pages with addresses that nobody else ever got, each visit on disk before its page is
 * sent. */
#include "web.h"

#include <base/daemon.h>
#include <base/log.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { COUNTERS_EVERY_MS = 60000 };

static const char help[] =
    "Usage: trapweb [-c FILE]\n"
    "Serves bait pages over HTTP and records every visit. Stops on SIGTERM or SIGINT.\n"
    "\n"
    "  -c FILE     configuration; default $TRAPLINE_CONF, then /etc/trapline/trapline.conf\n"
    "  --version   print the version\n"
    "  --help      print this\n"
    "\n"
    "Listens where web { listen = … } says; put it behind your web server (docs/bait.md).\n"
    "Exit status: 0 stopped, 69 port in use, 73-77 files, 78 configuration. The last line on standard error says why.\n";

TRAP_NORETURN static void fail(int code, const struct err_text *why)
{
    fprintf(stderr, "trapweb: %s\n", why->text);
    exit(code);
}

static void keys_read(const struct config *conf, struct keyring *keys)
{
    char path[1024];
    struct err_text why = { "" };
    enum trap_err err = TRAP_OK;

    config_state_path(conf, "keys/web.key", path);
    err = keyring_read(path, keys, &why);
    if (err == TRAP_OK && (!keys->has_node || keys->node_id != conf->node_id)) {
        err_text_set(&why, "%s: holds no key of node %u; is node_id in %s right?", path, (unsigned)conf->node_id, conf->path);
        err = TRAP_EINVAL;
    }
    if (err != TRAP_OK)
        fail(daemon_exit_code(err), &why);
}

/* Counters once a minute when there were requests; SIGHUP has nothing to re-read. */
static void serve(struct web *w, int signals)
{
    uint64_t seen = 0;

    for (;;) {
        struct pollfd p = { .fd = signals, .events = POLLIN };
        const int n = poll(&p, 1, COUNTERS_EVERY_MS);
        struct signalfd_siginfo info;

        if (n == -1 && errno != EINTR)
            return;
        if (n == 1 && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            if (info.ssi_signo != SIGHUP)
                return;
            log_info("web.reload", LOG_STR("do", "restart trapweb to read its configuration again"));
        }
        if (n == 0 && w->counters.requests != seen) {
            seen = w->counters.requests;
            web_log_counters(w);
            web_log_connections(w);
        }
    }
}

/* Ports first, while the process may still have the right to them; then nothing is read or written as
 * root. */
static void start(struct web *w, const struct config *conf)
{
    struct err_text why = { "" };
    struct keyring keys;
    struct httpd_options o;
    struct httpd *httpd = NULL;
    enum trap_err err = TRAP_OK;

    if (conf->web.listen.n == 0) {
        err_text_set(&why, "%s: web { listen = … } names no address, so trapweb has nothing to do", conf->path);
        fail(EXIT_CONFIG, &why);
    }
    o = web_httpd_options(w, conf);
    err = httpd_open(&o, &httpd, &why);
    if (err != TRAP_OK)
        fail(err == TRAP_EBUSY ? EXIT_UNAVAILABLE : daemon_exit_code(err), &why);
    err = daemon_drop_privileges(conf, &why);
    if (err != TRAP_OK)
        fail(daemon_exit_code(err), &why);
    keys_read(conf, &keys);
    err = web_init(w, conf, &keys, &why);
    keyring_wipe(&keys);
    if (err != TRAP_OK)
        fail(err == TRAP_EINVAL ? EXIT_CONFIG : daemon_exit_code(err), &why);
    err = visit_log_open(conf->state_dir, &conf->store, NULL, NULL, &w->log, &why);
    if (err != TRAP_OK)
        fail(daemon_exit_code(err), &why);
    w->httpd = httpd;
    err = httpd_run(httpd, &why);
    if (err != TRAP_OK)
        fail(daemon_exit_code(err), &why);
}

int main(int argc, char **argv)
{
    struct config *conf = daemon_start(argc, argv, "trapweb", help);
    const int signals = daemon_signal_fd();
    struct err_text why = { "" };
    static struct web w;

    if (signals == -1 || keyed_init() != TRAP_OK) {
        err_text_set(&why, "cannot start: %s", log_errno_text());
        fail(EXIT_OSERR, &why);
    }
    start(&w, conf);
    for (size_t i = 0; i < conf->web.listen.n; i++)
        log_info("web.start", LOG_IP(conf->web.listen.v[i].ip), LOG_U64("port", conf->web.listen.v[i].port));
    daemon_ready();
    serve(&w, signals);
    web_log_connections(&w);
    httpd_stop(&w.httpd, web_drain, &w);
    web_log_counters(&w);
    log_info("web.stop");
    web_free(&w);
    (void)close(signals);
    config_free(&conf);
    return 0;
}
