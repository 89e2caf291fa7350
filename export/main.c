/* main.c - trapexport: options, start, end. */
#include "runner.h"

#include <base/daemon.h>
#include <base/num.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "trapexport makes the zones: it folds the log into evidence, applies the policies, and publishes what "
    "they list as files\n"
    "for rbldnsd, every `interval` (export block of the configuration).\n"
    "\n"
    "  trapexport [-c CONF]                 work until SIGTERM or SIGINT; SIGHUP: look at once\n"
    "  trapexport [-c CONF] --once          one run, then end\n"
    "  trapexport [-c CONF] --once --out DIR [--as-of TIME] [--serial N]\n"
    "                                       write the zones as they were at TIME into the new directory DIR; "
    "the installation\n"
    "                                       is only read, and the same inputs give the same bytes\n"
    "\n"
    "TIME is 2026-03-01T12:00:00Z, 2026-03-01, or @ and seconds since 1970.\n";

struct options {
    bool once, has_as_of, has_serial;
    wall_t as_of;
    uint32_t serial;
    const char *out;
};

TRAP_NORETURN static void usage(const char *text)
{
    (void)fprintf(stderr, "trapexport: %s (see trapexport --help)\n", text);
    exit(EXIT_USAGE);
}

static void take_value(struct options *o, const char *name, const char *value)
{
    if (value == NULL)
        usage("an option needs a value: --as-of TIME, --serial N, --out DIR");
    if (strcmp(name, "--out") == 0) {
        o->out = value;
    } else if (strcmp(name, "--serial") == 0) {
        if (num_u32(bytes_str(value), 1, UINT32_MAX, &o->serial) != TRAP_OK)
            usage("--serial needs a number from 1 to 4294967295");
        o->has_serial = true;
    } else {
        if (wall_parse(bytes_str(value), &o->as_of) != TRAP_OK)
            usage("--as-of needs a time: 2026-03-01T12:00:00Z, 2026-03-01, or @SECONDS");
        o->has_as_of = true;
    }
}

/* Takes our own options out of argv; the rest is every daemon's. */
static int take_options(int argc, char **argv, struct options *o)
{
    int kept = 1;

    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];

        if (strcmp(a, "--once") == 0)
            o->once = true;
        else if (strcmp(a, "--as-of") == 0 || strcmp(a, "--serial") == 0 || strcmp(a, "--out") == 0)
            take_value(o, a, argv[++i]); /* argv[argc] is NULL: then it does not come back */
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    if ((o->has_as_of || o->has_serial || o->out != NULL) && !(o->once && o->out != NULL))
        usage("--as-of and --serial go with --once --out DIR: what was published is never written twice");
    return kept;
}

static int fail(enum trap_err err, const struct err_text *why)
{
    (void)fprintf(stderr, "trapexport: %s\n", why->text);
    return daemon_exit_code(err);
}

static int write_out(const struct config *c, const struct options *o)
{
    struct err_text why = { "" };
    struct publish_result result;
    const enum trap_err err =
        runner_out(c, o->has_as_of ? o->as_of : wall_now(), o->serial, o->out, &result, &why);

    return err == TRAP_OK ? 0 : fail(err, &why);
}

static int work(const struct config *c, const struct options *o)
{
    struct err_text why = { "" };
    struct runner *r = NULL;
    const int signal_fd = daemon_signal_fd();
    enum trap_err err;

    if (signal_fd == -1) {
        err_text_set(&why, "cannot wait for signals");
        return fail(TRAP_EIO, &why);
    }
    err = daemon_drop_privileges(c, &why);
    if (err == TRAP_OK)
        err = runner_new(c, &r, &why);
    if (err == TRAP_OK && o->once) {
        err = runner_run(r, true, &why);
    } else if (err == TRAP_OK) {
        daemon_ready();
        err = runner_loop(r, signal_fd, &why);
    }
    runner_free(&r);
    (void)close(signal_fd);
    return err == TRAP_OK ? 0 : fail(err, &why);
}

int main(int argc, char **argv)
{
    struct options o = { 0 };
    const int kept = take_options(argc, argv, &o);
    struct config *c = daemon_start(kept, argv, "trapexport", help);
    int code;

    if (keyed_init() != TRAP_OK) {
        (void)fprintf(stderr, "trapexport: libsodium does not start\n");
        config_free(&c);
        return EXIT_SOFTWARE;
    }
    code = o.out != NULL ? write_out(c, &o) : work(c, &o);
    config_free(&c);
    return code;
}
