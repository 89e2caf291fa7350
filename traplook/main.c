/* traplook - asks the DNS, in the background, for what the policies want to know of an address, and writes the
 * answers down as acts. See docs/adr/0020. */
#include "look.h"

#include <base/daemon.h>
#include <mail/keyed.h>

#include <stdio.h>
#include <unistd.h>

static const char help[] =
    "Usage: traplook [-c CONF]\n"
    "\n"
    "Looks up senders and harvesters in the background (reverse names, DNS whitelist, country, network), and the\n"
    "networks of big mail providers by their SPF records, for the guard. Writes the answers down as acts. Ends on\n"
    "SIGTERM or SIGINT; SIGHUP: looks at once.\n"
    "\n"
    "  -c CONF    configuration; default $TRAPLINE_CONF, then /etc/trapline/trapline.conf\n"
    "  --help     this text\n"
    "  --version  the version\n";

static int fail(enum trap_err err, const struct err_text *why)
{
    (void)fprintf(stderr, "traplook: %s\n", why->text);
    return daemon_exit_code(err);
}

int main(int argc, char **argv)
{
    struct config *config = daemon_start(argc, argv, "traplook", help);
    const int signal_fd = daemon_signal_fd();
    struct look *look = NULL;
    struct err_text why = { "" };
    enum trap_err err = daemon_drop_privileges(config, &why);
    int code = 0;

    if (err == TRAP_OK && (signal_fd == -1 || keyed_init() != TRAP_OK)) {
        err_text_set(&why, "no signals or no random numbers from the system");
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
    config_free(&config);
    return code;
}
