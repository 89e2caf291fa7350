/* traplook - asks the DNS, in the background, for what the policies want to know of an address, and writes the
 * answers down as acts. See docs/adr/0020. */
#include "look.h"

#include <base/daemon.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "Usage: traplook [-c CONF] [--ask IP]\n"
    "\n"
    "Looks up senders and harvesters in the background (reverse names, DNS whitelist, country, network), and the\n"
    "networks of big mail providers by their SPF records, for the guard. Writes the answers down as acts. Ends on\n"
    "SIGTERM or SIGINT; SIGHUP: looks at once.\n"
    "\n"
    "  -c CONF    configuration; default $TRAPLINE_CONF, then /etc/trapline/trapline.conf\n"
    "  --ask IP   look up one address now, write it down, and end\n"
    "  --help     this text\n"
    "  --version  the version\n";

static int fail(enum trap_err err, const struct err_text *why)
{
    (void)fprintf(stderr, "traplook: %s\n", why->text);
    return daemon_exit_code(err);
}

/* Takes --ask IP out of argv. */
static int take_ask(int argc, char **argv, bool *asked_out, struct ip *ip_out)
{
    int kept = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--ask") != 0) {
            argv[kept++] = argv[i];
        } else if (ip_parse(bytes_str(argv[++i]), ip_out) == TRAP_OK) { /* argv[argc] is NULL: no address */
            *asked_out = true;
        } else {
            (void)fputs("traplook: --ask needs an IP address (see traplook --help)\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    argv[kept] = NULL;
    return kept;
}

static int ask(const struct config *config, struct ip ip)
{
    struct err_text why = { "" };
    enum trap_err err = daemon_drop_privileges(config, &why);

    if (err == TRAP_OK)
        err = look_ask(config, ip, &why);
    return err == TRAP_OK ? 0 : fail(err, &why);
}

static int work(const struct config *config)
{
    const int signal_fd = daemon_signal_fd();
    struct look *look = NULL;
    struct err_text why = { "" };
    enum trap_err err = daemon_drop_privileges(config, &why);
    int code = 0;

    if (err == TRAP_OK && signal_fd == -1) {
        err_text_set(&why, "cannot wait for signals");
        err = TRAP_EIO;
    }
    if (err == TRAP_OK)
        err = look_new(config, signal_fd, &look, &why);
    if (err == TRAP_OK)
        look_run(look);
    else
        code = fail(err, &why);
    look_free(&look);
    if (signal_fd != -1)
        (void)close(signal_fd);
    return code;
}

int main(int argc, char **argv)
{
    bool asked = false;
    struct ip ip = { { 0 } };
    const int kept = take_ask(argc, argv, &asked, &ip);
    struct config *config = daemon_start(kept, argv, "traplook", help);
    const int code = asked ? ask(config, ip) : work(config);

    config_free(&config);
    return code;
}
